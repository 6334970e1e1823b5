"""Answers in NumPy's format, read strictly: one field a band, of exactly the rows asked for.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from geesync.adapters.formats.rasters import beyond
from geesync.domain.direct.fields import FRACTION, OUTSIDE, Field, Kind, Wanted
from geesync.errors import Cause, RemoteError

_MAGIC = b"\x93NUMPY\x01"  #: version 1, of which any minor number is read alike
_LENGTH_AT = 8
_HEADER_AT = 10


class MisfitError(RemoteError):
    """A pixel that the plan's type, or its value for masked pixels, does not hold."""

    def __init__(self, why: str) -> None:
        super().__init__(Cause.PLAN, why)


if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = Mapping[Field, NDArray[Any]]


def decode(
    answer: bytes | bytearray,
    fields: Sequence[Field],
    called: Sequence[str],
    height: int,
    width: int,
) -> Arrays:
    """Return an answer's fields, each of shape (height, width); called: their names in it.

    Raises RemoteError TRANSIENT if it is not such an answer, of exactly this layout and length.
    """
    import numpy as np  # noqa: PLC0415 # it takes longer to load than most commands to run

    layout = np.dtype([(name, field.code) for name, field in zip(called, fields, strict=True)])
    expected = {"descr": layout.descr, "fortran_order": False, "shape": (height, width)}
    start, header = _header(answer)
    if called[0] not in repr(header):
        raise _unreadable("it is the answer to another request")
    if header != expected:
        raise _unreadable(f"its pixels are {_short(header)}, asked for were {_short(expected)}")
    size_bytes = height * width * layout.itemsize
    if len(answer) - start != size_bytes:
        raise _unreadable(f"{len(answer) - start:,} bytes of pixels came, not {size_bytes:,}")
    table = np.frombuffer(answer, layout, offset=start).reshape(height, width)
    return {field: table[name] for name, field in zip(called, fields, strict=True)}


def _header(answer: bytes | bytearray) -> tuple[int, object]:
    """Return where the pixels begin, and what is told of them."""
    if answer[: len(_MAGIC)] != _MAGIC:
        raise _unreadable("it is no NumPy file of version 1")
    start = _HEADER_AT + int.from_bytes(answer[_LENGTH_AT:_HEADER_AT], "little")
    try:
        return start, ast.literal_eval(bytes(answer[_HEADER_AT:start]).decode("latin-1").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise _unreadable("its header cannot be read") from None


def _unreadable(what: str) -> RemoteError:
    return RemoteError(Cause.TRANSIENT, f"an unreadable answer: {what}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_WORD else f"{text[:_LONGEST_WORD]}…"


_LONGEST_WORD = 200


def pixels(wanted: Wanted, arrays: Arrays) -> NDArray[Any]:
    """Return a band's pixels as its file holds them, of shape (height, width).

    Raises MisfitError if a valid pixel has the value that stands for masked ones.
    """
    import numpy as np  # noqa: PLC0415 # it takes longer to load than most commands to run

    by_kind = {field.kind: arrays[field] for field in wanted.fields}
    part = wanted.part
    values = _values(by_kind)
    if part.sentinel is None:
        return np.ascontiguousarray(values, part.pixel_type)
    valid = by_kind[Kind.VALID] != 0 if Kind.VALID in by_kind else values != OUTSIDE
    held = values.astype(part.pixel_type)
    sentinel = np.dtype(part.pixel_type).type(part.sentinel)
    if ((held == sentinel) & valid).any():
        raise MisfitError(f"band {wanted.band} holds {sentinel}, meant for masked pixels")
    return np.where(valid, held, sentinel)


def refuse_cut(wanted: Wanted, held: NDArray[Any]) -> None:
    """Refuse pixels, as ``pixels`` returns them, that what they were cast to may have cut.

    Raises MisfitError; RemoteError INTEGRITY if it is a mask that is not between 0 and 1.
    """
    if wanted.limits is None:
        return
    least, most = wanted.limits
    for value in beyond(held, wanted.limits, wanted.part.sentinel):
        why = f"band {wanted.band} holds {value}, beyond {least:g} to {most:g}"
        raise RemoteError(Cause.INTEGRITY, why) if wanted.part.of_masks else MisfitError(why)


def has_fractions(wanted: Wanted, arrays: Arrays) -> bool:
    """Say whether a mask that becomes 0 or 1 is neither; arrays: as Earth Engine answered."""
    for field in wanted.fields:
        if field.kind == Kind.VALID:
            return bool((arrays[field] > 1).any())
        if field.kind == Kind.MARKED:
            return bool((arrays[field] >= FRACTION // 2).any())
    return False


def _values(by_kind: Mapping[Kind, NDArray[Any]]) -> NDArray[Any]:
    import numpy as np  # noqa: PLC0415 # it takes longer to load than most commands to run

    if Kind.HIGH in by_kind:
        upper = by_kind[Kind.HIGH].astype(np.int64) << np.int64(32)
        return upper | by_kind[Kind.LOW].astype(np.int64)
    if Kind.MARKED in by_kind:
        marked = by_kind[Kind.MARKED]
        return np.where(marked >= FRACTION // 2, marked - np.int16(FRACTION), marked)
    whole = (Kind.VALUE, Kind.MASK)
    return next(by_kind[kind] for kind in whole if kind in by_kind)
