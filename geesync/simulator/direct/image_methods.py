"""computeImages: the metadata of the images of a computed collection, a page at a time."""

from __future__ import annotations

from geesync.simulator.api.service import Call, Service
from geesync.simulator.assets.asset_json import basic, full, grid_json
from geesync.simulator.computing.images import Band, Image
from geesync.simulator.computing.scene import Collection
from geesync.simulator.direct.evaluating import answering, evaluated
from geesync.simulator.direct.feature_methods import paged
from geesync.simulator.exports.asset_exports import own_properties, time_of
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.names import canonical
from geesync.simulator.world.pixels import Json, SimAsset


def compute_images(service: Service, call: Call) -> Json:
    """Answer imageCollection.computeImages.

    https://developers.google.com/earth-engine/reference/rest/v1/projects.imageCollection/computeImages
    """
    with answering():
        collection, assets = evaluated(service, call)
        if not isinstance(collection, Collection):
            raise BadRequest("The computed expression is not an ImageCollection.")
        paging = call.body.get("pageSize", 0), call.body.get("pageToken", "")
        service.audit.add(
            "compute_images", call.name, assets=assets, principal=call.principal, page=paging
        )
        found, following = paged(service, collection.images(), *paging)
        images = [_asset_json(image) for image in found]
        return {**({"images": images} if images else {}), **following}


def _asset_json(image: Image) -> Json:
    told = SimAsset(
        name=canonical(image.id) if image.id else "",
        type="IMAGE",
        properties=own_properties(image.properties),
        start_time=time_of(image.properties.get("system:time_start")),
        end_time=time_of(image.properties.get("system:time_end")),
    )
    identity = basic(told) if image.id else {"type": told.type}
    about = {name: value for name, value in full(told).items() if name not in ("name", "id")}
    bands = {"bands": [_band_json(band) for band in image.bands]} if image.bands else {}
    return {**identity, **about, **bands}


def _band_json(band: Band) -> Json:
    low, high = band.type.value_range or (0, 0)
    limits = {name: value for name, value in (("min", low), ("max", high)) if value}
    kind = {"precision": band.type.precision, **({"range": limits} if limits else {})}
    grid = grid_json(band.extent or band.projection.grid(0, 0, 0, 0))
    if band.extent is None:
        del grid["dimensions"]
    return {"id": band.id, "dataType": kind, "grid": grid}
