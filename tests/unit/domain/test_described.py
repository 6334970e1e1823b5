"""Assets with holes: whatever Earth Engine says of one, it is read, or kept without being read."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.asset import UNREADABLE, SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.mirror.described import described
from geesync.domain.mirror.planning import plan
from geesync.domain.mirror.sidecar import sidecar
from geesync.domain.stac import documents as stac
from geesync.domain.stac.links import Node

NAME = "projects/p/assets/a"
GRID = {
    "crsCode": "EPSG:32633",
    "affineTransform": {"scaleX": 30, "translateX": 5e5, "scaleY": -30, "translateY": 5e6},
    "dimensions": {"width": 10, "height": 20},
}
BAND = {"dataType": {"precision": "INT", "range": {"max": 255}}, "grid": GRID}
RING = [[0, 0], [1, 0], [1, 1], [0, 0]]
SAID: list[dict[str, Any]] = [
    {
        "name": NAME,
        "type": "IMAGE",
        "updateTime": "2024-01-01T00:00:00Z",
        "startTime": "2023-01-01T00:00:00Z",
        "endTime": "2023-02-01T00:00:00Z",
        "sizeBytes": "1234",
        "properties": {"cloud": 0.5, "system:footprint": {"type": "LinearRing"}},
        "geometry": {"type": "Polygon", "coordinates": [RING]},
        "bands": [{"id": "b1", **BAND}, {"id": "b2", **BAND}],
        "tilesets": [{"sources": [{"uris": ["gs://b/o#1"]}]}],
    },
    {"name": NAME, "type": "TABLE", "updateTime": "2024-01-01T00:00:00Z", "featureCount": "7"},
    {"name": NAME, "type": "FOLDER", "quota": {"assetCount": "3", "maxSizeBytes": "9"}},
]

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [10**400, -1, 2**63, "Infinity", "NaN", "1e999", "\ud800", "\x00", [], {}, [[]], [{}]]
    ),
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=3)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=5,
    ),
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Draw an asset as Earth Engine describes it, with a few members missing or replaced."""
    said = deepcopy(draw(st.sampled_from(SAID)))
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(said))
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            holder[key] = draw(ODD)
        else:
            del holder[key]
        if not said:
            break
    return said


def _places(value: Any) -> Any:
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def assert_nothing_stumbles_over(source: SourceAsset) -> None:
    modes = (Options(), Options(masks="separate"), Options(masks="none"))
    documents = [sidecar(source, plan(source, options), ()) for options in modes]
    node = Node(source.name, source.type, "p/a")
    now = datetime(2024, 1, 1, tzinfo=UTC)
    item = stac.item(
        node, node, source, stac.CopyDates(now, now), files=(), sidecars=(), wkt2=lambda crs: crs
    )
    for told in (source.json, *documents, item):
        json.dumps(told, ensure_ascii=False).encode()
    for text in (source.name, source.type, source.revision):
        text.encode()
    assert 0 <= source.size_bytes < 2**63
    _ = source.box


@given(damaged())
def test_whatever_is_said_of_an_asset_nothing_behind_stumbles_over_it(said: Any) -> None:
    source = described(said)

    if source is None:
        assert not isinstance(said.get("name"), str) or not said["name"].isprintable()
    else:
        assert source.name == said["name"]
        assert_nothing_stumbles_over(source)


@pytest.mark.parametrize("said", SAID, ids=lambda said: said["type"])
def test_what_is_whole_is_taken_word_for_word(said: dict[str, Any]) -> None:
    source = described(said)

    assert source is not None
    assert source.json == said
    assert_nothing_stumbles_over(source)


def test_what_cannot_be_read_is_kept_and_comes_again_once_it_is_mended() -> None:
    broken = {**SAID[0], "bands": [None]}

    source = described(broken)

    assert source is not None
    assert source.type == UNREADABLE
    assert json.loads(source.json["told"]) == broken
    assert plan(source).left == ("what Earth Engine says of it cannot be read; only that is kept",)
    assert source.revision != SourceAsset(SAID[0]).revision


def test_a_container_that_cannot_be_read_is_still_looked_into() -> None:
    source = described({**SAID[2], "properties": None})

    assert source is not None
    assert source.is_container
    assert json.loads(source.json["told"])["properties"] is None


def test_what_nests_too_deep_is_named_only() -> None:
    deep: Any = {"type": "GeometryCollection"}
    for _ in range(5000):
        deep = {"type": "GeometryCollection", "geometries": [deep]}

    source = described({**SAID[1], "geometry": deep})

    assert source is not None
    assert source.type == UNREADABLE
