"""getPixels and computePixels: the pixels of an asset, or of an expression, in one answer."""

from __future__ import annotations

from geesync.simulator.api.service import Call, Content, Service, require_visible, scene_for
from geesync.simulator.assets.asset_json import grid_json
from geesync.simulator.computing.image_functions.image_bands import selected
from geesync.simulator.computing.images import Image
from geesync.simulator.direct.evaluating import answering, evaluated
from geesync.simulator.direct.limits import check_limits
from geesync.simulator.direct.pixel_files import encoded
from geesync.simulator.direct.pixel_grids import requested_grid
from geesync.simulator.refusals import BadRequest
from geesync.simulator.tasks.compute_quota import Use
from geesync.simulator.wire.audit import Kind


def get_pixels(service: Service, call: Call) -> Content:
    """Answer assets.getPixels; it needs no permission but to read the asset."""
    require_visible(service, call, call.name, "earthengine.assets.get")
    service.world.get(call.name)
    with answering():
        image = scene_for(service, call, service.held).image(call.name)
        return _pixels(service, call, image, "get_pixels", [call.name])


def compute_pixels(service: Service, call: Call) -> Content:
    """Answer image.computePixels."""
    with answering():
        image, assets = evaluated(service, call)
        if not isinstance(image, Image):
            raise BadRequest("The computed expression is not an Image.")
        return _pixels(service, call, image, "compute_pixels", assets)


def _pixels(service: Service, call: Call, image: Image, kind: Kind, assets: list[str]) -> Content:
    """Return what a request asks of an image; ``kind`` is what the audit calls it."""
    body = call.body
    if body.get("visualizationOptions"):
        raise BadRequest("The simulator does not have visualizationOptions.")
    if not image.bands:
        raise BadRequest("Image has no bands.")
    if bands := body.get("bandIds"):
        image = selected(image, bands)
    grid = requested_grid(image, body.get("grid", {}), body.get("region"))
    file_format = body.get("fileFormat", "AUTO_JPEG_PNG")
    service.audit.add(
        kind,
        call.name,
        assets=assets,
        bands=[band.id for band in image.bands],
        grid=grid_json(grid),
        format=file_format,
        principal=call.principal,
    )
    compute = service.operations.compute
    compute.check(call.project, service.clock.now())
    check_limits(service.profile, image, grid)
    answer = encoded(image, grid, file_format)
    spent_s, tag = service.profile.direct_eecu_s, body.get("workloadTag", "")
    compute.add(Use(call.project, service.clock.now(), "highvolume", tag, spent_s))
    return answer
