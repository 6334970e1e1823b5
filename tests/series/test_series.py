"""From a mirrored collection to curves: opened, computed, written, plotted; no ledger is needed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from typer.testing import CliRunner, Result

import geesync
from geesync.cli.app import app
from geesync.errors import UserError
from geesync.series.harmonics import NO_FIT
from geesync.series.stac_items import loadable
from geesync.simulator.simulator import Simulator
from tests.series.season import SHAPE, Season
from tests.story.world import a_world

SEASON = Season()
#: A pixel's middle in degrees, and its (row, column).
PLACE, PIXEL = "15.003,45.152", (16, 23)


def mirrored(folder: Path, masks: str) -> Path:
    """Return a mirror of the season, whose ledger is gone."""
    with Simulator(SEASON.account()) as simulator, a_world(simulator, folder) as world:
        world.enqueue("users/x", masks=masks)
        world.settle()
    (folder / "geesync.db").unlink()
    return world.mirror


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mirrored(tmp_path_factory.mktemp("season"), "nodata")


@pytest.fixture(scope="module")
def mirror_with_masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mirrored(tmp_path_factory.mktemp("masks"), "separate")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["series", *map(str, words)])


def truth() -> tuple[np.ndarray, np.ndarray]:
    """Return (T, height, width): the index, and where clouds hide it."""
    clouds = np.array([SEASON.clouds(number) for number in range(SEASON.images)])
    return SEASON.ndvi(), clouds


def test_a_collection_opens_as_a_lazy_data_set_of_its_own_grid(mirror: Path) -> None:
    data = geesync.open_mirror(mirror)["users/x/scenes"]

    assert list(data.data_vars) == ["B4", "B8", "SCL"]
    assert data["B4"].shape == (SEASON.images, *SHAPE)
    assert data["B4"].chunks is not None
    assert [str(time)[:10] for time in data["time"].values[:2]] == ["2023-01-03", "2023-01-18"]
    assert data["B4"].odc.geobox.resolution.x == 10


@pytest.mark.parametrize("kept", ["mirror", "mirror_with_masks"])
def test_its_pixels_and_masks_are_the_truth(kept: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(kept)

    data = geesync.open_mirror(folder)["users/x/scenes"].compute()

    index, clouds = truth()
    assert (np.isnan(data["B8"].values) == clouds).all()
    assert (data["B8"].values[~clouds] == np.rint(2000 * (1 + index))[~clouds]).all()
    assert (data["SCL"].values[:, 0, 0] == np.arange(SEASON.images) % 5).all()


def test_values_can_stay_what_they_are_beside_their_masks(mirror_with_masks: Path) -> None:
    data = geesync.open_mirror(mirror_with_masks).load(
        "users/x/scenes", bands=["B8"], masks="variable"
    )

    _, clouds = truth()
    assert data["B8"].dtype == np.uint16
    assert ((data["B8_mask"].values > 0) == ~clouds).all()


def test_times_and_grid_are_chosen_by_who_asks(mirror: Path) -> None:
    opened = geesync.open_mirror(mirror)

    data = opened.load(
        "users/x/scenes",
        bands=["B4"],
        begin=datetime(2024, 1, 1, tzinfo=UTC),
        end=datetime(2024, 7, 1, tzinfo=UTC),
        crs="EPSG:3035",
        resolution=100,
    )

    assert {str(time)[:7] for time in data["time"].values} <= {f"2024-0{n}" for n in range(1, 7)}
    assert data.odc.geobox.crs.epsg == 3035


@pytest.mark.parametrize(
    ("name", "bands", "words"),
    [
        ("users/x/nothing", [], "is not in this mirror"),
        ("users/x/scenes", ["B9"], "not every image of users/x/scenes has B9"),
        ("nonsense", [], "is not an asset"),
    ],
)
def test_what_is_not_there_is_said(mirror: Path, name: str, bands: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        geesync.open_mirror(mirror).load(name, bands=bands)


def test_tiles_open_as_the_one_image_that_they_are() -> None:
    tile = {"data_type": "uint8", "bands": [{"name": "b"}], "proj:code": "EPSG:32633"}
    item = pystac.Item("i", None, None, datetime(2024, 1, 1, tzinfo=UTC), {}, href="/m/i.json")
    for row, column in ((0, 0), (0, 256), (256, 0), (256, 256)):
        corner = [10.0, 0.0, 500.0 + 10 * column, 0.0, -10.0, 900.0 - 10 * row]
        extra = tile | {"proj:shape": [100 if row else 256, 256], "proj:transform": corner}
        item.add_asset(
            f"data-{row}-{column}", pystac.Asset(f"{row}-{column}.tif", extra_fields=extra)
        )
    item.add_asset("vrt", pystac.Asset("whole.vrt"))

    (one,) = loadable(item, {}, as_floats=True).assets.values()

    assert one.href == "/m/whole.vrt"
    assert one.extra_fields["proj:shape"] == [356, 512]
    assert one.extra_fields["proj:transform"] == [10.0, 0.0, 500.0, 0.0, -10.0, 900.0]


def test_gaps_are_filled_and_observations_stay(mirror: Path, tmp_path: Path) -> None:
    done = run("users/x/scenes", "--mirror", mirror, "--output", tmp_path / "out")

    assert done.exit_code == 0, done.output
    index, clouds = truth()
    found = pystac.Collection.from_file(str(tmp_path / "out" / "collection.json"))
    dated = [item for item in found.get_items() if item.id != "model"]
    assert len(dated) == SEASON.images
    for number, item in enumerate(sorted(dated, key=lambda item: item.id)):
        with rasterio.open(item.assets["filled"].get_absolute_href()) as file:
            filled, name = file.read(1), file.descriptions[0]
        assert name == "ndvi"
        exact = np.rint(2000 * (1 + index[number])), np.rint(2000 * (1 - index[number]))
        seen = ((exact[0] - exact[1]) / (exact[0] + exact[1])).astype(np.float32)
        assert np.array_equal(filled[~clouds[number]], seen[~clouds[number]])
        assert np.abs(filled - index[number])[np.isfinite(filled)].max() < 0.01


def test_results_are_cogs_whose_quality_says_which_fit(mirror: Path, tmp_path: Path) -> None:
    words = ("--output", tmp_path / "out", "--write", "quality,coefficients", "--harmonics", "10,2")

    done = run("users/x/scenes", "--mirror", mirror, *words)

    assert done.exit_code == 0, done.output
    model = tmp_path / "out" / "model"
    with rasterio.open(model / "quality.tif") as quality:
        assert set(np.unique(quality.read(1))) <= {10, 2, NO_FIT}
        assert quality.profile["tiled"]
    with rasterio.open(model / "coefficients.tif") as coefficients:
        assert coefficients.descriptions[:4] == ("constant", "trend", "cos_1", "sin_1")
        assert coefficients.count == 22
    assert not list((tmp_path / "out").rglob("*passing*"))


def test_a_mask_of_the_same_times_takes_clouds_out(mirror: Path, tmp_path: Path) -> None:
    page = tmp_path / "curve.html"

    done = run(
        *("users/x/scenes", "--mirror", mirror, "--clouds", "users/x/scenes:SCL"),
        *("--point", PLACE, "--plot", page),
    )

    assert done.exit_code == 0, done.output
    _, clouds = truth()
    clear = sum(not clouds[number][PIXEL] for number in range(0, SEASON.images, 5))
    assert f"{clear} observations" in page.read_text()
    assert "http" not in page.read_text().replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "").replace("https://matplotlib.org", "")


def test_points_and_polygons_are_drawn(mirror: Path, tmp_path: Path) -> None:
    corners = [[15.001, 45.151], [15.004, 45.151], [15.004, 45.153], [15.001, 45.151]]
    shape = {"type": "Polygon", "coordinates": [corners]}
    field = {"type": "Feature", "properties": {"name": "a <field>"}, "geometry": shape}
    (tmp_path / "f.json").write_text(json.dumps({"type": "FeatureCollection", "features": [field]}))
    page = tmp_path / "c.html"

    done = run(
        *("users/x/scenes", "--mirror", mirror, "--plot", page),
        *("--point", PLACE, "--polygons", tmp_path / "f.json"),
    )

    assert done.exit_code == 0, done.output
    assert "a &lt;field&gt;" in page.read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "there is nothing to do"),
        (("--point", "here"), "'here' is no point"),
        (("--point", "1,2"), "is not where the images are"),
        (("--point", PLACE, "--index", "evi"), "evi needs blue"),
        (("--point", PLACE, "--index", "B8 +"), "no formula"),
        (("--point", PLACE, "--harmonics", "many"), "no numbers of waves"),
        (("--point", PLACE, "--crs", "EPSG:3035"), "go together"),
        (("--point", PLACE, "--plot", "x.doc"), "neither .png"),
        (("--point", PLACE, "--from", "2030-01-01"), "no images in this mirror at these times"),
        (("--polygons", "/nowhere.json"), "/nowhere.json"),
        (("--output", "/etc"), "is not empty"),
    ],
)
def test_a_mistake_is_one_line(mirror: Path, words: tuple[str, ...], told: str) -> None:
    done = run("users/x/scenes", "--mirror", mirror, *words)

    assert isinstance(done.exception, UserError)
    assert told in str(done.exception)


def test_a_mirror_is_never_written_into(mirror: Path) -> None:
    done = run("users/x/scenes", "--mirror", mirror, "--output", mirror)

    assert "is in a mirror" in str(done.exception)
