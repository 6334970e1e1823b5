"""How an asset looks on the wire (proto3 JSON: 64-bit numbers as texts, nothing empty)."""

from __future__ import annotations

import re
from typing import Any, Literal

from geesync.simulator.world import names
from geesync.simulator.world.pixels import Json, SimAsset, SimBand, SimGrid

View = Literal["FULL", "BASIC"]

CRS_CODE = re.compile(r"[A-Za-z0-9-]+:\d+")
TRANSFORM_KEYS = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")


def basic(asset: SimAsset) -> Json:
    """Return what a listing tells about a child of a folder."""
    return {"type": asset.type, "name": asset.name, "id": names.display_id(asset.name)}


def full(asset: SimAsset) -> Json:
    """Return everything that the service tells about an asset, but a root's quota."""
    if asset.type == "FOLDER":
        return {**basic(asset), **asset.extra}
    return {
        **basic(asset),
        **_without_empty(
            {
                "updateTime": asset.update_time,
                "startTime": asset.start_time,
                "endTime": asset.end_time,
                "properties": asset.properties,
                "geometry": asset.geometry,
                "bands": [band_json(band) for band in asset.bands],
                "sizeBytes": _int64(asset.size_bytes),
                "featureCount": _int64(asset.feature_count),
                **asset.extra,
            }
        ),
    }


def band_json(band: SimBand) -> Json:
    """Return the metadata of one band."""
    low, high = band.value_range or (0, 0)
    data_type = {
        "precision": band.precision,
        "range": _without_empty({"min": low, "max": high}),
        "dimensionsCount": band.array_dimensions,
    }
    return {
        "id": band.id,
        "dataType": _without_empty(data_type),
        "grid": grid_json(band.grid),
        **_without_empty({"pyramidingPolicy": band.pyramiding}),
        **({"missingData": {"values": list(band.missing)}} if band.missing else {}),
    }


def grid_json(grid: SimGrid) -> Json:
    """Return where the pixels of a band lie."""
    terms = zip(TRANSFORM_KEYS, map(plain_number, grid.transform), strict=True)
    crs_key = "crsCode" if CRS_CODE.fullmatch(grid.crs) else "crsWkt"
    return {
        crs_key: grid.crs,
        "dimensions": {"width": grid.width, "height": grid.height},
        "affineTransform": _without_empty(dict(terms)),
    }


def plain_number(value: float) -> float:
    """Return 60 for 60.0, as the service writes doubles."""
    return int(value) if value % 1 == 0 else value


def _int64(value: int) -> str | None:
    return str(value) if value else None


def _without_empty(fields: dict[str, Any]) -> Json:
    """Leave out what protocol buffers' JSON leaves out: zeros and everything empty."""
    return {name: value for name, value in fields.items() if value}
