"""Rows of tables: plain ones, and the ones that break careless readers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from geesync.simulator.world.pixels import Json, SimFeature

TableKind = Literal["points", "parcels", "mixed", "empty"]


def make_features(kind: TableKind, rows: int, seed: int) -> Callable[[], Iterator[SimFeature]]:
    """Return a function that yields the rows, the same at each call.

    ``points`` and ``parcels`` are uniform; ``mixed`` has null and mixed geometries, Unicode,
    numeric-looking strings, missing values and long texts; ``empty`` has no row.
    """
    make = {"points": _point, "parcels": _parcel, "mixed": _mixed}
    if kind == "empty":
        return functools.partial(iter, ())
    return functools.partial(_rows, make[kind], rows, seed)


def _rows(
    make: Callable[[int, np.random.Generator], tuple[Json | None, Json]], rows: int, seed: int
) -> Iterator[SimFeature]:
    rng = np.random.default_rng(seed)
    for number in range(rows):
        geometry, properties = make(number, rng)
        yield SimFeature(f"{number:020x}", geometry, properties)


def _place(rng: np.random.Generator) -> list[float]:
    return [round(float(rng.uniform(-170, 170)), 6), round(float(rng.uniform(-75, 75)), 6)]


def _point(number: int, rng: np.random.Generator) -> tuple[Json, Json]:
    properties = {
        "name": f"station {number}",
        "height_m": round(float(rng.uniform(-5, 4000)), 2),
        "visits": int(rng.integers(0, 500)),
    }
    return {"type": "Point", "coordinates": _place(rng)}, properties


def _square(rng: np.random.Generator, size: float) -> list[list[float]]:
    x, y = _place(rng)
    ring = [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]
    return [[round(px, 6), round(py, 6)] for px, py in ring]


def _parcel(number: int, rng: np.random.Generator) -> tuple[Json, Json]:
    properties = {
        "parcel": f"P-{number:05d}",
        "crop": str(rng.choice(["wheat", "maize", "fallow", "vineyard"])),
        "area_ha": round(float(rng.uniform(0.1, 80)), 3),
    }
    return {"type": "Polygon", "coordinates": [_square(rng, 0.01)]}, properties


def _mixed(number: int, rng: np.random.Generator) -> tuple[Json | None, Json]:
    geometries = (_null, _point_only, _line, _holed, _many, _collection)
    properties: dict[str, Any] = {
        "code": f"{number:03d}",
        "name": TEXTS[number % len(TEXTS)],
        "value": NUMBERS[number % len(NUMBERS)],
        "count": number * 1000003,
    }
    if number % 3:
        properties["sometimes"] = "here"
    return geometries[number % len(geometries)](rng), properties


#: Texts that a CSV or JSON writer, or whoever reads its output, may get wrong.
TEXTS = (
    "Zürich",
    "日本語の地名",
    "007",
    "1e5",
    'say "hello", twice',
    "two\nlines",
    "",
    "true",
    " spaces around ",
    "Ελλάδα 🌍",
    "=1+1",
    "x" * 2000,
)
NUMBERS = (0.1, -1.5e-300, 2.5, 1e308, -0.0, 123456789.123456789, 3.0)


def _null(_: np.random.Generator) -> None:
    return None


def _point_only(rng: np.random.Generator) -> Json:
    return {"type": "Point", "coordinates": _place(rng)}


def _line(rng: np.random.Generator) -> Json:
    return {"type": "LineString", "coordinates": _square(rng, 0.5)[:3]}


def _holed(rng: np.random.Generator) -> Json:
    outer = _square(rng, 1.0)
    x, y = outer[0]
    inner = [[x + dx, y + dy] for dx, dy in ((0.2, 0.2), (0.2, 0.4), (0.4, 0.4), (0.2, 0.2))]
    return {"type": "Polygon", "coordinates": [outer, inner]}


def _many(rng: np.random.Generator) -> Json:
    squares = [[_square(rng, 0.25)], [_square(rng, 0.5)]]
    return {"type": "MultiPolygon", "coordinates": squares}


def _collection(rng: np.random.Generator) -> Json:
    return {"type": "GeometryCollection", "geometries": [_point_only(rng), _line(rng)]}
