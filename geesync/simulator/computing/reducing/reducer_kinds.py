"""Functions of Earth Engine that make reducers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.images import Image
from geesync.simulator.computing.reducing.reducers import (
    Output,
    Reducer,
    Stack,
    always,
    beside,
    boolean,
    counted,
    double,
    grouped,
    repeated,
    same,
    single,
)
from geesync.simulator.computing.reducing.regressions import linear_fit, linear_regression
from geesync.simulator.computing.scene import Scene


def _mean(stack: Stack) -> Any:
    total = stack.weights.sum(axis=0)
    return (stack.values * stack.weights).sum(axis=0) / np.where(total == 0, 1, total)


def _variance(stack: Stack) -> Any:
    total = stack.weights.sum(axis=0)
    off = (stack.values - _mean(stack)) ** 2
    return (off * stack.weights).sum(axis=0) / np.where(total == 0, 1, total)


def _sample_variance(stack: Stack) -> Any:
    count = stack.valid.sum(axis=0)
    plain = Stack(stack.values, stack.valid.astype(float))
    return _variance(plain) * count / np.where(count > 1, count - 1, 1)


def _least(stack: Stack) -> Any:
    return np.where(stack.valid, stack.values, _end(stack.values, largest=True)).min(axis=0)


def _most(stack: Stack) -> Any:
    return np.where(stack.valid, stack.values, _end(stack.values, largest=False)).max(axis=0)


def _end(values: Any, *, largest: bool) -> Any:
    if values.dtype.kind == "f":
        return np.inf if largest else -np.inf
    kind = values.dtype if values.dtype.kind != "b" else np.dtype(np.uint8)
    return np.iinfo(kind).max if largest else np.iinfo(kind).min


def _quantile(stack: Stack, percentage: float, between: str = "between") -> Any:
    """Return the percentile: what lies between two values by their distance, or the lower one."""
    values = np.sort(np.where(stack.valid, stack.values.astype(np.float64), np.inf), axis=0)
    place = (stack.valid.sum(axis=0) - 1) * percentage / 100
    place = np.maximum(place, 0)
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    below = np.take_along_axis(values, low[None], 0)[0]
    above = np.take_along_axis(values, high[None], 0)[0]
    if between == "lower":
        return below
    return np.where(low == high, below, below + (above - below) * (place - low))


def _mode(stack: Stack) -> Any:
    """Return the value that is there most often; of several, the least."""
    shape = stack.values.shape[1:]
    columns = stack.values.reshape(len(stack.values), -1)
    valid = stack.valid.reshape(len(stack.values), -1)
    found = [
        min(_most_common(columns[valid[:, i], i].tolist()), default=0)
        for i in range(columns.shape[1])
    ]
    return np.array(found, stack.values.dtype).reshape(shape)


def _most_common(values: list[Any]) -> list[Any]:
    counts = Counter(values)
    most = max(counts.values(), default=0)
    return [value for value, count in counts.items() if count == most]


def _nth(stack: Stack, *, last: bool) -> Any:
    valid = stack.valid[::-1] if last else stack.valid
    values = stack.values[::-1] if last else stack.values
    return np.take_along_axis(values, valid.argmax(axis=0)[None], 0)[0]


def _distinct(stack: Stack) -> Any:
    values = np.sort(np.where(stack.valid, stack.values.astype(np.float64), np.inf), axis=0)
    new = np.ones(values.shape, bool)
    new[1:] = values[1:] != values[:-1]
    return (new & (values < np.inf)).sum(axis=0)


def _listing(name: str, make: Callable[[list[Any]], Any]) -> Reducer:
    def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
        (stack,) = stacks
        if stack.values.ndim > 1:
            raise refused(f"Reducer.{name}: The simulator has it for regions and lists only.")
        made = np.empty((), object)
        made[()] = make(stack.values[stack.valid].tolist())
        return (Output(made, np.ones((), bool)),)

    return Reducer(1, (name,), reduce, (same,), is_list=True)


def _table(values: list[Any]) -> dict[str, int]:
    return {str(value): count for value, count in sorted(Counter(values).items())}


def _percentile(
    scene: Scene,
    percentiles: list[Any],
    output_names: list[Any] | None = None,
    *,
    max_buckets: Any = None,
    min_bucket_width: Any = None,
    max_raw: Any = None,
) -> Reducer:
    del max_buckets, min_bucket_width, max_raw  # always computed of the values themselves
    if not percentiles or not all(0 <= each <= 100 for each in percentiles):  # noqa: PLR2004 - %
        raise refused("Reducer.percentile: Percentiles must be between 0 and 100.")
    names = output_names or [f"p{each:g}" for each in percentiles]

    def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
        return tuple(
            output
            for each in percentiles
            for output in single("", double, _read(each, scene.profile.percentiles)).reduce(stacks)
        )

    return Reducer(1, tuple(map(str, names)), reduce, (double,) * len(percentiles))


def _read(percentage: float, between: str) -> Callable[[Stack], Any]:
    return partial(_quantile, percentage=percentage, between=between)


def _median(
    scene: Scene, max_buckets: Any = None, min_bucket_width: Any = None, max_raw: Any = None
) -> Reducer:
    del max_buckets, min_bucket_width, max_raw
    return simple("median", scene)


def simple(name: str, scene: Scene) -> Reducer:
    """Return a reducer without arguments, as the profile has it."""
    if name == "median":
        return single(name, double, _read(50, scene.profile.even_medians))
    return SIMPLE[name]


def _combine(
    reducer1: Reducer,
    reducer2: Reducer,
    output_prefix: str = "",
    *,
    shared_inputs: bool = False,
) -> Reducer:
    return beside(reducer1, reducer2, prefix=output_prefix, shared=shared_inputs)


def _min_max() -> Reducer:
    return beside(SIMPLE["min"], SIMPLE["max"], prefix="", shared=True)


def _unweighted(reducer: Reducer) -> Reducer:
    return reducer.unweighted()


def _set_outputs(reducer: Reducer, outputs: list[Any]) -> Reducer:
    if len(outputs) != len(reducer.outputs):
        raise refused(f"Reducer.setOutputs: There are {len(reducer.outputs)} outputs.")
    return Reducer(
        reducer.inputs,
        tuple(map(str, outputs)),
        reducer.reduce,
        reducer.types,
        reducer.array_dimensions,
        reducer.is_list,
    )


def _get_outputs(reducer: Reducer) -> list[str]:
    return list(reducer.outputs)


def _repeat(reducer: Reducer, count: int) -> Reducer:
    return repeated(reducer, count)


def _group(reducer: Reducer, group_field: int = 0, group_name: str = "group") -> Reducer:
    if not 0 <= group_field <= reducer.inputs:
        raise refused(f"Reducer.group: There is no input {group_field} beside {reducer.inputs}.")
    return grouped(reducer, group_field, group_name)


def _for_each(reducer: Reducer, output_names: list[Any]) -> Reducer:
    if not output_names:
        raise refused("Reducer.forEach: Parameter 'outputNames' must not be empty.")
    alone = len(reducer.outputs) == 1
    each = (
        _set_outputs(reducer, [name] if alone else [f"{name}_{out}" for out in reducer.outputs])
        for name in output_names
    )
    return reduce(partial(beside, prefix="", shared=False), each)


def _for_each_band(reducer: Reducer, image: Image) -> Reducer:
    return _for_each(reducer, [band.id for band in image.bands])


#: Reducers without arguments, by the name of their output; the median is one of ``simple``.
SIMPLE: dict[str, Reducer] = {
    "mean": single("mean", double, _mean),
    "sum": always("sum", double, lambda s: (s.values * s.weights).sum(axis=0)),
    "product": always("product", double, lambda s: np.where(s.valid, s.values, 1.0).prod(axis=0)),
    "min": single("min", same, _least),
    "max": single("max", same, _most),
    "count": always("count", counted, lambda s: s.valid.sum(axis=0)),
    "countEvery": always("count", counted, lambda s: np.ones(s.values.shape, int).sum(axis=0)),
    "countDistinct": always("count", counted, _distinct),
    "mode": single("mode", same, _mode),
    "first": single("first", same, lambda s: _nth(s, last=False)),
    "firstNonNull": single("first", same, lambda s: _nth(s, last=False)),
    "last": single("last", same, lambda s: _nth(s, last=True)),
    "lastNonNull": single("last", same, lambda s: _nth(s, last=True)),
    "variance": single("variance", double, _variance),
    "stdDev": single("stdDev", double, lambda s: np.sqrt(_variance(s))),
    "sampleVariance": single("variance", double, _sample_variance),
    "sampleStdDev": single("stdDev", double, lambda s: np.sqrt(_sample_variance(s))),
    "anyNonZero": single("any", boolean, lambda s: (s.valid & (s.values != 0)).any(axis=0)),
    "allNonZero": single("all", boolean, lambda s: (~s.valid | (s.values != 0)).all(axis=0)),
    "toList": _listing("list", list),
    "frequencyHistogram": _listing("histogram", _table),
}
SIMPLE["or"], SIMPLE["and"] = SIMPLE["anyNonZero"], SIMPLE["allNonZero"]


def _made(reducer: Reducer) -> Callable[[], Reducer]:
    return lambda: reducer


REDUCERS = functions(
    {
        **{f"Reducer.{name}": _made(reducer) for name, reducer in SIMPLE.items()},
        "Reducer.minMax": _min_max,
        "Reducer.median": _median,
        "Reducer.percentile": _percentile,
        "Reducer.linearFit": linear_fit,
        "Reducer.linearRegression": linear_regression,
        "Reducer.combine": _combine,
        "Reducer.repeat": _repeat,
        "Reducer.group": _group,
        "Reducer.forEach": _for_each,
        "Reducer.forEachBand": _for_each_band,
        "Reducer.unweighted": _unweighted,
        "Reducer.setOutputs": _set_outputs,
        "Reducer.getOutputs": _get_outputs,
    }
)
