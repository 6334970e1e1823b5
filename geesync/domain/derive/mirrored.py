"""What a job makes for the mirror, described as Earth Engine would describe an asset of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from geesync.domain.assets.asset import DERIVED_BY, IMAGE, IMAGE_COLLECTION, SourceAsset
from geesync.domain.derive.job import MARKS
from geesync.domain.json import Json

#: Of ``ee.Image.getInfo()``, where an asset has members of their own.
_TIMES = {"system:time_start": "startTime", "system:time_end": "endTime"}


def collection_of(name: str) -> SourceAsset:
    """Return the description of the collection that a job's results lie in."""
    return SourceAsset({"type": IMAGE_COLLECTION, "name": name, "id": name})


def described(
    name: str, source: SourceAsset, computed: Json, grid: Json, expression: Json
) -> SourceAsset:
    """Return the description of a result that is not made yet.

    computed: what Earth Engine says of the expression's image, marks and all. expression: of its
    pixels.
    """
    computed_properties = dict(computed.get("properties", {}))
    times = {
        member: _instant(computed_properties.pop(key))
        for key, member in _TIMES.items()
        if key in computed_properties
    }
    properties = {
        key: value for key, value in computed_properties.items() if not key.startswith("system:")
    }
    place = {key: source.json[key] for key in ("geometry",) if key in source.json}
    return SourceAsset(
        {
            "type": IMAGE,
            "name": name,
            "id": name,
            "updateTime": source.revision,
            **times,
            **place,
            "properties": properties,
            "bands": [_band(band, grid) for band in computed["bands"]],
            DERIVED_BY: {"source": source.name, "expression": expression},
        }
    )


def made_of(source: SourceAsset, known: SourceAsset) -> SourceAsset:
    """Return the description of a result that is made of a source as that is now."""
    properties = known.properties | {MARKS[2]: source.revision}
    return SourceAsset(known.json | {"updateTime": source.revision, "properties": properties})


def mark_of(result: SourceAsset) -> tuple[str, str]:
    """Return of which revision and by which expression a result is."""
    return str(result.properties.get(MARKS[2])), str(result.properties.get(MARKS[3]))


def _band(described_band: Json, grid: Json) -> Json:
    """Return a band as an asset has it; a result's bands all have its job's grid."""
    kind: Mapping[str, Any] = described_band["data_type"]
    data: Json = {"precision": str(kind["precision"]).upper()}
    if "min" in kind and "max" in kind:
        data["range"] = {"min": kind["min"], "max": kind["max"]}
    if kind.get("dimensions"):
        data["dimensionsCount"] = kind["dimensions"]
    return {"id": described_band["id"], "dataType": data, "grid": grid}


def _instant(millis: float) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat().replace("+00:00", "Z")
