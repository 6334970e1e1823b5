"""Exports that become assets: what an expression stands for, kept for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from geesync.simulator.assets.asset_json import TRANSFORM_KEYS
from geesync.simulator.clock import rfc3339
from geesync.simulator.computing import evaluator
from geesync.simulator.computing.images import Band, Image
from geesync.simulator.computing.scene import Collection, Scene
from geesync.simulator.messages.property_rules import check_bands
from geesync.simulator.messages.schemas import PYRAMIDING
from geesync.simulator.refusals import INVALID_ARGUMENT, BadRequest, ExportRefused
from geesync.simulator.scenarios.footprints import footprint
from geesync.simulator.world.pixels import Json, SimAsset, SimBand, SimGrid

UNSPECIFIED = PYRAMIDING[0]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_PIXELS = 10**8  #: of a band; all of them are held in memory
BYTES_A_ROW = 200  #: how much of the quota a feature is said to use


def evaluate_asset(kind: Literal["image", "table"], body: Json, scene: Scene) -> SimAsset:
    """Return the asset that an export request describes, still without its name.

    Pixels and rows are taken now and are not touched by what happens to their sources later.
    Raises ExportRefused if the expression cannot be evaluated or has no bounds.
    """
    value = evaluator.evaluate(body["expression"], scene)
    if kind == "image" and isinstance(value, Image):
        _check_bands(value)
        return _image(value, body)
    if kind == "table" and isinstance(value, Collection):
        return _table(value)
    raise ExportRefused(INVALID_ARGUMENT, f"The expression is not of the kind '{kind}'.")


def _check_bands(image: Image) -> None:
    try:
        check_bands(band.id for band in image.bands)
    except BadRequest as refusal:
        raise ExportRefused(INVALID_ARGUMENT, refusal.message) from refusal


def _image(image: Image, body: Json) -> SimAsset:
    options = body["assetExportOptions"]
    default = options.get("pyramidingPolicy", UNSPECIFIED)
    policies = options.get("pyramidingPolicyOverrides", {})
    bands = tuple(
        _band(band, body.get("grid"), policies.get(band.id, default)) for band in image.bands
    )
    sizes = (band.grid.width * band.grid.height * band.dtype.itemsize for band in bands)
    return SimAsset(
        name="",
        type="IMAGE",
        bands=bands,
        geometry=footprint(bands[0].grid),
        size_bytes=sum(sizes),
        properties=own_properties(image.properties),
        start_time=time_of(image.properties.get("system:time_start")),
        end_time=time_of(image.properties.get("system:time_end")),
    )


def own_properties(properties: Mapping[str, Any]) -> Json:
    """Return the properties that an asset keeps: its own, where they can be properties of one."""
    return {
        key: value
        for key, value in properties.items()
        if not key.startswith("system:")
        and isinstance(value, str | int | float)
        and not isinstance(value, bool)
    }


def time_of(millis: Any) -> str | None:
    """Return a time of an image's properties as an asset has it; None if it is none."""
    if isinstance(millis, bool) or not isinstance(millis, int | float):
        return None
    return rfc3339(EPOCH + timedelta(milliseconds=float(millis)))


def _band(band: Band, grid_json: Json | None, pyramiding: str) -> SimBand:
    grid = _grid(grid_json) if grid_json else band.extent
    if grid is None:
        raise ExportRefused(INVALID_ARGUMENT, "Unable to export unbounded image.")
    if grid.width * grid.height > MOST_PIXELS:
        message = f"The simulator keeps images of at most {MOST_PIXELS} pixels."
        raise ExportRefused(INVALID_ARGUMENT, message)
    values, mask = band.read(grid)
    return SimBand(
        id=band.id,
        grid=grid,
        precision=band.type.precision,
        value_range=band.type.value_range,
        load=lambda: (values, mask),
        pyramiding="MEAN" if pyramiding == UNSPECIFIED else pyramiding,
        array_dimensions=band.array_dimensions,
    )


def _grid(grid: Json) -> SimGrid:
    terms = grid.get("affineTransform", {})
    a, b, c, d, e, f = (float(terms.get(key, 0)) for key in TRANSFORM_KEYS)
    size = grid.get("dimensions", {})
    crs = grid.get("crsCode") or grid.get("crsWkt") or "EPSG:4326"
    return SimGrid(crs, (a, b, c, d, e, f), size.get("width", 0), size.get("height", 0))


def _table(table: Collection) -> SimAsset:
    rows = tuple(table.features())
    return SimAsset(
        name="",
        type="TABLE",
        features=lambda: iter(rows),
        feature_count=len(rows),
        size_bytes=BYTES_A_ROW * len(rows),
    )
