"""Planning exports: every band in its place, and every ask known again by its token."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets import SourceAsset
from geesync.domain.exports import Ask, Part, body_hash, plan, request_body, token_in
from geesync.domain.names import LEGACY

#: Declared ranges, and the type in which Earth Engine exports them.
TYPES = {
    "uint8": {"precision": "INT", "range": {"max": 255}},
    "int8": {"precision": "INT", "range": {"min": -128, "max": 127}},
    "uint16": {"precision": "INT", "range": {"max": 10_000}},
    "int16": {"precision": "INT", "range": {"min": -400, "max": 4_810}},
    "uint32": {"precision": "INT", "range": {"max": 4_294_967_295}},
    "int32": {"precision": "INT", "range": {"min": -1, "max": 2_147_483_647}},
    "float32": {"precision": "FLOAT"},
    "float64": {"precision": "DOUBLE"},
}


def band(band_id: str, kind: str = "uint8", scale: float = 30.0) -> dict[str, object]:
    return {
        "id": band_id,
        "dataType": TYPES[kind],
        "grid": {
            "crsCode": "EPSG:32633",
            "affineTransform": {"scaleX": scale, "scaleY": -scale, "translateX": 500_000},
            "dimensions": {"width": 10, "height": 20},
        },
    }


def image(*bands: dict[str, object]) -> SourceAsset:
    return SourceAsset({"type": "IMAGE", "name": f"{LEGACY}users/x/img", "bands": list(bands)})


KINDS = st.tuples(st.sampled_from(sorted(TYPES)), st.sampled_from([10.0, 20.0, 60.0]))


@given(st.lists(KINDS, max_size=12))
def test_every_band_is_in_exactly_one_part_in_its_order(kinds: list[tuple[str, float]]) -> None:
    source = image(*(band(f"B{i}", kind, scale) for i, (kind, scale) in enumerate(kinds)))

    parts = plan(source).parts

    taken = [name for part in parts for name in part.bands]
    assert sorted(taken) == sorted(b.id for b in source.bands)
    for part in parts:
        assert list(part.bands) == sorted(part.bands, key=lambda name: int(name[1:]))


@given(st.lists(KINDS, min_size=1, max_size=12))
def test_a_part_has_one_grid_and_one_type_and_a_key_of_its_own(
    kinds: list[tuple[str, float]],
) -> None:
    source = image(*(band(f"B{i}", kind, scale) for i, (kind, scale) in enumerate(kinds)))
    bands = {b.id: b for b in source.bands}

    parts = plan(source).parts

    assert len(parts) == len(set(kinds))
    assert len({part.key for part in parts}) == len(parts)
    for part in parts:
        assert {bands[name].grid for name in part.bands} == {part.grid}
        assert len({kinds[int(name[1:])] for name in part.bands}) == 1


def test_the_only_part_of_an_image_has_no_key() -> None:
    (part,) = plan(image(band("B1"), band("B2"))).parts

    assert (part.key, part.extension, part.bands) == ("", "tif", ("B1", "B2"))


def test_a_table_comes_as_csv_and_geojson() -> None:
    parts = plan(SourceAsset({"type": "TABLE", "name": "t"})).parts

    assert [part.extension for part in parts] == ["csv", "geojson"]


@pytest.mark.parametrize("kind", ["FOLDER", "IMAGE_COLLECTION"])
def test_a_container_has_nothing_to_export_and_lacks_nothing(kind: str) -> None:
    planned = plan(SourceAsset({"type": kind, "name": "c"}))

    assert (planned.parts, planned.left) == ((), ())


@pytest.mark.parametrize("kind", ["CLASSIFIER", "FEATURE_VIEW", "SOMETHING_NEW"])
def test_what_has_no_form_as_a_file_is_left_out_by_name(kind: str) -> None:
    planned = plan(SourceAsset({"type": kind, "name": "c"}))

    assert planned.parts == ()
    assert kind in planned.left[0]


def test_a_band_of_arrays_is_left_out_by_name_and_the_others_are_taken() -> None:
    array = band("A")
    array["dataType"] = {"precision": "DOUBLE", "dimensionsCount": 1}

    planned = plan(image(band("B1"), array))

    assert [part.bands for part in planned.parts] == [("B1",)]
    assert "band A" in planned.left[0]


@given(
    st.builds(
        Ask,
        asset=st.text(min_size=1, max_size=300).map(f"{LEGACY}users/x/".__add__),
        revision=st.text(max_size=30),
        part=st.builds(Part, st.text(max_size=10), st.sampled_from(["csv", "geojson"])),
        attempt=st.integers(1, 1000),
        ledger=st.text(max_size=16),
    )
)
def test_an_ask_keeps_earth_engines_rules_and_is_known_again(ask: Ask) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]{1,60}", ask.request_id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,90}", ask.description)
    assert token_in(ask.description) == ask.token
    assert ask.request_id.endswith(ask.token)


ASK = Ask(f"{LEGACY}users/x/img", "r1", Part("", "csv"), 1, "ledger")


@pytest.mark.parametrize(
    "change",
    [
        {"asset": f"{LEGACY}users/x/img2"},
        {"revision": "r2"},
        {"attempt": 2},
        {"ledger": "other"},
        {"part": Part("", "geojson")},
        {"part": Part("grid1", "csv")},
    ],
)
def test_whatever_differs_gives_another_token(change: dict[str, object]) -> None:
    assert replace(ASK, **change).token != ASK.token  # type: ignore[arg-type] # by name


def test_the_same_ask_has_the_same_body_to_the_byte() -> None:
    again = replace(ASK)

    one, other = (request_body(ask, bucket="b", prefix="geesync/t/img") for ask in (ASK, again))

    assert json.dumps(one) == json.dumps(other)
    assert body_hash(one) == body_hash(other)


def test_an_image_is_asked_for_on_its_own_grid_to_the_digit() -> None:
    source = image(band("B2"), band("B1"))
    (part,) = plan(source).parts
    ask = replace(ASK, part=part)

    body = request_body(ask, bucket="b", prefix="geesync/t/img")

    assert body["grid"]["affineTransform"] == {
        "scaleX": 30.0,
        "shearX": 0.0,
        "translateX": 500_000.0,
        "shearY": 0.0,
        "scaleY": -30.0,
        "translateY": 0.0,
    }
    assert body["grid"]["dimensions"] == {"width": 10, "height": 20}
    assert body["fileExportOptions"]["cloudStorageDestination"] == {
        "bucket": "b",
        "filenamePrefix": "geesync/t/img",
    }
    assert body["requestId"] == ask.request_id


@pytest.mark.parametrize(
    "description",
    [
        "",
        "geesync",
        "geesync_",
        "geesync_short",
        "my geesync_aaaaaaaaaaaaaaaa_x",
        "geesync_" + "1" * 16,
    ],
)
def test_other_peoples_descriptions_carry_no_token(description: str) -> None:
    assert token_in(description) is None


@given(st.builds(Part, st.text(max_size=10), st.just("csv"), st.tuples(st.text(max_size=5))))
def test_a_part_survives_the_ledger(part: Part) -> None:
    assert Part.from_json(json.loads(json.dumps(part.to_json()))) == part


def test_a_part_with_a_grid_survives_the_ledger() -> None:
    for part in plan(image(band("B1"), band("B2", "float32"))).parts:
        assert Part.from_json(json.loads(json.dumps(part.to_json()))) == part
