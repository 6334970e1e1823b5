"""Exports that become assets: what an expression stands for, kept for good."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from geesync.simulator.clock import rfc3339
from geesync.simulator.computing import evaluator
from geesync.simulator.computing.arguments import refused
from geesync.simulator.computing.images import Band, Image
from geesync.simulator.computing.regions import export_grid
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
    ids = [band.id for band in image.bands]
    if not ids:
        raise refused("Image has no bands.")
    for band_id in {each for each in ids if ids.count(each) > 1}:
        raise refused(f"Duplicate band ID '{band_id}'.")
    try:
        check_bands(ids)
    except BadRequest as refusal:
        raise ExportRefused(INVALID_ARGUMENT, refusal.message) from refusal


def _image(image: Image, body: Json) -> SimAsset:
    options = body["assetExportOptions"]
    default = options.get("pyramidingPolicy", UNSPECIFIED)
    policies = options.get("pyramidingPolicyOverrides", {})
    for band_id in policies.keys() - {band.id for band in image.bands}:
        raise refused(f"There is no band '{band_id}' to have a pyramiding policy.")
    grid = export_grid(image, body["grid"]) if body.get("grid") else None
    bands = tuple(_band(band, grid, policies.get(band.id, default)) for band in image.bands)
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
        and (isinstance(value, str) or math.isfinite(value))
    }


def time_of(millis: Any) -> str | None:
    """Return a time of an image's properties as an asset has it; None if it is none."""
    if isinstance(millis, bool) or not isinstance(millis, int | float):
        return None
    try:
        return rfc3339(EPOCH + timedelta(milliseconds=float(millis)))
    except (OverflowError, ValueError):
        raise refused(f"A time of {millis} ms since 1970 cannot be kept.") from None


def _band(band: Band, given: SimGrid | None, pyramiding: str) -> SimBand:
    grid = given or band.extent
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


def _table(table: Collection) -> SimAsset:
    rows = tuple(table.features())
    return SimAsset(
        name="",
        type="TABLE",
        features=lambda: iter(rows),
        feature_count=len(rows),
        size_bytes=BYTES_A_ROW * len(rows),
    )
