"""Collections as they are found: undated, of many types and masks, in degrees, of near moments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner, Result

import geesync
from geesync.cli.app import app
from geesync.errors import UserError
from geesync.simulator.scenarios import Tree
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimBand, SimGrid
from tests.series.season import BEGINS, HOME
from tests.story.world import a_world

SHAPE = (4, 8)
WEST, EAST = 500_000.0, 500_080.0
DAY = timedelta(days=1)
#: The upper half is masked.
HALF = np.repeat([0, 1], SHAPE[0] // 2)[:, None] * np.ones(SHAPE, np.float32)


def metres(west: float = WEST) -> SimGrid:
    return SimGrid("EPSG:32633", (10.0, 0.0, west, 0.0, -10.0, 5_000_000.0), SHAPE[1], SHAPE[0])


DEGREES = SimGrid("EPSG:4326", (0.01, 0.0, 15.0, 0.0, -0.01, 45.0), SHAPE[1], SHAPE[0])
FIJI = SimGrid("EPSG:4326", (0.01, 0.0, 179.96, 0.0, -0.01, -17.0), SHAPE[1], SHAPE[0])


def band(
    name: str, value: int, most: int = 10_000, grid: SimGrid | None = None, mask: Any = None
) -> SimBand:
    pixels = np.full(SHAPE, value, np.int32)
    return SimBand(name, grid or metres(), "INT", (0, most), load=lambda: (pixels, mask))


def image(name: str, after: timedelta | None, *bands: SimBand) -> SimAsset:
    times: dict[str, Any] = {} if after is None else {"start_time": stamp(after)}
    return SimAsset(
        f"{HOME}/{name}", "IMAGE", update_time="2024-01-01T00:00:00Z", bands=bands, **times
    )


def stamp(after: timedelta) -> str:
    return (BEGINS + after).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def assets() -> Iterator[SimAsset]:
    yield SimAsset(HOME, "FOLDER")
    for name in ("near", "undated", "degrees", "fiji", "types", "landsat"):
        yield SimAsset(f"{HOME}/{name}", "IMAGE_COLLECTION")
    near = timedelta(milliseconds=300)
    yield image("near/a", 0 * DAY, band("B4", 1000), band("B8", 3000))
    yield image(
        "near/b", near, *(band(*one, grid=metres(EAST)) for one in (("B4", 2000), ("B8", 3000)))
    )
    for number, after in enumerate([0 * DAY, None, None]):
        yield image(f"undated/i{number}", after, band("B4", 1000), band("B8", 3000))
    for name, grid in (("degrees", DEGREES), ("fiji", FIJI)):
        bands = (band("B4", 1000, grid=grid), band("B8", 3000, grid=grid))
        yield image(f"{name}/a", 0 * DAY, *bands)
    for number, most in enumerate([10_000, 65_535, 10_000_000]):
        largest = band("b", most - 1, most, mask=HALF)
        yield image(f"types/i{number}", number * DAY, largest)
    surface = partial(band, most=65_535)
    yield image("landsat/a", 0 * DAY, surface("SR_B4", 9000), surface("SR_B5", 18_000))


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    account = Tree("odd", "demo-project", assets())
    with Simulator(account) as simulator, a_world(simulator, folder) as world:
        world.enqueue("users/x")
        world.settle()
        return world.mirror


def run(mirror: Path, *words: str | Path) -> Result:
    return CliRunner().invoke(app, ["series", *map(str, words), "--mirror", str(mirror)])


def fitted(mirror: Path, name: str, out: Path) -> dict[str, np.ndarray]:
    """Write what is filled of a collection; return the first row of each date."""
    done = run(mirror, name, "--output", out, "--write", "filled")
    assert done.exit_code == 0, done.exception
    found = {}
    for file in sorted(out.glob("*/filled.tif")):
        with rasterio.open(file) as raster:
            found[file.parent.name] = raster.read(1)[0]
    return found


def test_images_of_one_second_are_two_dates_and_none_is_lost(mirror: Path, tmp_path: Path) -> None:
    dates = fitted(mirror, "users/x/near", tmp_path / "out")

    west, east = dates["20230103T103000"], dates["20230103T103000_300"]
    assert (west[0], east[-1]) == (0.5, np.float32(0.2))
    assert np.isnan([west[-1], east[0]]).all()


def test_an_image_without_a_time_is_no_observation_and_is_told(
    mirror: Path, tmp_path: Path
) -> None:
    done = run(mirror, "users/x/undated", "--output", tmp_path / "out")

    assert "2 images without a time: left out" in done.output
    assert "0 of 32 pixels fitted: too few observations" in " ".join(done.output.split())
    assert [file.name for file in (tmp_path / "out").glob("2*")] == ["20230103T103000"]


def test_a_collection_in_degrees_has_the_axes_of_all_others(mirror: Path, tmp_path: Path) -> None:
    data = geesync.open_mirror(mirror)["users/x/degrees"]

    assert data["B4"].dims == ("time", "y", "x")
    assert fitted(mirror, "users/x/degrees", tmp_path / "out")["20230103T103000"][0] == 0.5


@pytest.mark.parametrize("longitude", [179.98, 180.02, -179.98, -180.02])
def test_a_point_beyond_the_date_line_is_found_by_either_name(
    mirror: Path, longitude: float, tmp_path: Path
) -> None:
    page = tmp_path / "fiji.html"

    done = run(mirror, "users/x/fiji", f"--point={longitude},-17.02", "--plot", page)

    assert done.exit_code == 0, done.exception
    assert f"{longitude:g}, -17.02" in page.read_text()


@pytest.mark.parametrize("masks", ["nan", "variable"])
def test_images_of_other_types_keep_their_values_and_their_masks(
    mirror: Path, masks: Literal["nan", "variable"]
) -> None:
    data = geesync.open_mirror(mirror).load("users/x/types", masks=masks).compute()

    valid = data["b"].notnull() if masks == "nan" else data["b_mask"] > 0
    assert (valid == (HALF > 0)).all()
    assert data["b"].values[:, -1, 0].tolist() == [9999, 65_534, 9_999_999]


def test_whole_numbers_of_usual_collections_are_made_reflectances(
    mirror: Path, tmp_path: Path
) -> None:
    (row,) = fitted(mirror, "users/x/landsat", tmp_path / "out").values()

    red, nir = (2.75e-5 * value - 0.2 for value in (9000, 18_000))
    assert row[0] == pytest.approx((nir - red) / (nir + red))


def test_a_run_that_was_killed_is_begun_again_and_no_other_run_takes_its_place(
    mirror: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    fitted(mirror, "users/x/near", out)
    (out / "collection.json").unlink()  # it comes last
    (out / ".filled.passing.tif").write_bytes(b"half")

    assert fitted(mirror, "users/x/near", out)
    other = run(mirror, "users/x/near", "--output", out, "--index", "B8 / B4")

    assert isinstance(other.exception, UserError)
    assert "holds another series" in str(other.exception)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--output", "{mirror}/users/x/near/out"), "is in a mirror"),
        (("--output", "out", "--crs", "none", "--resolution", "10"), "'none' is no CRS"),
        (("--output", "out", "--crs", "EPSG:3035", "--resolution", "0"), "an edge of 0"),
        (("--polygons", "{empty}"), "holds no polygon"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    mirror: Path, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text('{"type": "FeatureCollection", "features": []}')

    done = run(mirror, "users/x/near", *(word.format(mirror=mirror, empty=empty) for word in words))

    assert isinstance(done.exception, UserError)
    assert told in str(done.exception)
