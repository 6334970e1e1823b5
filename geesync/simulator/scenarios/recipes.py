"""Scenarios as TOML: the assets that such a file makes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from geesync.simulator.clock import rfc3339
from geesync.simulator.refusals import ExportRefused
from geesync.simulator.scenarios.features import make_features
from geesync.simulator.scenarios.footprints import footprint, origin_at, utm_at
from geesync.simulator.scenarios.landscape import make_band, seed_of
from geesync.simulator.scenarios.scenario_file import (
    AssetRecipe,
    BandRecipe,
    GridRecipe,
    ScenarioRecipe,
)
from geesync.simulator.scenarios.tree import Tree
from geesync.simulator.world.names import canonical, root_of
from geesync.simulator.world.pixels import SimAsset, SimBand, SimGrid

BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
CONTAINERS = ("FOLDER", "IMAGE_COLLECTION")


def read_scenario(text: str, *, name: str) -> Tree:
    """Return the scenario that a TOML text describes.

    Raises ValueError, naming the place, if the text is not TOML or says something unknown.
    """
    try:
        recipe = ScenarioRecipe.model_validate(tomllib.loads(text))
        return Tree(name, recipe.project, _assets(recipe))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(
            f"scenario {name}: {place}: {first['msg'].removeprefix('Value error, ')}"
        ) from error
    except ValueError as error:
        raise ValueError(f"scenario {name}: {error}") from error


def _assets(recipe: ScenarioRecipe) -> Iterator[SimAsset]:
    known: dict[str, str] = {}  # name → type
    for place, asset in enumerate(recipe.assets):
        for number in range(asset.count):
            try:
                made = _Cook(recipe, asset, number).asset()
                _check_place(made.name, known)
            except (ExportRefused, OverflowError, ValueError) as error:
                raise ValueError(f"assets.{place}: {asset.id}: {error}") from error
            yield from _missing_parents(made.name, known)
            known[made.name] = made.type
            yield made


def _check_place(name: str, known: Mapping[str, str]) -> None:
    if name in known:
        raise ValueError("it is there already: described twice, or after what is in it")
    parts = name.split("/")
    for length in range(1, len(parts)):
        parent = "/".join(parts[:length])
        if known.get(parent, CONTAINERS[0]) not in CONTAINERS:
            raise ValueError(f"it lies in {parent}, which is no container")


def _missing_parents(name: str, known: dict[str, str]) -> Iterator[SimAsset]:
    """Yield the folders above an asset that nobody described, topmost first."""
    parts = name.split("/")
    top = root_of(name).count("/") + 1
    for length in range(top, len(parts)):
        parent = "/".join(parts[:length])
        if parent not in known:
            known[parent] = "FOLDER"
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
            type=recipe.kind,
            update_time=_update_time(name),
            properties={key: self._numbered(value) for key, value in recipe.properties.items()},
            geometry=footprint(bands[0].grid) if bands else None,
            bands=bands,
            size_bytes=sum(map(_size_bytes, bands)),
            policy={} if recipe.policy is None else recipe.policy.model_dump(mode="json"),
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

    def _band(self, recipe: BandRecipe) -> SimBand:
        own = {name: getattr(recipe.grid, name) for name in recipe.grid.model_fields_set}
        grid = self._recipe.grid.model_copy(update=own)
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
        if crs == "UTM" and recipe.at is None:
            raise ValueError("a grid needs a crs, or at: which zone of UTM is it in?")
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
