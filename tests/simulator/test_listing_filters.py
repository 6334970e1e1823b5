from __future__ import annotations

import pytest

from geesync.simulator.assets.listing_filters import read_filter
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import SimAsset

ASSET = SimAsset(
    "projects/p/assets/a",
    "IMAGE",
    properties={"cloud": 12.5, "tag": "x"},
    start_time="2024-05-01T00:00:00Z",
    geometry={"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]},
)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("properties.cloud<20", True),
        ("properties.cloud >= 20", False),
        ('properties.tag="x" AND properties.cloud=12.5', True),
        ('properties."tag"!="x"', False),
        ("properties.missing=1", False),
        ('startTime >= "2024-05-01T00:00:00.000Z" AND startTime < "2024-05-02T00:00:00Z"', True),
        ('intersects("POINT(1 1)")', True),
        ("intersects('POINT(3 1)')", False),
        ("""intersects("{'type': 'Point', 'coordinates': [2, 2]}") AND properties.tag='x'""", True),
        ('endTime < "2030-01-01T00:00:00Z"', False),
    ],
)
def test_assets_are_filtered_by_times_properties_and_places(text: str, passes: bool) -> None:  # noqa: FBT001 - a column of the table
    assert read_filter(text)(ASSET) is passes


@pytest.mark.parametrize(
    "text", ["cloud<20", 'intersects("PINT(0 0)")', "intersects('{}')", 'startTime>"x"', "="]
)
def test_other_filters_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_filter(text)
