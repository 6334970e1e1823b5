"""The methods that start ingestions, and the work that an ingestion does."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from geesync.simulator.api.service import Call, Service, require
from geesync.simulator.exports.arrival import check_description
from geesync.simulator.ingestion.image_ingestion import ingest_image
from geesync.simulator.ingestion.mosaics import Fetch
from geesync.simulator.ingestion.source_files import SourceFiles
from geesync.simulator.ingestion.table_ingestion import ingest_table
from geesync.simulator.messages.manifest_messages import uris
from geesync.simulator.messages.property_rules import kind_of
from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import (
    INVALID_ARGUMENT,
    BadRequest,
    CallRefused,
    ExportRefused,
    NotSimulated,
)
from geesync.simulator.storage.bucket import CloudStorage
from geesync.simulator.tasks.operation import CODE_EDITOR, Result, Task
from geesync.simulator.tasks.results import NewAsset
from geesync.simulator.tasks.submitting import submit
from geesync.simulator.wire.audit import body_hash
from geesync.simulator.world import names
from geesync.simulator.world.pixels import Json, SimAsset
from geesync.simulator.world.world import World

Kind = Literal["image", "table"]
Ingest = Callable[[Json, Fetch], SimAsset]

OPERATION_TYPES = {"image": "INGEST_IMAGE", "table": "INGEST_TABLE"}


def import_image(service: Service, call: Call) -> Json:
    """Answer image.import."""
    return _import(service, call, "image", ingest_image)


def import_table(service: Service, call: Call) -> Json:
    """Answer table.import."""
    return _import(service, call, "table", partial(ingest_table, profile=service.profile))


def _import(service: Service, call: Call, kind: Kind, ingest: Ingest) -> Json:
    manifest = call.body[f"{kind}Manifest"]
    _check_formats(kind, sources_of(manifest))
    name = target(service, call, manifest["name"])
    overwrite = call.body.get("overwrite", False)
    check_description(call.body.get("description", ""), service.profile)
    check_masks(service.profile, manifest)
    _check_early(service, name, manifest, _Place(kind.upper(), overwrite))
    task = Task(
        project=call.project,
        type=OPERATION_TYPES[kind],
        work=partial(_work, service, ingest, manifest, name, _Place(kind.upper(), overwrite)),
        description=call.body.get("description") or f'Ingest {kind}: "{names.display_id(name)}"',
        principal=call.principal,
        request_id=call.body.get("requestId", ""),
        body_hash=body_hash({"project": call.project, "kind": f"import {kind}", **call.body}),
        destination_uris=(CODE_EDITOR + names.display_id(name),),
    )
    return submit(service, task, "import", asset=name, sources=sources_of(manifest))


@dataclass(frozen=True)
class _Place:
    """What is to be at a name."""

    type: str  #: of the asset
    overwrite: bool


def _check_early(service: Service, name: str, manifest: Json, place: _Place) -> None:
    """Refuse what the profile says that the call is refused for; the operation is, in any case."""
    profile, world = service.profile, service.world
    if profile.missing_parent == "call":
        world.check_parent(name, place.type)
    if profile.import_checks == "call":
        world.check_place(name, place.type, overwrite=place.overwrite)
    if profile.mixed_types == "call":
        check_types(world, name, manifest.get("properties", {}))


def check_masks(profile: Profile, manifest: Json) -> None:
    """Raise BadRequest for more mask bands than a manifest may have.

    https://developers.google.com/earth-engine/guides/image_manifest
    """
    if profile.mask_entries == "one" and len(manifest.get("maskBands", ())) > 1:
        raise BadRequest("At most 1 mask band may be provided.")


def check_types(world: World, name: str, properties: Json) -> None:
    """Raise BadRequest for properties of another type than in the rest of the collection."""
    parent = world.find(names.parent_of(name))
    if parent is None or parent.type != "IMAGE_COLLECTION":
        return
    unknown = dict(properties)
    for sibling in world.children(parent.name)[0]:
        for key in unknown.keys() & sibling.properties.keys() if sibling.name != name else ():
            if kind_of(sibling.properties[key]) != kind_of(unknown.pop(key)):
                raise BadRequest(
                    f"Property '{key}' has a value whose type does not match the type of the same"
                    " property of existing assets in the same collection."
                )
        if not unknown:
            return


def _check_formats(kind: Kind, uris: list[str]) -> None:
    """Raise NotSimulated for files of another format than can be read here."""
    for uri in uris if kind == "table" else ():
        if not uri.lower().partition("#")[0].endswith(".csv"):
            raise NotSimulated(f"The simulator ingests tables from CSV files only, not {uri}.")


def target(service: Service, call: Call, asset_id: str) -> str:
    """Return the name of the asset to be made, if the caller may make it."""
    name = names.canonical(asset_id)
    names.check(name)
    require(service, call, "earthengine.imports.create", f"projects/{call.project}")
    require(service, call, "earthengine.assets.create", name)
    return name


def _work(
    service: Service,
    ingest: Ingest,
    manifest: Json,
    name: str,
    place: _Place,
) -> Result:
    try:
        service.world.check_place(name, place.type, overwrite=place.overwrite)
        check_types(service.world, name, manifest.get("properties", {}))
    except CallRefused as refusal:
        raise ExportRefused(INVALID_ARGUMENT, refusal.message) from refusal
    asset = ingested(service.storage, ingest, manifest)
    return NewAsset(service.profile, service.world, replace(asset, name=name), place.overwrite)


def ingested(storage: CloudStorage, ingest: Ingest, manifest: Json) -> SimAsset:
    """Return the asset of a manifest, without its name; raises ExportRefused if it cannot be."""
    with tempfile.TemporaryDirectory(dir=storage.spool) as folder:
        files = SourceFiles(storage, Path(folder), manifest.get("uriPrefix", ""))
        return ingest(manifest, files.fetch)


def sources_of(manifest: Json) -> list[str]:
    """Return the URIs of all files of a manifest."""
    if "sources" in manifest:
        return uris(manifest, manifest["sources"])
    return [uri for tileset in manifest["tilesets"] for uri in uris(manifest, tileset["sources"])]
