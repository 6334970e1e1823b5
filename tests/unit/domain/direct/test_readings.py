from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.asset import Band
from geesync.domain.assets.grid import Grid
from geesync.domain.direct.readings import (
    BLOCK_PX,
    MOST_BYTES,
    MOST_FIELDS,
    Reading,
    TooLargeError,
    readings,
)
from geesync.domain.mirror.coverage import Tile
from geesync.domain.tasks.exports import Part

BYTE, WORD, LONG = (0.0, 255.0), (0.0, 65535.0), (-(2.0**63), 2.0**63 - 1)


def a_grid(width: int, height: int) -> Grid:
    return Grid("EPSG:32633", (30.0, 0.0, 500_000.0, 0.0, -30.0, 5_000_000.0), width, height)


def a_band(name: str, grid: Grid, declared: tuple[float, float] | None = BYTE) -> Band:
    return Band(name, "INT" if declared else "FLOAT", declared, grid)


def a_part(*bands: Band, sentinel: float | None = None, of_masks: bool = False) -> Part:
    return Part(
        key="",
        extension="tif",
        bands=tuple(band.id for band in bands),
        grid=bands[0].grid,
        pixel_type="float32" if of_masks else bands[0].exact_type,
        sentinel=sentinel,
        of_masks=of_masks,
    )


def counted_bytes(reading: Reading, tile: Tile) -> int:
    return tile.height * tile.width * sum(field.size_bytes + 1 for field in reading.fields)


def once(tiles: list[Tile], grid: Grid) -> bool:
    seen = np.zeros((grid.height, grid.width), np.uint8)
    for tile in tiles:
        seen[tile.row : tile.row + tile.height, tile.column : tile.column + tile.width] += 1
    return bool((seen == 1).all())


sides = st.one_of(st.integers(1, 600), st.sampled_from([1, 255, 256, 257, 1500]))


@given(
    width=sides,
    height=sides,
    declared=st.sampled_from([BYTE, WORD, LONG, None]),
    count=st.integers(1, 5),
    halvings=st.integers(0, 6),
)
def test_every_tile_fits_an_answer_and_all_of_them_are_the_grid(
    width: int,
    height: int,
    declared: tuple[float, float] | None,
    count: int,
    halvings: int,
) -> None:
    grid = a_grid(width, height)
    bands = [a_band(f"b{number}", grid, declared) for number in range(count)]

    found = readings([a_part(*bands, sentinel=1.0)], bands, halvings)

    assert [one.band for reading in found for one in reading.wanted] == [band.id for band in bands]
    for reading in found:
        tiles = list(reading.tiles())
        assert all(counted_bytes(reading, tile) <= MOST_BYTES >> halvings for tile in tiles)
        assert all(tile.row % BLOCK_PX == tile.column % BLOCK_PX == 0 for tile in tiles)
        assert len(tiles) == reading.requests
        assert once(tiles, grid)
        assert once(list(reading.shifted()), grid)


def test_the_tiles_of_a_second_reading_are_cut_elsewhere() -> None:
    grid = a_grid(10_000, 9_000)
    (reading,) = readings([a_part(a_band("b", grid))], [a_band("b", grid)])

    corners = {(tile.row, tile.column) for tile in reading.tiles()}

    assert corners & {(tile.row, tile.column) for tile in reading.shifted()} == {(0, 0)}


def test_a_scene_of_bytes_with_masks_is_one_answer() -> None:
    grid = a_grid(3_660, 3_660)

    (reading,) = readings([a_part(a_band("b", grid), sentinel=255.0)], [a_band("b", grid)])

    assert reading.requests == 1


def test_bands_of_several_types_and_their_masks_come_in_one_answer() -> None:
    grid = a_grid(300, 300)
    bands = [a_band("a", grid), a_band("b", grid, None), a_band("c", grid, WORD)]
    parts = [a_part(band) for band in bands] + [a_part(*bands, of_masks=True)]

    (reading,) = readings(parts, bands)

    assert reading.requests == 1
    assert len(reading.fields) == 6


def test_more_bands_than_an_answer_has_room_for_are_asked_for_in_several() -> None:
    grid = a_grid(10, 10)
    bands = [a_band(f"b{number}", grid) for number in range(MOST_FIELDS + 1)]

    found = readings([a_part(*bands)], bands)

    assert [len(reading.fields) for reading in found] == [513, 512]


def test_bands_whose_blocks_are_too_large_together_are_asked_for_apart() -> None:
    grid = a_grid(300, 300)
    bands = [a_band(f"b{number}", grid, None) for number in range(400)]

    found = readings([a_part(*bands)], bands)

    assert sum(len(reading.wanted) for reading in found) == 400
    assert len(found) > 1


def test_as_little_as_there_is_is_a_block_of_a_band() -> None:
    grid = a_grid(1_000, 700)
    bands = [a_band(f"b{number}", grid, WORD) for number in range(3)]

    found = readings([a_part(*bands, sentinel=1.0)], bands, smallest=True)

    assert [(one.height, one.width, len(one.wanted)) for one in found] == [(256, 256, 1)] * 3


def test_in_the_end_nothing_is_small_enough() -> None:
    grid = a_grid(300, 300)
    with pytest.raises(TooLargeError):
        readings([a_part(a_band("b", grid))], [a_band("b", grid)], 20)
