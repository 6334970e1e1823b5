from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.adapters.formats.npy import decode, pixels
from geesync.domain.assets.asset import Band
from geesync.domain.assets.grid import Grid
from geesync.domain.direct.fields import Wanted, wanted
from geesync.domain.tasks.exports import Part
from geesync.errors import Cause, RemoteError

GRID = Grid("EPSG:4326", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 3, 2)
LONG = Band("b", "INT", None, GRID)
WORD = Band("b", "INT", (0.0, 65535.0), GRID)
BYTE = Band("b", "INT", (0.0, 255.0), GRID)


def want(band: Band, pixel_type: str, sentinel: float | None) -> Wanted:
    (one,) = wanted(Part("", "tif", ("b",), GRID, pixel_type, sentinel), [band])
    return one


def called(one: Wanted) -> list[str]:
    return [f"f{number}" for number in range(len(one.fields))]


def an_answer(one: Wanted, *columns: Any, shape: tuple[int, int] = (2, 3)) -> bytes:
    """Return what numpy itself writes of fields in their order."""
    kind = np.dtype([(f"f{n}", field.code) for n, field in enumerate(one.fields)])
    table = np.zeros(shape, kind)
    for number, values in enumerate(columns):
        table[f"f{number}"] = np.resize(values, shape)
    file = io.BytesIO()
    np.save(file, table)
    return file.getvalue()


def made(one: Wanted, answer: bytes) -> list[list[Any]]:
    found: list[list[Any]] = pixels(one, decode(answer, one.fields, called(one), 2, 3)).tolist()
    return found


@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=6, max_size=6))
def test_integers_of_64_bits_are_put_together_exactly(values: list[int]) -> None:
    one = want(LONG, "int64", None)
    high, low = [value >> 32 for value in values], [value & 0xFFFFFFFF for value in values]

    found = made(one, an_answer(one, high, low))

    assert [value for row in found for value in row] == values


def test_masked_pixels_get_the_value_that_no_valid_one_has() -> None:
    one = want(WORD, "int32", -(2.0**31))

    found = made(one, an_answer(one, [0, 7, 65535], [1, 0, 1]))

    assert found == [[0, -(2**31), 65535]] * 2


def test_a_byte_that_is_marked_as_masked_gets_the_files_own_value() -> None:
    one = want(BYTE, "uint8", 255.0)

    assert made(one, an_answer(one, [0, -32768, 254])) == [[0, 255, 254]] * 2


def test_a_valid_pixel_that_looks_like_a_masked_one_asks_for_another_plan() -> None:
    one = want(WORD, "uint16", 65535.0)

    with pytest.raises(RemoteError, match="holds 65535") as raised:
        made(one, an_answer(one, [65535], [1]))

    assert raised.value.cause == Cause.PLAN


GOOD = an_answer(want(WORD, "uint16", None), range(6))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        GOOD[:-1],
        GOOD + b"\0",
        GOOD[:7],
        b"\x93NUMPY\x02" + GOOD[7:],
        GOOD.replace(b"<u2", b"<i2"),
        GOOD.replace(b"f0", b"f1"),
        GOOD.replace(b"False", b"True "),
        GOOD.replace(b"(2, 3)", b"(3, 2)"),
        GOOD.replace(b"{", b"[", 1),
        GOOD.replace(b"'descr'", b"__x__()"),
        an_answer(want(WORD, "uint16", None), range(6), shape=(3, 2)),
    ],
)
def test_an_answer_that_is_not_exactly_what_was_asked_for_is_none(answer: bytes) -> None:
    one = want(WORD, "uint16", None)

    with pytest.raises(RemoteError, match="an unreadable answer") as raised:
        decode(answer, one.fields, called(one), 2, 3)

    assert raised.value.cause == Cause.TRANSIENT
