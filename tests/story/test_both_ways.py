"""By whichever way an account comes home, the mirror holds the same pixels, masks and metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.adapters.mirrored.mirrored_pixels import read_image
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from tests.story.world import World, a_world

#: What says how bytes came, and what they weigh then; not what they are.
OF_THE_WAY = {
    *("way", "vouched_by", "requests", "read_again", "operation", "attempt", "bucket", "request"),
    *("files", "made", "tile_edge"),
    # Of an export nothing tells whether there are fractions.
    *("fractional", "fractional_masks_count_as_valid", "fractional_masks_may_count_as_valid"),
}


@contextmanager
def mirrored(folder: Path, direct: dict[str, object] | None, **options: object) -> Iterator[World]:
    profile = replace(CALM, file_edge=256)
    with (
        Simulator("small", profile=profile) as simulator,
        a_world(simulator, folder, direct=direct) as world,
    ):
        world.enqueue("users/demo", **options)
        world.settle()
        yield world


def documents(mirror: Path, name: str) -> dict[str, Any]:
    return {
        str(path.parent.relative_to(mirror)): json.loads(path.read_text())
        for path in mirror.rglob(name)
    }


def without_the_way(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: without_the_way(one) for key, one in told.items() if key not in OF_THE_WAY}
    return [without_the_way(one) for one in told] if isinstance(told, list) else told


def rows(path: Path) -> list[Any]:
    features: list[Any] = json.loads(path.read_text())["features"]
    return features


@pytest.mark.parametrize("masks", ["nodata", "separate"])
def test_both_ways_give_the_same_pixels_masks_and_metadata(tmp_path: Path, masks: str) -> None:
    with (
        mirrored(tmp_path / "direct", {}, masks=masks) as one,
        mirrored(tmp_path / "bucket", None, masks=masks) as other,
    ):
        told, other_told = (
            documents(one.mirror, "geesync.json"),
            documents(other.mirror, "geesync.json"),
        )

        assert set(one.counts()) == set(other.counts()) == {"verified"}
        assert documents(one.mirror, "asset.json") == documents(other.mirror, "asset.json")
        assert without_the_way(told) == without_the_way(other_told)
        for path, document in told.items():
            if document["type"] == "IMAGE":
                here, there = read_image(one.mirror / path), read_image(other.mirror / path)
                for band, found in here.items():
                    assert found.values.dtype == there[band].values.dtype
                    np.testing.assert_array_equal(found.values, there[band].values)
                    np.testing.assert_array_equal(found.mask, there[band].mask)
            for file in (one.mirror / path).glob("*.geojson"):
                assert rows(file) == rows(other.mirror / path / file.name)
