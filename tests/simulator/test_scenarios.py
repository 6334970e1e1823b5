"""The accounts that the simulator can play."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.simulator.scenarios import Scenario, load_scenario
from geesync.simulator.scenarios.features import make_features
from geesync.simulator.scenarios.footprints import footprint, utm_at
from geesync.simulator.scenarios.landscape import TYPES, make_band
from geesync.simulator.scenarios.tree import walk
from geesync.simulator.world.pixels import SimAsset, SimGrid

CONTAINERS = ("FOLDER", "IMAGE_COLLECTION")
ONE = "[[assets]]\nid = 'users/a/b'\n"
KINDS = {"FOLDER", "IMAGE_COLLECTION", "IMAGE", "TABLE", "CLASSIFIER"}


@pytest.fixture(scope="module", params=["small", "demo", "million:2500", "thousands:40"])
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return load_scenario(request.param)


def images(scenario: Scenario) -> list[SimAsset]:
    return [asset for asset in walk(scenario) if asset.type == "IMAGE"]


def test_every_asset_is_found_where_its_container_lists_it(scenario: Scenario) -> None:
    seen: dict[str, str] = {}
    for asset in walk(scenario):
        parent = asset.name.rpartition("/")[0]
        assert asset.name not in seen
        assert asset.name in scenario.roots or seen[parent] in CONTAINERS
        assert asset.update_time.endswith("Z")
        seen[asset.name] = asset.type


def test_a_scenario_is_always_the_same(scenario: Scenario) -> None:
    again = load_scenario(scenario.name)

    for first, second in itertools.islice(zip(walk(scenario), walk(again), strict=True), 200):
        assert _described(first) == _described(second)
        for band, copy in zip(first.bands, second.bands, strict=True):
            (values, mask), (values_again, mask_again) = band.load(), copy.load()
            assert np.array_equal(values, values_again, equal_nan=True)
            assert (mask is None) == (mask_again is None)
            assert mask is None or np.array_equal(mask, mask_again)  # type: ignore[arg-type] # both are there


def _described(asset: SimAsset) -> dict[str, Any]:
    rows = list(asset.features()) if asset.features else None
    return {**vars(asset), "features": rows, "bands": [(b.id, b.grid) for b in asset.bands]}


def test_pixels_are_as_their_metadata_declares(scenario: Scenario) -> None:
    for band in itertools.chain.from_iterable(image.bands for image in images(scenario)[:130]):
        values, mask = band.load()
        assert values.shape == (band.grid.height, band.grid.width)
        assert np.array_equal(values.astype(band.dtype), values)
        if band.value_range is not None:
            assert band.value_range[0] <= values.min() <= values.max() <= band.value_range[1]
        assert mask is None or (mask.min() >= 0 and mask.max() <= 1)


def test_footprints_are_closed_and_on_earth(scenario: Scenario) -> None:
    for image in images(scenario)[:130]:
        assert image.geometry is not None
        ring = np.array(image.geometry["coordinates"][0])
        assert ring[0].tolist() == ring[-1].tolist()
        assert (np.abs(ring) <= (180, 90)).all()


def test_the_small_account_has_one_of_every_kind() -> None:
    kinds = [asset.type for asset in walk(load_scenario("small"))]

    assert set(kinds) == KINDS
    assert len(kinds) < 20


def test_the_demo_has_all_that_is_hard() -> None:
    scenario = load_scenario("demo")
    assets = list(walk(scenario))
    pictures = images(scenario)
    bands = [band for image in pictures for band in image.bands]
    grids = {band.grid for band in bands}
    empty = [a for a in assets if a.type in CONTAINERS and not scenario.children(a.name)]

    assert len(assets) >= 150
    assert {asset.type for asset in assets} == {*KINDS, "FEATURE_VIEW"}
    assert {band.dtype.name for band in bands} == set(TYPES)
    assert {"PROJCS", "EPSG:4"} <= {grid.crs[:6] for grid in grids}
    assert any(grid.transform[1] for grid in grids)
    assert {(1, 1), (301, 1), (1, 257)} <= {(grid.width, grid.height) for grid in grids}
    assert {"FOLDER", "IMAGE_COLLECTION"} == {asset.type for asset in empty}
    assert any(len({band.grid for band in image.bands}) == 3 for image in pictures)
    assert any(len({band.dtype for band in image.bands}) == 3 for image in pictures)
    assert any(band.array_dimensions for band in bands)
    assert any(asset.policy for asset in assets)
    assert any("tilesets" in asset.extra for asset in assets)
    assert len({image.name for image in pictures if image.start_time}) > 50


def test_a_million_images_are_made_one_at_a_time() -> None:
    scenario = load_scenario("million")
    tracemalloc.start()

    (root,) = scenario.roots
    (archive,) = scenario.children(root)
    collections = scenario.children(archive)
    last = scenario.find(scenario.children(collections[-1])[-1])
    seen = sum(1 for _ in itertools.islice(walk(scenario), 3000))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(collections) == 1000
    assert last is not None
    assert last.properties == {"number": 999_999}
    assert last.bands[0].load()[0].shape == (8, 8)
    assert seen == 3000
    assert peak_bytes < 5_000_000


def test_a_huge_account_knows_exactly_its_own_names() -> None:
    scenario = load_scenario("million:2500")
    archive = "projects/demo-project/assets/archive"

    assert sum(asset.type == "IMAGE" for asset in walk(scenario)) == 2500
    assert scenario.find(f"{archive}/c0002/i000499") is not None
    for stranger in ("c0003", "c2", "c0002/i000500", "c0002/i1", "c0002/x", "c0002/i000001/y"):
        assert scenario.find(f"{archive}/{stranger}") is None


def test_an_account_can_be_written_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        """
        project = "my-project"
        [[assets]]
        id = "users/me/hills_{}"
        count = 3
        grid = { at = [8, 47], size = [20, 10] }
        step = [1, 0]
        bands = [{ id = "height", type = "int16" }]
        properties = { label = "no. {}" }
        start = 2020-02-27T00:00:00Z
        days = 2
        """
    )

    scenario = load_scenario(str(file))

    assert (scenario.name, scenario.project) == ("mine", "my-project")
    assert scenario.roots == ["projects/earthengine-legacy/assets/users/me"]
    last = images(scenario)[2]
    assert last.name.endswith("/hills_0002")
    assert last.properties == {"label": "no. 0002"}
    assert (last.start_time, last.end_time) == ("2020-03-02T00:00:00Z", "2020-03-04T00:00:00Z")
    assert last.bands[0].grid.crs == "EPSG:32632"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("assets = [", "mine"),
        ("[[assets]]\nname = 'a'", r"assets\.0\.id: Field required"),
        ("[[assets]]\nid = 'users/a/b'\nbnads = []", r"assets\.0\.bnads: Extra inputs"),
        (
            "[[assets]]\nid = 'users/a/b'\nbands = [{id = 'x', type = 'int64'}]",
            r"assets\.0\.bands\.0\.type",
        ),
        (
            ONE + "bands = [{id = 'x', grid = {scael = 3}}]",
            r"assets\.0\.bands\.0\.grid\.scael: Extra",
        ),
        (
            ONE + "bands = [{id = 'x', grid = {size = ['a', 2]}}]",
            r"bands\.0\.grid\.size\.0: .* valid integer",
        ),
        (ONE + "grid = {size = [0, 5]}", r"assets\.0\.grid\.size\.0: .* greater"),
        (ONE + "grid = {at = [500, 2]}", r"assets\.0\.grid\.at\.0: .* 180"),
        (ONE + "grid = {transform = [1, 2, 0, 2, 4, 0]}", r"assets\.0\.grid: the transform cannot"),
        (
            ONE + "grid = {crs = 'nowhere'}\nbands = [{id = 'x'}]",
            r"assets\.0: users/a/b: .* could not be parsed",
        ),
        (ONE + "bands = [{id = 'x'}]", r"assets\.0: users/a/b: a grid needs a crs"),
        (ONE + "bands = [{id = 'x'}, {id = 'x'}]", r"assets\.0: bands need ids of their own"),
        (
            ONE + "bands = [{id = 'x', range = [0, 500]}]",
            r"bands\.0: \(0\.0, 500\.0\) is no range of uint8",
        ),
        (ONE + "bands = [{id = 'x', range = [5, 1]}]", r"bands\.0\.range: the least comes first"),
        (ONE + "bands = [{id = 'x', pyramiding = 'AVG'}]", r"bands\.0\.pyramiding: .*'MEAN'"),
        (f"{ONE}type = 'IMGE'", r"assets\.0\.type: .*'IMAGE'"),
        (f"{ONE}type = 'IMAGE'", r"assets\.0: an IMAGE needs bands"),
        (f"{ONE}type = 'TABLE'", r"assets\.0: a TABLE, and nothing else"),
        (ONE + "type = 'FOLDER'\nbands = [{id = 'x'}]", r"assets\.0: a FOLDER has no bands"),
        (ONE + "table = {kind = 'points', rows = -1}", r"assets\.0\.table\.rows: .* greater"),
        (
            ONE + "properties = {a = 2020-01-01}",
            r"assets\.0\.properties: a must be a text or a number",
        ),
        (ONE + "policy = {bindngs = 3}", r"assets\.0\.policy\.bindngs: Extra"),
        (f"{ONE}start = 'soon'", r"assets\.0\.start: .* valid datetime"),
        (f"{ONE}start = 2020-01-01T00:00:00Z\ndays = 1e12", r"assets\.0: users/a/b: .* too large"),
        (f"{ONE}count = 2", r"assets\.0: users/a/b: it is there already"),
        ("[[assets]]\nid = 'nowhere'", r"assets\.0\.id: an id is like users/x/a"),
        (f"{ONE}[[assets]]\nid = 'users/a/b'", r"assets\.1: users/a/b: it is there already"),
        (
            f"{ONE}type = 'CLASSIFIER'\n[[assets]]\nid = 'users/a/b/c'",
            r"assets\.1: users/a/b/c: it lies in .*/users/a/b, which is no container",
        ),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)

    with pytest.raises(ValueError, match=words):
        load_scenario(str(file))


@pytest.mark.parametrize("spec", ["nowhere", "million:0", "million:x", "thousands:-1"])
def test_a_scenario_that_is_not_there_is_an_error(spec: str) -> None:
    with pytest.raises(ValueError, match=spec.partition(":")[2] or "small, demo"):
        load_scenario(spec)


@given(
    dtype=st.sampled_from(sorted(TYPES)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
)
def test_painted_bands_use_the_whole_range_of_their_type(
    dtype: str, size: tuple[int, int], seed: int
) -> None:
    grid = SimGrid("EPSG:4326", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), *size)

    values, _ = make_band("b", grid, dtype, seed=seed).load()

    whole = TYPES[dtype][1] or (-1, 1)
    assert values.dtype == dtype
    assert values.min() == whole[0]
    assert values.size == 1 or values.max() == whole[1]


def test_mixed_rows_have_what_breaks_careless_readers() -> None:
    rows = list(make_features("mixed", 36, seed=1)())

    kinds = {row.geometry["type"] if row.geometry else None for row in rows}
    texts = {row.properties["name"] for row in rows}
    assert {None, "Point", "LineString", "Polygon", "MultiPolygon", "GeometryCollection"} == kinds
    assert {"007", "1e5", "", "two\nlines", "Zürich"} <= texts
    assert len({row.index for row in rows}) == 36
    assert any("sometimes" not in row.properties for row in rows)


@pytest.mark.parametrize(
    ("lon", "lat", "zone"),
    [(-180, 1, "EPSG:32601"), (11.4, 47, "EPSG:32632"), (151, -33, "EPSG:32756")],
)
def test_places_have_their_utm_zone(lon: float, lat: float, zone: str) -> None:
    assert utm_at(lon, lat) == zone


def test_a_footprint_follows_a_rotated_grid() -> None:
    outline = footprint(SimGrid("EPSG:4326", (0.0, 1.0, 10.0, 1.0, 0.0, 20.0), 4, 2))

    ring = np.array(outline["coordinates"][0])
    assert ring.min(axis=0).tolist() == [10, 20]
    assert ring.max(axis=0).tolist() == [12, 24]
