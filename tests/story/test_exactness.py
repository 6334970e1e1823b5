"""Whatever an image is, the mirror holds its values and masks, pixel by pixel."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.crs import CRS

from geesync.adapters.mirrored.mirrored_pixels import ReadBand, read_image
from geesync.simulator.profiles import CALM
from geesync.simulator.scenarios import Tree
from geesync.simulator.scenarios.landscape import TYPES
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimBand, SimGrid
from tests.story.world import World, a_world

HOME = "projects/earthengine-legacy/assets/users/exact"
EDGE = 256  #: pixels of a file: larger images come in tiles

CRSS = (
    "EPSG:4326",
    "EPSG:32633",
    "EPSG:3857",
    CRS.from_proj4("+proj=laea +lat_0=52 +lon_0=10 +datum=WGS84 +units=m").to_wkt(),
    CRS.from_proj4("+proj=sinu +lon_0=0 +R=6371007.181 +units=m").to_wkt(),
)

#: Straight, rotated, sheared, south up: around a place that all CRSs know.
TRANSFORMS = (
    (0.01, 0.0, 10.0, 0.0, -0.01, 50.0),
    (8.66, 5.0, 400000.0, 5.0, -8.66, 4700000.0),
    (30.0, 3.5, 300000.0, 0.0, -30.0, 4800000.0),
    (10.0, 0.0, 500000.5, 0.0, 10.0, 1000000.25),
)

MASKS = ("none", "half", "soft", "all")


@dataclass(frozen=True)
class Recipe:
    """A band that can be made again from a few words."""

    type: str
    narrow: bool
    mask: str
    seed: int

    def declared(self) -> tuple[int, int] | None:
        limits = TYPES[self.type][1]
        if limits is None or not self.narrow:
            return limits
        return limits[0] + (self.seed % 3), limits[1] - 1 - self.seed % 7

    def band(self, band_id: str, grid: SimGrid) -> SimBand:
        return SimBand(band_id, grid, TYPES[self.type][0], self.declared(), load=self._loader(grid))

    def _loader(self, grid: SimGrid) -> Callable[[], tuple[NDArray[Any], NDArray[Any] | None]]:
        shape = (grid.height, grid.width)
        return lambda: (self._values(shape), self._mask(shape))

    def _values(self, shape: tuple[int, int]) -> NDArray[Any]:
        rng = np.random.default_rng(self.seed)
        limits = self.declared()
        values: NDArray[Any]
        if limits is not None:
            values = rng.integers(limits[0], limits[1], shape, endpoint=True)
            ends: list[float] = list(limits)
        else:
            info = np.finfo(self.type)
            values = rng.normal(0, 1e6, shape)
            extremes = (float(end) for end in (info.min, info.max, info.tiny))
            ends = [np.nan, np.inf, -np.inf, *extremes, -0.0, -1e30]
        flat = values.astype(self.type).ravel()
        flat[: len(ends)] = np.array(ends[: flat.size], dtype=self.type)
        return rng.permutation(flat).reshape(shape)

    def _mask(self, shape: tuple[int, int]) -> NDArray[np.float32] | None:
        rng = np.random.default_rng(self.seed + 1)
        match self.mask:
            case "none":
                return None
            case "all":
                return np.zeros(shape, np.float32)
            case "half":
                return (rng.random(shape) > 0.5).astype(np.float32)
            case _:
                return rng.random(shape, np.float32).round(1)


@st.composite
def grids(draw: st.DrawFn) -> SimGrid:
    small, large = st.integers(1, 40), st.integers(257, 530)
    size = draw(st.sampled_from([(1, 1), None, None, "tiles"]))
    if size is None:
        size = draw(small), draw(small)
    elif size == "tiles":
        size = draw(large), draw(st.one_of(small, large))
    return SimGrid(draw(st.sampled_from(CRSS)), draw(st.sampled_from(TRANSFORMS)), *size)


recipes = st.builds(
    Recipe,
    type=st.sampled_from(sorted(TYPES)),
    narrow=st.booleans(),
    mask=st.sampled_from(MASKS),
    seed=st.integers(0, 2**31),
)


@st.composite
def images(draw: st.DrawFn) -> tuple[SimBand, ...]:
    """One to four bands, on one grid or several."""
    places = draw(st.lists(grids(), min_size=1, max_size=2))
    return tuple(
        recipe.band(f"b{number}", draw(st.sampled_from(places)))
        for number, recipe in enumerate(draw(st.lists(recipes, min_size=1, max_size=4)))
    )


@pytest.fixture(scope="module", params=["bucket", "direct"])
def world(tmp_path_factory: pytest.TempPathFactory, request: Any) -> Iterator[World]:
    """An account whose images come in several files or answers, by one way or the other."""
    account = Tree("exact", "demo-project", [SimAsset(HOME, "FOLDER")])
    profile = replace(CALM, file_edge=EDGE, direct_memory_bytes=2_000_000)
    folder: Path = tmp_path_factory.mktemp("exact")
    direct = {"reread": "all"} if request.param == "direct" else None
    with (
        Simulator(account, profile=profile) as simulator,
        a_world(simulator, folder, direct=direct) as built,
    ):
        yield built


numbers = itertools.count()


def mirrored(
    world: World, made: Sequence[tuple[SimBand, ...]], mode: str
) -> list[dict[str, ReadBand]]:
    """Put images into a new folder, mirror it, and return what is on disk of each."""
    folder = f"e{next(numbers)}"
    world.simulator.world.put(SimAsset(f"{HOME}/{folder}", "FOLDER"))
    for number, bands in enumerate(made):
        world.simulator.world.put(SimAsset(f"{HOME}/{folder}/i{number}", "IMAGE", bands=bands))

    world.enqueue(f"users/exact/{folder}", masks=mode)
    world.settle()

    assert set(world.counts()) == {"verified"}, world.status().troubles
    home = world.mirror / "users/exact" / folder
    return [read_image(home / f"i{number}") for number in range(len(made))]


def check(band: SimBand, found: ReadBand, *, mode: str) -> None:
    values, mask = band.load()
    truth = np.ones(values.shape, np.float32) if mask is None else mask
    if mode == "separate" or (mode == "nodata" and band.precision == "DOUBLE"):
        np.testing.assert_array_equal(found.mask, truth)
    elif mode == "nodata":
        np.testing.assert_array_equal(found.mask > 0, truth > 0)
    valid = truth > 0
    copied = found.values[valid].astype(values.dtype)
    np.testing.assert_array_equal(copied, values[valid])
    np.testing.assert_array_equal(copied.astype(found.values.dtype), found.values[valid])
    if mode != "nodata":
        assert found.values.dtype == values.dtype or band.value_range != TYPES[str(values.dtype)][1]


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    made=st.lists(images(), min_size=3, max_size=8),
    mode=st.sampled_from(["nodata", "nodata", "separate", "none"]),
)
def test_a_mirrored_image_equals_its_source_pixel_by_pixel(
    world: World, made: list[tuple[SimBand, ...]], mode: str
) -> None:
    copies = mirrored(world, made, mode)

    for bands, copy in zip(made, copies, strict=True):
        assert list(copy) == [band.id for band in bands]
        for band in bands:
            check(band, copy[band.id], mode=mode)


@pytest.mark.parametrize("kind", sorted(TYPES))
@pytest.mark.parametrize("narrow", [False, True])
def test_every_type_keeps_the_ends_of_its_range_and_its_mask(
    world: World, kind: str, *, narrow: bool
) -> None:
    grid = SimGrid("EPSG:32633", TRANSFORMS[0], 12, 9)
    made = [(Recipe(kind, narrow, mask, seed=5).band("b", grid),) for mask in MASKS]

    copies = mirrored(world, made, "nodata")

    for bands, copy in zip(made, copies, strict=True):
        check(bands[0], copy["b"], mode="nodata")
