"""Least squares for each pixel of a stack at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geesync.simulator.computing.reducing.reducers import Output, Reducer, Stack, double
from geesync.simulator.world.pixels import PixelArray

PIXELS_AT_ONCE = 16_384
RANK_TOLERANCE = 1e-12  #: of the largest pivot; a smaller one is none


def linear_regression(num_x: int, num_y: int = 1) -> Reducer:
    """Return the reducer of ``num_x`` independent and ``num_y`` dependent variables.

    Its first output is of shape (num_x, num_y), its second of (num_y,): the root mean square of
    the residuals. Neither is there for as many values as variables, or fewer.
    """

    def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
        shape = stacks[0].values.shape[1:]
        count = len(stacks[0].values)
        weights = np.minimum.reduce([stack.weights for stack in stacks]).reshape(count, -1)
        columns = np.stack([stack.values.reshape(count, -1) for stack in stacks], axis=-1)
        solved = [
            _solve(columns[:, i : i + PIXELS_AT_ONCE], weights[:, i : i + PIXELS_AT_ONCE], num_x)
            for i in range(0, weights.shape[1], PIXELS_AT_ONCE)
        ]
        coefficients, residuals, valid = (
            np.concatenate(part) for part in zip(*solved, strict=True)
        )
        known = valid.reshape(shape)
        return (
            Output(coefficients.reshape(*shape, num_x, num_y), known),
            Output(residuals.reshape(*shape, num_y), known),
        )

    outputs = ("coefficients", "residuals")
    return Reducer(num_x + num_y, outputs, reduce, (double, double), (2, 1))


def linear_fit() -> Reducer:
    """Return the reducer of a line: y = scale · x + offset."""
    regression = linear_regression(2)

    def reduce(stacks: Sequence[Stack]) -> Sequence[Output]:
        x, y = stacks
        ones = Stack(np.ones_like(x.values, dtype=np.float64), x.weights)
        coefficients, _ = regression.reduce([x, ones, y])
        return tuple(
            Output(coefficients.values[..., index, 0], coefficients.valid) for index in (0, 1)
        )

    return Reducer(2, ("scale", "offset"), reduce, (double, double))


def _solve(
    columns: PixelArray, weights: PixelArray, num_x: int
) -> tuple[PixelArray, PixelArray, PixelArray]:
    """Return (coefficients, residuals, whether there are any), pixel by pixel.

    columns: shape (count, pixels, variables). Solved by QR, since the normal equations of a
    trend in years have a condition of 10¹³.
    """
    valid = (weights > 0).T  # (pixels, count)
    rows = np.moveaxis(columns, 1, 0).astype(np.float64) * np.sqrt(weights.T)[..., None]
    rows = np.where(valid[..., None], rows, 0)
    x, y = rows[..., :num_x], rows[..., num_x:]
    known = valid.sum(axis=1) > num_x
    coefficients = np.zeros((len(rows), num_x, y.shape[-1]))
    if known.any():
        q, r = np.linalg.qr(x[known])
        pivots = np.abs(np.diagonal(r, axis1=1, axis2=2))
        solvable = pivots.min(axis=1) > RANK_TOLERANCE * pivots.max(axis=1)
        right = np.swapaxes(q, 1, 2) @ y[known]
        solved = np.linalg.solve(r[solvable], right[solvable])
        known[known] = solvable
        coefficients[known] = solved
    off = (y - x @ coefficients) ** 2
    total = np.where(valid, weights.T, 0).sum(axis=1)
    residuals = np.sqrt(off.sum(axis=1) / np.where(total == 0, 1, total)[:, None])
    return coefficients, residuals, known
