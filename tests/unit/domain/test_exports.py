"""Asking for exports: every ask is known again by its token, and asks for the exact pixels."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import LEGACY
from geesync.domain.mirror.planning import plan
from geesync.domain.tasks.exports import Ask, Part, body_hash, request_body, token_in

#: What Earth Engine declares of bands.
TYPES = {
    "uint8": {"precision": "INT", "range": {"max": 255}},
    "uint16": {"precision": "INT", "range": {"max": 10_000}},
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


def functions(node: dict[str, Any]) -> list[str]:
    """Return the functions that make an image, the last one first."""
    call = node.get("functionInvocationValue")
    if call is None:
        return []
    inner = [name for child in call["arguments"].values() for name in functions(child)]
    return [call["functionName"], *inner]


def test_masked_pixels_are_asked_for_as_the_value_that_the_file_names() -> None:
    (part,) = plan(image(band("B1", "uint16"))).parts

    body = request_body(replace(ASK, part=part), bucket="b", prefix="p")

    assert body["fileExportOptions"]["geoTiffOptions"] == {"noData": {"floatValue": 37768}}
    assert functions(body["expression"]["values"]["0"]) == [
        "Image.unmask",
        *("Image.toUint16", "Image.select", "Image.load"),
        *("Image.toUint16", "Image.constant"),
    ]


def test_masks_are_asked_for_as_they_are() -> None:
    data, masks = plan(image(band("B1", "float64"))).parts

    body = request_body(replace(ASK, part=masks), bucket="b", prefix="p")

    assert data.sentinel is None
    assert body["fileExportOptions"]["geoTiffOptions"] == {}
    assert functions(body["expression"]["values"]["0"]) == [
        *("Image.toFloat", "Image.mask", "Image.select", "Image.load")
    ]


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
