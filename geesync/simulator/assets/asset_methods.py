"""The methods that read and change single assets."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from geesync.simulator.api.service import Call, Service, require, require_visible
from geesync.simulator.assets import asset_json
from geesync.simulator.assets.external_images import create_external
from geesync.simulator.ingestion.importing import check_types
from geesync.simulator.messages.manifest_messages import image_manifest
from geesync.simulator.messages.property_rules import (
    check_bands,
    check_key,
    check_property,
    properties,
)
from geesync.simulator.messages.reading import camel_case
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world import names
from geesync.simulator.world.asset_quota import check_quota
from geesync.simulator.world.pixels import Json, SimAsset, SimBand
from geesync.simulator.world.world import CONTAINERS

READ = "earthengine.assets.get"
CREATE = "earthengine.assets.create"
UPDATE = "earthengine.assets.update"
DELETE = "earthengine.assets.delete"

BARE_FOLDER = "A folder cannot have properties or times."
UNQUOTED = re.compile(r'^[^"]*\.')  #: a key with a point in it, which only quotes can hold
#: Fields that a patch may change → the attribute that holds them.
PATCHABLE = {"startTime": "start_time", "endTime": "end_time", "properties": "properties"}


def get_asset(service: Service, call: Call) -> Json:
    """Answer assets.get; a root also tells how full it is."""
    require_visible(service, call, call.name, READ)
    asset = service.world.get(call.name)
    answer = asset_json.full(asset)
    if service.profile.feature_count == "absent":
        answer.pop("featureCount", None)
    if names.is_root(asset.name):
        answer["quota"] = _quota(service, asset.name)
    return answer


def create_asset(service: Service, call: Call) -> Json:
    """Answer assets.create, for folders, collections and external images."""
    name = f"{call.name}/assets/{call.query.get('assetId', '')}"
    require(service, call, CREATE, name)
    kind = call.body.get("type", "")
    overwrite = call.flag("overwrite")
    if kind == "IMAGE" and "cloudStorageLocation" in call.body:
        made = create_external(service, _manifest(call.body, name), name, overwrite=overwrite)
        return asset_json.full(made)
    if kind not in CONTAINERS:
        raise BadRequest(f"Assets of type '{kind}' cannot be created by this method.")
    if kind == "FOLDER" and set(call.body) - {"type", "name", "id"}:
        raise BadRequest(BARE_FOLDER)
    names.check(name)
    asset = SimAsset(
        name=name,
        type=kind,
        properties=properties(call.body.get("properties", {}), "asset.properties"),
        start_time=call.body.get("startTime"),
        end_time=call.body.get("endTime"),
    )
    check_quota(service.profile, service.world, asset)
    created = service.world.put(asset, overwrite=False)
    service.audit.add("create", name, type=kind)
    return asset_json.full(created)


def _manifest(body: Json, name: str) -> Json:
    """Return the manifest of an external image that is told by its place only."""
    told = {key: body[key] for key in ("properties", "startTime", "endTime") if key in body}
    tileset = {"sources": [body["cloudStorageLocation"]]}
    return image_manifest({**told, "name": name, "tilesets": [tileset]}, "asset")


def patch_asset(service: Service, call: Call) -> Json:
    """Answer assets.patch: fields in the mask are replaced, or removed if not given."""
    require_visible(service, call, call.name, READ)
    require(service, call, UPDATE, call.name)
    asset, fields = service.world.get(call.name), call.body.get("asset", {})
    paths = call.body.get("updateMask") or list(fields)
    if asset.type == "FOLDER" and paths:
        raise BadRequest(BARE_FOLDER)
    for path in paths:
        asset = _patched(asset, path, fields)
    _check_changed(service, asset)
    changed = service.world.put(asset, moves_time=service.profile.patch_moves_time)
    service.audit.add("patch", call.name)
    return asset_json.full(changed)


def _check_changed(service: Service, asset: SimAsset) -> None:
    """Raise BadRequest for properties and ids of bands that are new, and that it cannot have."""
    before = service.world.get(asset.name)
    for key, value in asset.properties.items():
        if key in before.properties and before.properties[key] == value:
            continue
        if key.startswith("system:") or not service.profile.odd_keys_patched:
            check_key(key)
        check_property(key, value)
        check_types(service.world, asset.name, {key: value})
    check_bands({band.id for band in asset.bands} - {band.id for band in before.bands})


def delete_asset(service: Service, call: Call) -> Json:
    """Answer assets.delete."""
    require_visible(service, call, call.name, READ)
    require(service, call, DELETE, call.name)
    service.world.delete(call.name)
    service.audit.add("delete", call.name)
    return {}


def copy_asset(service: Service, call: Call) -> Json:
    """Answer assets.copy, of all or some bands."""
    target = _target(service, call)
    source = replace(service.world.get(call.name), name=target)
    if wanted := call.body.get("bandIds"):
        source = replace(source, bands=_wanted(source, wanted))
    check_quota(service.profile, service.world, source)
    check_types(service.world, target, source.properties)
    copied = service.world.put(source, overwrite=call.body.get("overwrite", False))
    service.audit.add("copy", call.name, destination=target)
    return asset_json.full(copied)


def _wanted(asset: SimAsset, ids: list[str]) -> tuple[SimBand, ...]:
    known = {band.id: band for band in asset.bands}
    for band_id in ids:
        if band_id not in known:
            raise BadRequest(f"Asset '{asset.name}' has no band '{band_id}'.")
    return tuple(band for band in asset.bands if band.id in ids)


def move_asset(service: Service, call: Call) -> Json:
    """Answer assets.move."""
    target = _target(service, call)
    require(service, call, DELETE, call.name)
    check_types(service.world, target, service.world.get(call.name).properties)
    moved = service.world.move(call.name, target)
    service.audit.add("move", call.name, destination=target)
    return asset_json.full(moved)


def _target(service: Service, call: Call) -> str:
    """Return where a copy or move goes, if the caller may read the one and make the other."""
    target = str(call.body.get("destinationName", ""))
    require_visible(service, call, call.name, READ)
    require(service, call, CREATE, target)
    names.check(target)
    return target


def _renamed(bands: tuple[SimBand, ...], asked: list[Json]) -> tuple[SimBand, ...]:
    """Return bands with new names; nothing else of them can be changed."""
    if len(asked) != len(bands):
        raise BadRequest(f"Expected {len(bands)} bands, but got {len(asked)}.")
    pairs = zip(bands, asked, strict=True)
    return tuple(replace(band, id=told.get("id", band.id)) for band, told in pairs)


def _patched(asset: SimAsset, path: str, fields: Json) -> SimAsset:
    head, _, key = path.partition(".")
    field = camel_case(head)
    if field == "bands":
        return replace(asset, bands=_renamed(asset.bands, fields.get("bands", [])))
    if field not in PATCHABLE or (key and (field != "properties" or UNQUOTED.search(key))):
        raise BadRequest(f"Field '{path}' cannot be updated.")
    if not key:
        empty: Any = {} if field == "properties" else None
        return replace(asset, **{PATCHABLE[field]: fields.get(field, empty)})
    name = key.strip('"')
    kept = {known: value for known, value in asset.properties.items() if known != name}
    given = fields.get("properties", {})
    if given.get(name) is not None:
        kept[name] = given[name]
    return replace(asset, properties=kept)


def _quota(service: Service, root: str) -> Json:
    usage = service.world.usage(root)
    numbers = {
        "sizeBytes": usage.size_bytes,
        "maxSizeBytes": service.profile.max_bytes,
        "assetCount": usage.assets,
        "maxAssets": service.profile.max_assets,
    }
    return {name: str(number) for name, number in numbers.items() if number}
