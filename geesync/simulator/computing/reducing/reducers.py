"""Reducers: what many values come to, for each pixel of a stack or for a single list alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from geesync.simulator.computing.pixel_types import BOOLEAN, DOUBLE, PixelType, whole
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.pixels import PixelArray

MOST_COUNTED = 2**31 - 1
MOST_BYTES = 2**30  #: of a stack of values


@dataclass(frozen=True)
class Stack:
    """Values of one input, one behind the other on the first axis, with their weights."""

    values: PixelArray  #: shape (count, …)
    weights: PixelArray  #: of the same shape; 0 = not there

    @property
    def valid(self) -> PixelArray:
        """Where there is a value."""
        there: PixelArray = self.weights > 0
        return there


@dataclass(frozen=True)
class Output:
    """One result: values of shape (…) or, if it is an array, (…, its axes)."""

    values: PixelArray
    valid: PixelArray  #: shape (…)


Typed = Callable[[PixelType], PixelType]
Reduce = Callable[[Sequence[Stack]], Sequence[Output]]


@dataclass(frozen=True)
class Reducer:
    """A reducer: how many inputs it takes, and what comes out under which names."""

    inputs: int
    outputs: tuple[str, ...]
    reduce: Reduce
    types: tuple[Typed, ...]
    array_dimensions: tuple[int, ...] = ()
    is_list: bool = False  #: whether outputs are lists or tables, that only values can be

    def unweighted(self) -> Reducer:
        """Return a reducer for which each value counts alike."""

        def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
            return self.reduce([Stack(s.values, s.valid.astype(np.float64)) for s in stacks])

        return replace(self, reduce=reduce)

    def dimensions(self, index: int) -> int:
        """Return how many axes an output has."""
        return self.array_dimensions[index] if self.array_dimensions else 0


def double(_: PixelType) -> PixelType:
    """Return the type of means and the like."""
    return DOUBLE


def same(kind: PixelType) -> PixelType:
    """Return the type of what was among the inputs."""
    return kind


def counted(_: PixelType) -> PixelType:
    """Return the type of counts."""
    return whole(0, MOST_COUNTED)


def boolean(_: PixelType) -> PixelType:
    """Return the type of yes and no."""
    return BOOLEAN


def single(name: str, kind: Typed, compute: Callable[[Stack], PixelArray]) -> Reducer:
    """Return a reducer of one input to one output, which is not there if no value was."""

    def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
        (stack,) = stacks
        any_valid = np.asarray(stack.valid.any(axis=0)) if len(stack.values) else _none(stack)
        with np.errstate(all="ignore"):
            values = compute(stack) if len(stack.values) else np.zeros(any_valid.shape)
        return (Output(values, any_valid),)

    return Reducer(1, (name,), reduce, (kind,))


def always(name: str, kind: Typed, compute: Callable[[Stack], PixelArray]) -> Reducer:
    """Return a reducer of one input that says something of no values, too."""

    def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
        (stack,) = stacks
        values = compute(stack)
        return (Output(values, np.ones(values.shape, bool)),)

    return Reducer(1, (name,), reduce, (kind,))


def _none(stack: Stack) -> PixelArray:
    nothing: PixelArray = np.zeros(stack.values.shape[1:], bool)
    return nothing


def beside(first: Reducer, second: Reducer, *, prefix: str, shared: bool) -> Reducer:
    """Return a reducer that runs two, on the same inputs or on some each."""
    if shared and first.inputs != second.inputs:
        message = "Reducer.combine: With shared inputs, both must have as many."
        raise ExportRefused(INVALID_ARGUMENT, message)

    def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
        rest = stacks if shared else stacks[first.inputs :]
        return (*first.reduce(stacks[: first.inputs]), *second.reduce(rest))

    return Reducer(
        first.inputs if shared else first.inputs + second.inputs,
        (*first.outputs, *(prefix + name for name in second.outputs)),
        reduce,
        (*first.types, *second.types),
        tuple(r.dimensions(i) for r in (first, second) for i in range(len(r.outputs))),
        first.is_list or second.is_list,
    )


def repeated(reducer: Reducer, count: int) -> Reducer:
    """Return a reducer of so many times the inputs, whose outputs are lists of each."""

    def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
        n = reducer.inputs
        parts = [reducer.reduce(stacks[i * n : (i + 1) * n]) for i in range(count)]
        return [
            Output(
                np.stack([part[index].values for part in parts], axis=-1),
                np.logical_and.reduce([part[index].valid for part in parts]),
            )
            for index in range(len(reducer.outputs))
        ]

    dimensions = tuple(reducer.dimensions(i) + 1 for i in range(len(reducer.outputs)))
    return replace(
        reducer, inputs=reducer.inputs * count, reduce=reduce, array_dimensions=dimensions
    )


def grouped(reducer: Reducer, field: int, name: str) -> Reducer:
    """Return a reducer of one input more, whose values part all others into groups.

    What is missing in one input is missing in all. Its output is a list of dictionaries, by the
    groups' values: the value, as ``name``, and what the group came to.
    """

    def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
        keys = stacks[field].values
        if keys.ndim > 1:
            message = "Reducer.group: The simulator has it for regions and lists only."
            raise ExportRefused(INVALID_ARGUMENT, message)
        valid = np.logical_and.reduce([stack.valid for stack in stacks])
        groups = []
        for key in np.unique(keys[valid]).tolist():
            chosen = valid & (keys == key)
            own = [Stack(s.values[chosen], s.weights[chosen]) for s in stacks]
            found = reducer.reduce(own[:field] + own[field + 1 :])
            groups.append({name: key, **dict(zip(reducer.outputs, map(_told, found), strict=True))})
        made = np.empty((), object)
        made[()] = groups
        return (Output(made, np.ones((), bool)),)

    return Reducer(reducer.inputs + 1, ("groups",), reduce, (same,), is_list=True)


def _told(output: Output) -> Any:
    return np.asarray(output.values).tolist() if bool(np.all(output.valid)) else None


def numbers(reducer: Reducer, columns: Sequence[Sequence[Any]], weights: Any = None) -> list[Any]:
    """Return what lists of numbers come to, one for each input: numbers, lists or None.

    A None among the numbers is no value. weights: of the values, alike for all inputs.
    """
    stacks = [_stack(column, weights) for column in columns]
    return [_told(output) for output in reducer.reduce(stacks)]


def _stack(column: Sequence[Any], weights: Any) -> Stack:
    there = np.array([value is not None for value in column], dtype=np.float64)
    values = np.array([0 if value is None else value for value in column])
    if values.dtype.kind not in "iufb":
        if values.size:
            values = np.array([value if value is not None else "" for value in column], object)
        else:
            values = values.astype(np.float64)
    return Stack(values, there if weights is None else there * np.asarray(weights))
