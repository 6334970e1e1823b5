"""What is calculated of numbers and of pixels alike: one table for both, with types and values."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from geesync.simulator.computing.pixel_types import BOOLEAN, PixelType, whole

Typed = Callable[..., PixelType]
Change = Callable[..., Any]
Bounds = tuple[int, int]


@dataclass(frozen=True)
class Calculation:
    """A calculation: the type of its result, by those of its operands, and its value."""

    type: Typed
    change: Change  #: of arrays of doubles, or of 64-bit integers where all operands are whole


def _interval(ends: Callable[[int, int], int]) -> Typed:
    """Return the rule that whole numbers stay whole, from the least that can be to the most."""

    def typed(first: PixelType, second: PixelType) -> PixelType:
        union = first.union(second)
        if first.value_range is None or second.value_range is None:
            return union
        corners = itertools.product(first.value_range, second.value_range)
        found = [ends(left, right) for left, right in corners]
        return whole(min(found), max(found))

    return typed


def _union(first: PixelType, second: PixelType) -> PixelType:
    return first.union(second)


def _floating(*kinds: PixelType) -> PixelType:
    union = kinds[0] if len(kinds) == 1 else kinds[0].union(kinds[1])
    return union.floating()


def _boolean(*_: PixelType) -> PixelType:
    return BOOLEAN


def _same(kind: PixelType) -> PixelType:
    return kind


def _absolute(kind: PixelType) -> PixelType:
    if kind.value_range is None:
        return kind
    low, high = kind.value_range
    least = 0 if low <= 0 <= high else min(abs(low), abs(high))
    return whole(least, max(abs(low), abs(high)))


def _signed(kind: PixelType) -> PixelType:
    """Return the smallest signed type that holds another one."""
    low, high = kind.value_range or (0, 0)
    bits = next((n for n in (7, 15, 31) if -(2**n) <= low and high < 2**n), 63)
    return whole(-(2**bits), 2**bits - 1)


def _sign(kind: PixelType) -> PixelType:
    return kind if kind.value_range is None else whole(-1, 1)


def _divide(left: Any, right: Any) -> Any:
    """Return quotients; what is divided by 0 becomes 0."""
    zero = right == 0
    return np.where(zero, 0.0, left / np.where(zero, 1, right))


def _modulo(left: Any, right: Any) -> Any:
    """Return remainders, signed like the dividend; by 0, 0."""
    zero = right == 0
    return np.where(zero, 0, np.fmod(left, np.where(zero, 1, right)))


def _bits(change: Change) -> Change:
    return lambda *values: change(*(np.asarray(value).astype(np.int64) for value in values))


def _as_number(change: Change) -> Change:
    return lambda *values: change(*values).astype(np.int64)


def _round(value: Any) -> Any:
    return value if value.dtype.kind in "iu" else np.floor(np.abs(value) + 0.5) * np.sign(value)


def _of_floats(change: Change) -> Change:
    return lambda *values: change(*(np.asarray(value, dtype=np.float64) for value in values))


def _plain(change: Change) -> Change:
    """Return a change that leaves whole numbers as they are."""
    return lambda value: value if value.dtype.kind in "iu" else change(value)


def _first_non_zero(left: Any, right: Any) -> Any:
    return np.where(left != 0, left, right)


BINARY: dict[str, Calculation] = {
    "add": Calculation(_interval(lambda a, b: a + b), np.add),
    "subtract": Calculation(_interval(lambda a, b: a - b), np.subtract),
    "multiply": Calculation(_interval(lambda a, b: a * b), np.multiply),
    "divide": Calculation(_floating, _of_floats(_divide)),
    "mod": Calculation(_union, _modulo),
    "pow": Calculation(_floating, _of_floats(np.power)),
    "atan2": Calculation(_floating, _of_floats(lambda x, y: np.arctan2(y, x))),
    "hypot": Calculation(_floating, _of_floats(np.hypot)),
    "min": Calculation(_interval(min), np.minimum),
    "max": Calculation(_interval(max), np.maximum),
    "first": Calculation(_union, lambda left, right: np.broadcast_arrays(left, right)[0]),
    "firstNonZero": Calculation(_union, _first_non_zero),
    **{
        name: Calculation(_boolean, _as_number(change))
        for name, change in {
            "and": np.logical_and,
            "or": np.logical_or,
            "eq": np.equal,
            "neq": np.not_equal,
            "lt": np.less,
            "lte": np.less_equal,
            "gt": np.greater,
            "gte": np.greater_equal,
        }.items()
    },
    **{
        name: Calculation(_union, _bits(change))
        for name, change in {
            "bitwiseAnd": np.bitwise_and,
            "bitwiseOr": np.bitwise_or,
            "bitwiseXor": np.bitwise_xor,
        }.items()
    },
    "leftShift": Calculation(_union, _bits(np.left_shift)),
    "rightShift": Calculation(_union, _bits(np.right_shift)),
}
UNARY: dict[str, Calculation] = {
    "abs": Calculation(_absolute, np.abs),
    "signum": Calculation(_sign, np.sign),
    "not": Calculation(_boolean, _as_number(np.logical_not)),
    "bitwiseNot": Calculation(_signed, _bits(np.bitwise_not)),
    "ceil": Calculation(_same, _plain(np.ceil)),
    "floor": Calculation(_same, _plain(np.floor)),
    "round": Calculation(_same, _round),
    **{
        name: Calculation(_floating, _of_floats(change))
        for name, change in {
            "sqrt": np.sqrt,
            "cbrt": np.cbrt,
            "exp": np.exp,
            "log": np.log,
            "log10": np.log10,
            "sin": np.sin,
            "cos": np.cos,
            "tan": np.tan,
            "asin": np.arcsin,
            "acos": np.arccos,
            "atan": np.arctan,
            "sinh": np.sinh,
            "cosh": np.cosh,
            "tanh": np.tanh,
        }.items()
    },
}
#: Names from before → those of today.
OLD_NAMES = {
    "bitwise_and": "bitwiseAnd",
    "bitwise_or": "bitwiseOr",
    "bitwise_xor": "bitwiseXor",
    "bitwise_not": "bitwiseNot",
    "left_shift": "leftShift",
    "right_shift": "rightShift",
    "first_nonzero": "firstNonZero",
}


def on_numbers(calculation: Calculation, *numbers: float) -> Any:
    """Return what a calculation makes of numbers, as a number."""
    whole_numbers = all(isinstance(number, int) for number in numbers)
    kind = np.int64 if whole_numbers else np.float64
    with np.errstate(all="ignore"):
        return np.asarray(calculation.change(*(np.asarray(each, kind) for each in numbers))).item()
