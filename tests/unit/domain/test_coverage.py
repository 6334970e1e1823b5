"""Coverage: which objects are a part's own, and whether they are all there."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.grid import Grid
from geesync.domain.mirror.coverage import StoredObject, own_objects, tiles
from geesync.domain.tasks.exports import Part

GRID = Grid("EPSG:32633", (30.0, 0.0, 0.0, 0.0, -30.0, 0.0), 1000, 700)
PART = Part("", "tif", ("b",), GRID, "uint8")
TABLE = Part("", "csv")


def named(name: str) -> StoredObject:
    return StoredObject(name, 1, 1, 1)


def cut(grid: Grid, edge: int) -> list[str]:
    """Return the names of the tiles into which Earth Engine cuts a grid."""
    return [
        f"img-{row:010d}-{column:010d}.tif"
        for row in range(0, grid.height, edge)
        for column in range(0, grid.width, edge)
    ]


def test_img1_does_not_take_the_files_of_its_neighbours() -> None:
    mine = [
        "p/img1.tif",
        "p/img1-0000000000-0000000000.tif",
        "p/img10000000000-0000000000.tif",  # as the bucket has them: without a dash
    ]
    others = [
        "p/img100000000000-0000000000.tif",
        "p/img1--0000000000-0000000000.tif",
        "p/img10.tif",
        "p/img1_mask.tif",
        "p/img1-0000000000.tif",
        "p/img1.tif.aux.xml",
        "p/img1.tfrecord",
        "p/img1-000-000.tif",
        "q/img1.tif",
        "p/img1.grid1-uint8.tif",
    ]

    found = own_objects("p/img1", PART, [named(name) for name in others + mine])

    assert [obj.name for obj in found] == sorted(mine)


def test_a_name_is_taken_literally() -> None:
    found = own_objects("p/a.b", PART, [named("p/a.b.tif"), named("p/axb.tif")])

    assert [obj.name for obj in found] == ["p/a.b.tif"]


def test_older_exports_of_tables_are_known_too() -> None:
    names = ["p/t.csv", "p/tee_export.csv", "p/t2.csv", "p/t.geojson"]

    found = own_objects("p/t", TABLE, [named(name) for name in names])

    assert [obj.name for obj in found] == ["p/t.csv", "p/tee_export.csv"]


def test_one_file_without_offsets_is_the_whole_image() -> None:
    covered = tiles(PART, "img", ["img.tif"])

    assert covered is not None
    assert (covered["img.tif"].height, covered["img.tif"].width) == (700, 1000)


def test_an_image_that_is_called_like_a_tile_is_no_tile() -> None:
    name = "img-0000000000-0000000000"

    assert tiles(PART, name, [f"{name}.tif"]) is not None
    assert tiles(PART, "img", [f"{name}.tif"]) is None
    assert tiles(PART, name, [f"{name}{tail[3:]}" for tail in cut(GRID, 256)]) is not None


@pytest.mark.parametrize("stem", ["img", "img2020", "0", "x_0000000000-0000000000"])
def test_offsets_may_be_joined_to_a_name_without_a_dash(stem: str) -> None:
    names = [stem + tail.removeprefix("img-") for tail in cut(GRID, 256)]

    covered = tiles(PART, stem, names)

    assert covered is not None
    assert covered[f"{stem}0000000256-0000000512.tif"].column == 512
    assert tiles(replace(PART, tile_edge=256), stem, names[:-1]) is None


@given(st.integers(1, 1500), st.integers(1, 1500), st.integers(1, 5), st.randoms())
def test_a_complete_cut_covers_each_pixel_once(
    width: int, height: int, edge: int, luck: random.Random
) -> None:
    edge *= 256
    part = replace(PART, grid=replace(GRID, width=width, height=height), tile_edge=edge)
    names = cut(part.grid or GRID, edge)
    luck.shuffle(names)

    covered = tiles(part, "img", names)

    assert covered is not None
    assert sum(tile.width * tile.height for tile in covered.values()) == width * height
    for tile in covered.values():
        assert tile.row + tile.height <= height
        assert tile.column + tile.width <= width


@given(st.data())
def test_with_any_tile_missing_it_is_not_complete(data: st.DataObject) -> None:
    names = cut(GRID, 256)
    lost = data.draw(st.sets(st.sampled_from(names), min_size=1, max_size=len(names)))

    left = [name for name in names if name not in lost]

    assert tiles(replace(PART, tile_edge=256), "img", left) is None
    if len(lost) == 1:  # enough neighbours are left to see the edge
        assert tiles(PART, "img", left) is None


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["img.tif", *cut(GRID, 256)],  # the whole, and its pieces again
        [*cut(GRID, 256), *cut(GRID, 384)],  # two cuts mixed
        [*cut(GRID, 256), "img-0000000768-0000000000.tif"],  # beyond the edge
        [*cut(GRID, 256)[:-1], "img-0000000100-0000000100.tif"],  # off the raster
        [*cut(GRID, 256), "img0000000000-0000000000.tif"],  # one of them twice
        ["img-0000000000-0000000000.tif"],  # perhaps only the first of many
        ["img-9999999999-9999999999.tif", "img-0000000000-0000000001.tif"],
    ],
)
def test_what_does_not_cover_the_grid_exactly_is_not_complete(names: list[str]) -> None:
    assert tiles(PART, "img", names) is None


def test_the_edge_is_read_off_the_offsets() -> None:
    covered = tiles(PART, "img", cut(GRID, 512))

    assert covered is not None
    assert covered["img-0000000512-0000000512.tif"].height == 700 - 512
    assert covered["img-0000000512-0000000512.tif"].width == 1000 - 512


@given(st.lists(st.tuples(st.integers(0, 10**11), st.integers(0, 10**11)), max_size=20))
def test_offsets_that_lie_are_only_not_complete(offsets: list[tuple[int, int]]) -> None:
    names = [f"img-{row:010d}-{column:010d}.tif" for row, column in offsets]

    covered = tiles(PART, "img", names)

    assert covered is None or sum(t.width * t.height for t in covered.values()) == GRID.pixels
