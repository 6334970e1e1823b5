from __future__ import annotations

import pytest

from geesync.domain.direct.rereading import chosen
from geesync.domain.mirror.coverage import Tile

TILES = [Tile(row, column, 256, 256) for row in range(100) for column in range(100)]


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0.0, 0, 0), (0.05, 400, 600), (1.0, 10_000, 10_000)]
)
def test_about_the_share_is_read_again(share: float, least: int, most: int) -> None:
    assert least <= len(list(chosen(share, "a", "r", TILES))) <= most


def test_the_same_tiles_are_chosen_however_often_one_asks() -> None:
    first = list(chosen(0.05, "a", "r", TILES))

    assert list(chosen(0.05, "a", "r", TILES)) == first
    assert list(chosen(0.05, "a", "another", TILES)) != first
