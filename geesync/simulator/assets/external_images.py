"""External images: assets that are only a view of GeoTIFFs in a bucket.

https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from geesync.simulator.api.service import Call, Service
from geesync.simulator.ingestion.cloud_files import check_layout, check_location
from geesync.simulator.ingestion.image_ingestion import ingest_image
from geesync.simulator.ingestion.importing import (
    check_masks,
    check_types,
    ingested,
    sources_of,
    target,
)
from geesync.simulator.ingestion.mosaics import Fetch
from geesync.simulator.ingestion.source_files import pinned
from geesync.simulator.refusals import BadRequest, ExportRefused
from geesync.simulator.storage.bucket import CloudStorage
from geesync.simulator.world.asset_quota import check_quota
from geesync.simulator.world.pixels import Json, MaskArray, PixelArray, SimAsset


def import_external_image(service: Service, call: Call) -> Json:
    """Answer image.importExternal, which makes the asset at once and says nothing of it."""
    manifest = call.body["imageManifest"]
    name = target(service, call, manifest["name"])
    create_external(service, manifest, name, overwrite=call.body.get("overwrite", False))
    return {}


def create_external(service: Service, manifest: Json, name: str, *, overwrite: bool) -> SimAsset:
    """Make an external image of the objects as they are now, and return it.

    Raises CallRefused if the files are not there or do not fit.
    """
    check_masks(service.profile, manifest)
    check_types(service.world, name, manifest.get("properties", {}))
    try:
        check_location(service.profile.bucket_location)
        bound = _pinned(service.storage, manifest)
        asset = ingested(service.storage, _ingest_where_it_is, bound)
    except ExportRefused as refusal:
        raise BadRequest(refusal.message) from refusal
    bands = tuple(
        replace(band, load=_loader(service.storage, bound, index))
        for index, band in enumerate(asset.bands)
    )
    extra = {"tilesets": bound["tilesets"]}
    made = replace(asset, name=name, bands=bands, size_bytes=0, extra=extra)
    check_quota(service.profile, service.world, made)
    made = service.world.put(made, overwrite=overwrite)
    service.audit.add("create", name, type="IMAGE", sources=sources_of(bound))
    return made


def _ingest_where_it_is(manifest: Json, fetch: Fetch) -> SimAsset:
    def checked(uris: Sequence[str]) -> Path:
        file = fetch(uris)
        check_layout(file)
        return file

    return ingest_image(manifest, checked)


def _pinned(storage: CloudStorage, manifest: Json) -> Json:
    """Return a manifest whose URIs are whole and name the generations of now."""
    prefix = manifest.get("uriPrefix", "")
    tilesets = []
    for tileset in manifest["tilesets"]:
        (source, *others) = tileset["sources"]
        if others:
            raise BadRequest("Each tileset of an external image must have exactly one source.")
        uris = [pinned(storage, prefix + uri) for uri in source["uris"]]
        tilesets.append({**tileset, "sources": [{**source, "uris": uris}]})
    return {**manifest, "tilesets": tilesets, "uriPrefix": ""}


def _loader(
    storage: CloudStorage, manifest: Json, index: int
) -> Callable[[], tuple[PixelArray, MaskArray | None]]:
    """Return what reads a band from the bucket; it fails if an object is not what it was."""

    def load() -> tuple[PixelArray, MaskArray | None]:
        return ingested(storage, ingest_image, manifest).bands[index].load()

    return load
