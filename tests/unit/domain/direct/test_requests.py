from __future__ import annotations

import json

import pytest

from geesync.domain.assets.asset import Band
from geesync.domain.assets.grid import Grid
from geesync.domain.direct.fields import wanted
from geesync.domain.direct.readings import MOST_FIELDS, readings
from geesync.domain.direct.requests import body, names
from geesync.domain.tasks.exports import Part

GRID = Grid("EPSG:4326", (0.1, 0.0, 10.0, 0.0, -0.1, 50.0), 1_000, 700)
WKT = 'PROJCS["mine",GEOGCS["theirs"]]'
BANDS = [
    Band("byte", "INT", (0.0, 255.0), GRID),
    Band("word", "INT", (0.0, 65535.0), GRID),
    Band("long", "INT", None, GRID),
    Band("real", "FLOAT", None, GRID),
]


def a_part(band: str, pixel_type: str, sentinel: float | None) -> Part:
    return Part("", "tif", (band,), GRID, pixel_type, sentinel)


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        (a_part("byte", "int16", -32768.0), ["marked"]),
        (a_part("byte", "uint8", None), ["value"]),
        (a_part("word", "uint16", 65535.0), ["value", "valid"]),
        (a_part("real", "float64", -1e300), ["value", "valid"]),
        (a_part("long", "int64", None), ["high", "low"]),
        (a_part("long", "int64", -(2.0**63)), ["high", "low", "valid"]),
        (Part("", "tif", ("real",), GRID, "float32", of_masks=True), ["mask"]),
    ],
)
def test_a_band_is_asked_for_in_the_fields_that_hold_it_exactly(
    part: Part, kinds: list[str]
) -> None:
    (one,) = wanted(part, BANDS)

    assert [field.kind for field in one.fields] == kinds


def test_the_grid_of_a_tile_is_said_whole_and_computed_once_from_the_images_origin() -> None:
    (reading,) = readings([a_part("byte", "uint8", None)], BANDS)
    window = GRID.window(512, 256, 300, 400)

    asked = body("projects/p/assets/a", reading.fields, window, ["f0"])

    assert asked["grid"] == {
        "crsCode": "EPSG:4326",
        "affineTransform": {
            "scaleX": 0.1,
            "shearX": 0.0,
            "translateX": 10.0 + 256 * 0.1,
            "shearY": 0.0,
            "scaleY": -0.1,
            "translateY": 50.0 - 512 * 0.1,
        },
        "dimensions": {"width": 400, "height": 188},
    }
    assert asked["fileFormat"] == "NPY"
    assert "region" not in asked


def test_a_crs_without_a_code_is_asked_for_as_text() -> None:
    grid = Grid(WKT, GRID.transform, 3, 3)
    (reading,) = readings([a_part("byte", "uint8", None)], BANDS)

    assert body("a", reading.fields, grid, ["f0"])["grid"]["crsWkt"] == WKT


def test_masked_pixels_beyond_the_footprint_are_filled_too() -> None:
    (reading,) = readings([a_part("word", "uint16", 65535.0)], BANDS)

    text = json.dumps(body("a", reading.fields, GRID, ["f0", "f1"]))

    filled = '"sameFootprint": {"constantValue": false}'
    assert text.count('"Image.unmask"') == text.count(filled) == 2


def test_fields_have_short_names_that_tell_the_request() -> None:
    (reading,) = readings([a_part("word", "uint16", 65535.0)], BANDS)
    called = names("a", "r1", reading.fields, GRID)

    asked = body("a", reading.fields, GRID, called)["expression"]["values"]["0"]

    rename = asked["functionInvocationValue"]
    assert rename["functionName"] == "Image.rename"
    assert rename["arguments"]["names"] == {"constantValue": called}
    assert [name.split("_")[0] for name in called] == ["f0", "f1"]


def test_no_two_requests_call_their_fields_alike() -> None:
    (reading,) = readings([a_part("word", "uint16", 65535.0)], BANDS)
    (other,) = readings([a_part("byte", "int8", 127.0), a_part("long", "int64", None)], BANDS)
    window = GRID.window(0, 256, 700, 400)

    called = [
        names("a", "r1", reading.fields, GRID),
        names("b", "r1", reading.fields, GRID),
        names("a", "r2", reading.fields, GRID),
        names("a", "r1", other.fields, GRID),
        names("a", "r1", reading.fields, window),
    ]

    assert len({name for one in called for name in one}) == sum(map(len, called))


def test_the_names_of_as_many_fields_as_there_may_be_fit_into_the_header_of_an_answer() -> None:
    (reading,) = readings([a_part("word", "uint16", None)], BANDS)

    called = names("a", "r", reading.fields * MOST_FIELDS, GRID)

    assert len(str([(name, "<u2") for name in called])) < 2**16 - 100
