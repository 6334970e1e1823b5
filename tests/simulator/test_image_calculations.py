"""What is calculated of pixels: values, masks and types, against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ee
import pytest

from geesync.simulator import Simulator
from tests.simulator.computed import pixels, put_image, rows


@pytest.fixture(scope="module")
def images(shared_simulator: Simulator) -> dict[str, ee.Image]:
    """Images of four pixels; the last one of ``m`` is masked, the first one by half."""
    put = shared_simulator
    return {
        "a": ee.Image(put_image(put, "a", a=("uint8", [0, 3, 200, 255]))),
        "b": ee.Image(put_image(put, "b", b=("uint8", [7, 2, 100, 0]))),
        "f": ee.Image(put_image(put, "f", f=("float32", [-1.5, 0, 0.5, 2.5]))),
        "s": ee.Image(put_image(put, "s", s=("int16", [-7, 7, -8, 8]))),
        "w": ee.Image(put_image(put, "w", w=("int64", [2**53 + 1, -1, 2**62 + 3, 5]))),
        "m": ee.Image(put_image(put, "m", m=("uint8", [1, 2, 3, 4], [0.5, 1, 1, 0]))),
        "two": ee.Image(
            put_image(put, "two", x=("uint8", [1, 2, 3, 4]), y=("uint8", [5, 6, 7, 0]))
        ),
    }


@pytest.mark.parametrize(
    ("formula", "expected", "dtype"),
    [
        (lambda i: i["a"].add(i["b"]), [7, 5, 300, 255], "uint16"),
        (lambda i: i["a"].subtract(i["b"]), [-7, 1, 100, 255], "int16"),
        (lambda i: i["a"].multiply(i["b"]), [0, 6, 20000, 0], "uint16"),
        (lambda i: i["a"].divide(i["b"]), [0, 1.5, 2, 0], "float32"),
        (lambda i: i["s"].mod(3), [-1, 1, -2, 2], "int16"),
        (lambda i: i["a"].mod(i["b"]), [0, 1, 0, 0], "uint8"),
        (lambda i: i["b"].pow(2), [49, 4, 10000, 0], "float32"),
        (lambda i: i["a"].min(i["b"]), [0, 2, 100, 0], "uint8"),
        (lambda i: i["a"].max(i["b"]), [7, 3, 200, 255], "uint8"),
        (lambda i: i["f"].multiply(2), [-3, 0, 1, 5], "float32"),
        (lambda i: i["f"].add(0.1), [-1.4, 0.1, 0.6, 2.6], "float64"),
        (lambda i: i["a"].gt(i["b"]), [0, 1, 1, 1], "uint8"),
        (lambda i: i["a"].gte(3), [0, 1, 1, 1], "uint8"),
        (lambda i: i["a"].lt(i["b"]), [1, 0, 0, 0], "uint8"),
        (lambda i: i["a"].lte(3), [1, 1, 0, 0], "uint8"),
        (lambda i: i["a"].eq(3), [0, 1, 0, 0], "uint8"),
        (lambda i: i["a"].neq(3), [1, 0, 1, 1], "uint8"),
        (lambda i: i["a"].And(i["b"]), [0, 1, 1, 0], "uint8"),
        (lambda i: i["a"].Or(i["b"]), [1, 1, 1, 1], "uint8"),
        (lambda i: i["a"].Not(), [1, 0, 0, 0], "uint8"),
        (lambda i: i["s"].abs(), [7, 7, 8, 8], "uint16"),
        (lambda i: i["s"].signum(), [-1, 1, -1, 1], "int8"),
        (lambda i: i["f"].ceil(), [-1, 0, 1, 3], "float32"),
        (lambda i: i["f"].floor(), [-2, 0, 0, 2], "float32"),
        (lambda i: i["f"].round(), [-2, 0, 1, 3], "float32"),
        (lambda i: i["f"].clamp(-1, 1), [-1, 0, 0.5, 1], "float32"),
        (lambda i: i["b"].sqrt().pow(2).round(), [7, 2, 100, 0], "float32"),
        (lambda i: i["b"].atan2(i["b"]).multiply(4), [math.pi, math.pi, math.pi, 0], "float32"),
        (
            lambda i: i["a"].hypot(i["b"]),
            [7, math.hypot(3, 2), math.hypot(200, 100), 255],
            "float32",
        ),
        (lambda i: i["f"].sin(), [math.sin(v) for v in (-1.5, 0, 0.5, 2.5)], "float32"),
        (lambda i: i["f"].toDouble().cos(), [math.cos(v) for v in (-1.5, 0, 0.5, 2.5)], "float64"),
        (lambda i: i["f"].exp().log(), [-1.5, 0, 0.5, 2.5], "float32"),
        (lambda i: i["a"].bitwiseAnd(6), [0, 2, 0, 6], "uint8"),
        (lambda i: i["a"].bitwiseOr(1), [1, 3, 201, 255], "uint8"),
        (lambda i: i["a"].bitwiseXor(255), [255, 252, 55, 0], "uint8"),
        (lambda i: i["b"].bitwiseNot(), [-8, -3, -101, -1], "int16"),
        (lambda i: i["a"].rightShift(1), [0, 1, 100, 127], "uint8"),
        (lambda i: i["s"].rightShift(1), [-4, 3, -4, 4], "int16"),
        (lambda i: i["s"].leftShift(2), [-28, 28, -32, 32], "int16"),
        (lambda i: i["a"].firstNonZero(i["b"]), [7, 3, 200, 255], "uint8"),
        (lambda i: i["a"].remap([3, 255], [30, 40], 5), [5, 30, 5, 40], "uint8"),
        (lambda i: i["a"].where(i["b"].gt(6), i["s"]), [-7, 3, -8, 255], "int16"),
        (lambda _: ee.Image(1).add(2), [3, 3, 3, 3], "uint8"),
    ],
)
def test_a_calculation_has_the_values_and_the_type(
    images: dict[str, ee.Image],
    formula: Callable[[dict[str, ee.Image]], ee.Image],
    expected: list[float],
    dtype: str,
) -> None:
    array = pixels(formula(images))

    (name,) = array.dtype.names
    assert array[name][0].tolist() == pytest.approx(expected, rel=1e-6)
    assert array.dtype[name].name == dtype


def test_halves_of_64_bits_are_exact(images: dict[str, ee.Image]) -> None:
    whole = images["w"]
    halves = whole.bitwiseAnd(0xFFFFFFFF).addBands(whole.rightShift(32))

    array = pixels(halves.rename("low", "high"))

    joined = [
        (int(high) << 32) + int(low)
        for low, high in zip(array["low"][0], array["high"][0], strict=True)
    ]
    assert joined == [2**53 + 1, -1, 2**62 + 3, 5]


def test_what_is_masked_in_one_image_is_masked_in_the_result(images: dict[str, ee.Image]) -> None:
    assert rows(images["m"].add(images["a"]))["m"] == [1, 5, 203, None]
    assert pixels(images["m"].add(1).mask())["m"][0].tolist() == [0.5, 1, 1, 0]


def test_a_single_band_goes_with_each_of_the_other_image(images: dict[str, ee.Image]) -> None:
    assert rows(images["two"].add(10)) == {"x": [11, 12, 13, 14], "y": [15, 16, 17, 10]}
    assert rows(ee.Image(10).subtract(images["two"])) == {"x": [9, 8, 7, 6], "y": [5, 4, 3, 10]}


def test_bands_of_the_same_names_are_paired_by_name(images: dict[str, ee.Image]) -> None:
    swapped = images["two"].select(["y", "x"])

    assert rows(images["two"].subtract(swapped)) == {"x": [0] * 4, "y": [0] * 4}


def test_images_of_other_numbers_of_bands_cannot_be_paired(images: dict[str, ee.Image]) -> None:
    three = images["two"].addBands(images["a"])

    with pytest.raises(ee.EEException, match=r"Image\.add: .*same number of bands.*Got 2 and 3"):
        pixels(images["two"].add(three))


def test_a_normalized_difference_masks_what_is_negative(
    shared_simulator: Simulator, images: dict[str, ee.Image]
) -> None:
    del images
    name = put_image(shared_simulator, "nd", n=("int16", [3, 1, -1, 0]), r=("int16", [1, 3, 5, 0]))
    index = ee.Image(name).normalizedDifference(["n", "r"])

    assert rows(index) == {"nd": [0.5, -0.5, None, 0]}
    assert pixels(index).dtype["nd"].name == "float32"


def test_a_mask_may_be_updated_by_a_test(images: dict[str, ee.Image]) -> None:
    seen = images["a"].updateMask(images["a"].gt(2))

    assert rows(seen)["a"] == [None, 3, 200, 255]
    assert rows(images["a"].selfMask())["a"] == [None, 3, 200, 255]
    assert rows(seen.unmask(9))["a"] == [9, 3, 200, 255]
    assert rows(seen.unmask())["a"] == [0, 3, 200, 255]
    assert rows(seen.mask(images["b"]))["a"] == [0, 3, 200, None]


def test_what_no_new_value_is_named_for_is_masked(images: dict[str, ee.Image]) -> None:
    assert rows(images["a"].remap([3, 255], [30, 40])) == {"remapped": [None, 30, None, 40]}


def test_one_image_over_another_shows_through_its_mask(images: dict[str, ee.Image]) -> None:
    over = images["a"].blend(images["m"])

    # Half of 1 and half of 0 is 0.5, cut off as a whole number is.
    assert rows(over)["a"] == [0, 2, 3, 255]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", [14, 7, 400, 255]),
        ("(a + b) / 2", [3.5, 2.5, 150, 127.5]),
        ("-a", [0, -3, -200, -255]),
        ("a > b ? a : b", [7, 3, 200, 255]),
        ("a >= 3 && b != 0", [0, 1, 1, 0]),
        ("!a || b == 2", [1, 1, 0, 0]),
        ("b ** 2 % 10", [9, 4, 0, 0]),
        ("min(a, b, 50)", [0, 2, 50, 0]),
        ("sqrt(pow(b, 2))", [7, 2, 100, 0]),
        ("2.5e1 * (a >> 1 & 1)", [0, 25, 0, 25]),
        ("two.x + two['y'] + two[0]", [7, 10, 13, 8]),
    ],
)
def test_a_formula_is_calculated_as_it_is_written(
    images: dict[str, ee.Image], text: str, expected: list[float]
) -> None:
    names = {name: images[name] for name in ("a", "b", "two")}

    (band,) = rows(images["a"].expression(text, names)).values()

    assert band == expected


def test_a_formula_may_name_the_bands_of_its_image(images: dict[str, ee.Image]) -> None:
    found = rows(images["two"].expression("b('x') + b(1)"))

    assert list(found.values()) == [[6, 8, 10, 4]]


@pytest.mark.parametrize(
    ("text", "words"),
    [("a +", "ends too early"), ("a $ b", r"unexpected '\$'"), ("q + 1", "unknown variable 'q'")],
)
def test_a_formula_that_cannot_be_read_says_why(
    images: dict[str, ee.Image], text: str, words: str
) -> None:
    with pytest.raises(ee.EEException, match=rf"Image\.parseExpression: .*{words}"):
        pixels(images["a"].expression(text, {"a": images["a"]}))


def test_the_bands_of_a_pixel_can_be_reduced(images: dict[str, ee.Image]) -> None:
    two = images["two"].addBands(images["m"])

    assert rows(two.reduce(ee.Reducer.sum())) == {"sum": [6.5, 10, 13, 4]}
    assert rows(two.reduce(ee.Reducer.max())) == {"max": [5, 6, 7, 4]}
    assert rows(two.reduce(ee.Reducer.count())) == {"count": [3, 3, 3, 2]}


def test_coordinates_are_those_of_the_pixels_centres(images: dict[str, ee.Image]) -> None:
    found = rows(ee.Image.pixelCoordinates(images["a"].projection()))
    degrees = rows(ee.Image.pixelLonLat())

    assert found == {"x": [0.5, 1.5, 2.5, 3.5], "y": [0.5] * 4}
    assert degrees["longitude"][0] == pytest.approx(15.0000656, abs=1e-6)
    assert degrees["latitude"][0] == pytest.approx(46.9525, abs=1e-3)


def test_clipping_masks_what_is_outside(images: dict[str, ee.Image]) -> None:
    half = ee.Geometry.Rectangle([500010, 5199990, 500030, 5200000], "EPSG:32633", False)  # noqa: FBT003 - as the client has it

    assert rows(images["a"].clip(half))["a"] == [None, 3, 200, None]


def test_images_can_be_put_together(images: dict[str, ee.Image]) -> None:
    joined = ee.Image.cat([images["a"], images["b"], 5])

    assert rows(joined.slice(1, 2)) == {"b": [7, 2, 100, 0]}
    assert joined.bandTypes().get("a").getInfo() == {
        "type": "PixelType",
        "precision": "int",
        "min": 0,
        "max": 255,
    }
    assert rows(joined) == {"a": [0, 3, 200, 255], "b": [7, 2, 100, 0], "constant": [5] * 4}


def test_pixels_can_be_arrays(images: dict[str, ee.Image]) -> None:
    array = images["two"].toArray()

    flat = array.arrayFlatten([["p", "q"]])
    sliced = array.arraySlice(0, 1).arrayProject([0]).arrayFlatten([["q"]])
    square = array.toArray(1).matrixMultiply(array.toArray(1).arrayTranspose())

    assert rows(flat) == {"p": [1, 2, 3, 4], "q": [5, 6, 7, 0]}
    assert rows(array.arrayGet(ee.Image([1]))) == {"array": [5, 6, 7, 0]}
    assert rows(sliced) == {"q": [5, 6, 7, 0]}
    assert rows(square.arrayGet(ee.Image([0, 1]))) == {"array": [5, 12, 21, 0]}


def test_a_function_that_is_absent_is_named(images: dict[str, ee.Image]) -> None:
    with pytest.raises(ee.EEException, match=r"'Image\.entropy' is not supported"):
        pixels(images["a"].entropy(ee.Kernel.square(3)))


def test_whole_numbers_saturate_when_they_are_cast(images: dict[str, Any]) -> None:
    assert rows(images["a"].subtract(100).toByte())["a"] == [0, 0, 100, 155]
    assert rows(images["f"].toInt8())["f"] == [-1, 0, 0, 2]
