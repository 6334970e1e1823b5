"""The way back, as far as no disk and no network is needed: losses, requests, likeness, life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import target_of
from geesync.domain.restore.comparing import Likeness, compare_metadata, differences
from geesync.domain.restore.files import MaskFile, Prepared, part_files
from geesync.domain.restore.lifecycle import (
    AT_REST,
    LIFE,
    TABLE,
    RestoreState,
)
from geesync.domain.restore.losses import LossKind, losses, restorable_properties
from geesync.domain.restore.manifests import MARK, image_manifest, key_of, table_manifest
from geesync.domain.state_machine import MAX_TRIES, Delayed, Setback, Standing
from geesync.errors import Cause, UserError
from tests.diagrams import arrows, diagram_of

Json = dict[str, Any]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "projects/earthengine-legacy/assets/users/x/img"
GRID: Json = {
    "crsCode": "EPSG:32633",
    "affineTransform": {"scaleX": 10, "scaleY": -10, "translateX": 500000, "translateY": 5000000},
    "dimensions": {"width": 64, "height": 40},
}


def a_band(name: str, low: int = 0, high: int = 65535, **more: Any) -> Json:
    kind = {"precision": "INT", "range": {"min": low, "max": high}}
    return {"id": name, "dataType": kind, "grid": GRID, **more}


def an_image(*bands: Json, **more: Any) -> SourceAsset:
    return SourceAsset({"name": NAME, "type": "IMAGE", "bands": list(bands), **more})


def a_sidecar(*parts: Json, masks: str = "nodata") -> Json:
    bands = [
        {"id": band, "data_part": part["key"], "mask_part": part.get("mask")}
        for part in parts
        if part["holds"] == "data"
        for band in part["bands"]
    ]
    return {"parts": list(parts), "bands": bands, "masks": masks}


def a_part(key: str, *bands: str, kind: str = "uint16", **more: Any) -> Json:
    name = f"img.{key}.tif" if key else "img.tif"
    part = {"key": key, "bands": list(bands), "holds": "data", "pixel_type": kind}
    return {**part, "files": [{"name": name}], "nodata": 65535, **more}


def test_a_file_that_says_all_goes_as_it_is_and_a_widened_one_does_not() -> None:
    image = an_image(a_band("a", 0, 10_000), a_band("b"))
    sidecar = a_sidecar(a_part("p", "a"), a_part("q", "b", kind="int32", nodata=-(2**31)))

    narrow, widened = part_files(image, sidecar)

    assert narrow.goes_as_it_is
    assert not widened.goes_as_it_is
    assert widened.upload_type == "uint16"


def test_a_manifest_has_the_bands_in_their_order_from_the_parts_that_hold_them() -> None:
    image = an_image(
        a_band("z", pyramidingPolicy="MODE"),
        a_band("a", 0, 99),
        a_band("y"),
        startTime="1969-12-31",
    )
    sidecar = a_sidecar(a_part("p", "z", "y", kind="int32"), a_part("q", "a", kind="uint8"))
    wide, small = part_files(image, sidecar)
    parts = [
        Prepared(wide, ("new.tif",), (MaskFile("m.tif", ("z", "y")),)),
        Prepared(small, small.files),
    ]

    made = image_manifest(image, "projects/p/assets/i", "k", parts, lambda file: f"gs://b/{file}")

    assert [
        (band["id"], band["tilesetId"], band["tilesetBandIndex"]) for band in made["bands"]
    ] == [
        ("z", "p", 0),
        ("a", "q", 0),
        ("y", "p", 1),
    ]
    assert [band["pyramidingPolicy"] for band in made["bands"]] == ["MODE", "MEAN", "MEAN"]
    assert made["maskBands"] == [{"tilesetId": "mask0", "bandIds": ["z", "y"]}]
    assert [tileset["id"] for tileset in made["tilesets"]] == ["p", "q", "mask0"]
    assert made["tilesets"][0]["dataType"] == "UINT16"
    assert made["startTime"] == "1969-12-31"
    assert made["properties"] == {MARK: "k"}


def test_texts_of_a_table_stay_texts() -> None:
    table = SourceAsset({"name": NAME, "type": "TABLE", "featureCount": "2"})
    columns = {"code": ["string"], "n": ["integer", "number"], "m": ["integer", "string"], "o": []}

    made = table_manifest(table, "projects/p/assets/t", "k", columns, "gs://b/t.csv")

    assert made["columnDataTypeOverrides"] == {
        "code": "COLUMN_DATA_TYPE_STRING",
        "n": "COLUMN_DATA_TYPE_NUMERIC",
        "m": "COLUMN_DATA_TYPE_STRING",
        "o": "COLUMN_DATA_TYPE_STRING",
    }


@pytest.mark.parametrize(
    ("key", "value", "comes_back"),
    [
        ("CLOUD", 12.5, True),
        ("k" * 110, "x", True),
        ("k" * 111, "x", False),
        ("a-b", 1, False),
        ("system:description", "x", False),
        ("long", "ä" * 513, False),
        ("list", [1], False),
        ("flag", True, False),
        ("none", None, False),
    ],
)
def test_a_property_that_no_manifest_takes_is_named(
    key: str, value: Any, *, comes_back: bool
) -> None:
    image = an_image(a_band("a"), properties={key: value})

    lost = [loss.what for loss in losses(image, a_sidecar(a_part("", "a")))]

    assert (key in restorable_properties(image.properties)) == comes_back
    is_told = any(what.startswith(f"{key}:") for what in lost)
    assert is_told == (not comes_back and not key.startswith("system:"))


def test_what_cannot_come_back_is_told_by_kind() -> None:
    image = an_image(
        a_band("wide", -(2**63), 2**63 - 1),
        a_band("narrow", 0, 10_000),
        a_band("whole"),
        a_band("lost"),
    )
    sidecar = a_sidecar(a_part("p", "narrow", "whole"), a_part("q", "wide", kind="float64"))

    kinds = {loss.kind for loss in losses(image, sidecar)}

    assert kinds == {LossKind.INT64, LossKind.RANGES, LossKind.ARRAYS}


def test_a_classifier_is_not_mirrored() -> None:
    model = SourceAsset({"name": NAME, "type": "CLASSIFIER"})

    assert [loss.kind for loss in losses(model, {"parts": []})] == [LossKind.NOT_MIRRORED]


def test_an_asset_keeps_its_place_below_another_root() -> None:
    old = "projects/earthengine-legacy/assets/users/x"

    assert target_of(f"{old}/a/b", old, "projects/p/assets/o") == "projects/p/assets/o/a/b"
    with pytest.raises(UserError):
        target_of(f"{old}y/a", old, "projects/p/assets/o")


def test_a_key_tells_one_making_from_another() -> None:
    keys = {
        key_of("t", "r", [1, 2]),
        key_of("u", "r", [1, 2]),
        key_of("t", "s", [1, 2]),
        key_of("t", "r", [1, 3]),
    }

    assert len(keys) == 4
    assert key_of("t", "r", [2, 1]) in keys


@pytest.mark.parametrize(
    ("change", "likeness"),
    [
        ({}, None),
        ({"startTime": "2024-01-01T00:00:00.000Z"}, None),
        ({"startTime": "2024-01-01T00:00:01Z"}, Likeness.DIFFERENT),
        ({"properties": {"a": 2}}, Likeness.DIFFERENT),
        ({"properties": {"a": 1, MARK: "k", "system:footprint": {}}}, None),
        ({"bands": [a_band("x")]}, Likeness.DIFFERENT),
        ({"bands": [a_band("b", 0, 255)]}, Likeness.DIFFERENT),
        ({"bands": [a_band("b", pyramidingPolicy="MODE")]}, Likeness.DIFFERENT),
        ({"bands": [a_band("b", 0, 65_535)]}, Likeness.EQUIVALENT),
    ],
)
def test_a_difference_is_told_for_what_it_is(change: Json, likeness: Likeness | None) -> None:
    was: Json = {"startTime": "2024-01-01T00:00:00Z", "properties": {"a": 1}}
    mirrored = an_image(a_band("b", 0, 60_000), **was)
    made = SourceAsset({**mirrored.json, **change})

    compared = compare_metadata(mirrored, made, frozenset(), lambda one, other: one == other)

    told = {one.likeness for one in compared} - {Likeness.EQUAL}
    assert told >= ({likeness} if likeness else set())
    assert bool(differences(compared)) == (likeness == Likeness.DIFFERENT)


def test_every_state_can_be_left_or_is_one_of_rest() -> None:
    for state in RestoreState:
        leaves = any(after != state for before, _, after in arrows(TABLE) if before == state)
        assert leaves or state in AT_REST


@given(st.lists(st.sampled_from(list(arrows(TABLE))), max_size=40))
def test_on_any_walk_the_world_costs_time_only_and_failures_end_in_quarantine(
    wanted: list[tuple[RestoreState, type, RestoreState]],
) -> None:
    standing = Standing(RestoreState.PLANNED)
    for _, event, _ in wanted:
        if event not in TABLE[standing.state]:
            continue
        before = standing
        standing = LIFE.advance(standing, event(), NOW)
        if event is Delayed:
            assert standing.failures == before.failures
        assert standing.failures <= MAX_TRIES
        assert standing.not_before is None or standing.not_before <= NOW + timedelta(hours=6)
    assert (standing.failures == MAX_TRIES) <= (standing.state in AT_REST)


def test_an_outage_is_no_setback() -> None:
    standing = Standing(RestoreState.IMPORTING)

    for _ in range(20):
        standing = LIFE.advance(standing, Setback(cause=Cause.TRANSIENT), NOW)
        standing = Standing(RestoreState.IMPORTING, standing.failures)

    assert standing.failures == 0


def test_the_diagram_draws_every_state() -> None:
    assert all(state in diagram_of(LIFE) for state in RestoreState)


def test_an_outline_of_several_rings_is_named_among_what_is_lost() -> None:
    ring = [[0, 0], [1, 0], [1, 1], [0, 0]]
    sidecar = a_sidecar(a_part("p", "a"))

    for outline, lost in (([ring], []), ([ring, ring], [LossKind.FOOTPRINT])):
        image = an_image(a_band("a"), geometry={"type": "Polygon", "coordinates": outline})
        assert [loss.kind for loss in losses(image, sidecar)] == lost
