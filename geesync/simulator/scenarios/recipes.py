"""Scenarios as TOML: what may stand in such a file, and the assets that it makes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from geesync.simulator.clock import rfc3339
from geesync.simulator.scenarios.features import TableKind, make_features
from geesync.simulator.scenarios.footprints import footprint, origin_at, utm_at
from geesync.simulator.scenarios.landscape import Mask, make_band, seed_of
from geesync.simulator.scenarios.tree import Tree
from geesync.simulator.world.names import canonical, root_of
from geesync.simulator.world.pixels import Json, SimAsset, SimBand, SimGrid

BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
TypeName = Literal["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GridRecipe(_Strict):
    """Where the pixels lie: ``transform``, or ``scale`` with ``origin`` or ``at``."""

    crs: str = "UTM"  #: "EPSG:…", WKT, a name from the file's [crs] table, or UTM = by ``at``
    size: tuple[int, int] = (64, 48)  #: (width, height), pixels
    scale: float = 30.0  #: CRS units per pixel
    origin: tuple[float, float] | None = None  #: (x, y) of the upper left corner, CRS units
    at: tuple[float, float] | None = None  #: (longitude, latitude) of the same, degrees
    transform: tuple[float, float, float, float, float, float] | None = None


class BandRecipe(_Strict):
    """One band; what is not said about its grid is as in the asset's."""

    id: str
    type: TypeName = "uint8"
    grid: dict[str, Any] = Field(default_factory=dict)
    range: tuple[float, float] | None = None  #: least and greatest value that occurs
    declared: tuple[int, int] | None = None  #: the range in the metadata, if narrower
    mask: Mask = "none"
    pyramiding: str | None = None
    missing: tuple[float, ...] = ()
    array_dimensions: int = 0


class TableRecipe(_Strict):
    """The rows of a table."""

    kind: TableKind
    rows: int = 0


class AssetRecipe(_Strict):
    """One asset, or ``count`` alike ones: ``{}`` in id and properties is their number."""

    id: str  #: ``users/x/a`` or ``projects/p/assets/a``; missing parents become folders
    type: str | None = None  #: by default what the other fields suggest
    count: int = Field(default=1, ge=1)
    grid: GridRecipe = GridRecipe()
    step: tuple[float, float] = (0.0, 0.0)  #: degrees from one of ``count`` to the next
    bands: tuple[BandRecipe, ...] = ()
    table: TableRecipe | None = None
    start: AwareDatetime | None = None
    days: float = 1.0  #: from start to end, and from one of ``count`` to the next
    properties: Json = Field(default_factory=dict)
    policy: Json = Field(default_factory=dict)
    extra: Json = Field(default_factory=dict)


class ScenarioRecipe(_Strict):
    """A whole file."""

    project: str = "demo-project"
    seed: int = 1
    crs: dict[str, str] = Field(default_factory=dict)  #: name → WKT
    assets: tuple[AssetRecipe, ...]


def read_scenario(text: str, *, name: str) -> Tree:
    """Return the scenario that a TOML text describes.

    Raises ValueError, naming the place, if the text is not TOML or says something unknown.
    """
    try:
        recipe = ScenarioRecipe.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"scenario {name}: {place}: {first['msg']}") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"scenario {name}: {error}") from error
    return Tree(name, recipe.project, _assets(recipe))


def _assets(recipe: ScenarioRecipe) -> Iterator[SimAsset]:
    known: set[str] = set()
    for asset in recipe.assets:
        for number in range(asset.count):
            made = _Cook(recipe, asset, number).asset()
            yield from _missing_parents(made.name, known)
            known.add(made.name)
            yield made


def _missing_parents(name: str, known: set[str]) -> Iterator[SimAsset]:
    """Yield the folders above an asset that nobody described, topmost first."""
    parts = name.split("/")
    top = root_of(name).count("/") + 1
    for length in range(top, len(parts)):
        parent = "/".join(parts[:length])
        if parent not in known:
            known.add(parent)
            yield SimAsset(name=parent, type="FOLDER", update_time=_update_time(parent))


def _update_time(name: str) -> str:
    return rfc3339(BEGINNING + timedelta(milliseconds=seed_of(name)))


class _Cook:
    """Makes number ``number`` of an asset recipe."""

    def __init__(self, scenario: ScenarioRecipe, recipe: AssetRecipe, number: int) -> None:
        self._scenario = scenario
        self._recipe = recipe
        self._number = number
        self._name = canonical(recipe.id.replace("{}", f"{number:04d}"))

    def asset(self) -> SimAsset:
        """Return the asset."""
        recipe, name = self._recipe, self._name
        bands = tuple(map(self._band, recipe.bands))
        asset = SimAsset(
            name=name,
            type=self._type(),
            update_time=_update_time(name),
            properties={key: self._numbered(value) for key, value in recipe.properties.items()},
            geometry=footprint(bands[0].grid) if bands else None,
            bands=bands,
            size_bytes=sum(map(_size_bytes, bands)),
            policy=recipe.policy,
            extra=recipe.extra,
        )
        if recipe.start is not None:
            start = recipe.start + timedelta(days=recipe.days * self._number)
            asset.start_time = rfc3339(start)
            asset.end_time = rfc3339(start + timedelta(days=recipe.days))
        if recipe.table is not None:
            seed = seed_of(self._scenario.seed, name)
            asset.features = make_features(recipe.table.kind, recipe.table.rows, seed)
            asset.feature_count = recipe.table.rows
            asset.size_bytes = 200 * recipe.table.rows
        return asset

    def _type(self) -> str:
        if self._recipe.type is not None:
            return self._recipe.type
        if self._recipe.bands:
            return "IMAGE"
        return "TABLE" if self._recipe.table is not None else "FOLDER"

    def _band(self, recipe: BandRecipe) -> SimBand:
        grid = self._recipe.grid
        if recipe.grid:
            grid = GridRecipe.model_validate({**grid.model_dump(), **recipe.grid})
        return make_band(
            recipe.id,
            self._grid(grid),
            recipe.type,
            seed=seed_of(self._scenario.seed, self._name, recipe.id),
            value_range=recipe.range,
            declared=recipe.declared,
            mask=recipe.mask,
            pyramiding=recipe.pyramiding,
            missing=recipe.missing,
            array_dimensions=recipe.array_dimensions,
        )

    def _grid(self, recipe: GridRecipe) -> SimGrid:
        crs = self._scenario.crs.get(recipe.crs, recipe.crs)
        width, height = recipe.size
        if recipe.transform is not None:
            return SimGrid(crs, recipe.transform, width, height)
        x, y = recipe.origin or (0.0, 0.0)
        if recipe.at is not None:
            lon = recipe.at[0] + self._number * self._recipe.step[0]
            lat = recipe.at[1] + self._number * self._recipe.step[1]
            crs = utm_at(lon, lat) if crs == "UTM" else crs
            # Bands of several resolutions share one corner, as those of real scenes do.
            own = self._recipe.grid
            snap = own.scale if recipe.crs == own.crs else recipe.scale
            x, y = origin_at(crs, lon, lat, snap)
        return SimGrid(crs, (recipe.scale, 0.0, x, 0.0, -recipe.scale, y), width, height)

    def _numbered(self, value: Any) -> Any:
        return value.replace("{}", f"{self._number:04d}") if isinstance(value, str) else value


def _size_bytes(band: SimBand) -> int:
    return band.grid.width * band.grid.height * band.dtype.itemsize
