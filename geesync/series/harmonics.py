"""Harmonic regression: a trend and yearly waves, fitted to what was observed of each pixel.

    y(t) = constant + trend · t + Σ cos_k · cos 2πkt + sin_k · sin 2πkt      k = 1 … n, t in years

The model of https://developers.google.com/earth-engine/tutorials/community/time-series-modeling,
which warns of overfitting: many waves through few observations swing wildly where there are none.
So each pixel gets as many waves as its observations carry, and none where they carry none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: What a pixel has in ``harmonics`` that no model was fitted to.
NO_FIT = -1

#: Observations for each coefficient: with fewer the waves follow the noise.
OBSERVATIONS_A_COEFFICIENT = 3

#: Below this determinant of the regressors' correlations (1 for independent ones, 0 for one that
#: follows from others) the equations are not solved at all.
_LEAST_DETERMINANT = 1e-12

#: A fit is not believed whose prediction at some date varies more than twice as much as an
#: observation: its observations lie in one season, or leave a long gap in which waves swing freely.
_MOST_LEVERAGE = 2.0


@dataclass(frozen=True)
class Model:
    """Which waves may be fitted, and what is believed of a fit.

    candidates: numbers of waves to try, first the preferred one. observations_a_coefficient: how
    many each coefficient wants. valid_range: a fit that leaves it at any date is not believed; None
    takes every fit.
    """

    candidates: tuple[int, ...] = (3, 2, 1)
    observations_a_coefficient: float = OBSERVATIONS_A_COEFFICIENT
    valid_range: tuple[float, float] | None = None

    @property
    def most(self) -> int:
        """The largest number of waves."""
        return max(self.candidates)


@dataclass(frozen=True)
class Fit:
    """What was fitted to N pixels observed at T times; NaN wherever there is no fit."""

    coefficients: Floats  #: (N, width): constant, trend a year, cos 1, sin 1, cos 2, sin 2, …
    harmonics: NDArray[np.int16]  #: (N,): how many waves, or NO_FIT
    observations: NDArray[np.int32]  #: (N,): how many were used
    rmse: Floats  #: (N,): root mean square of the residuals, in the data's units

    @property
    def amplitude(self) -> Floats:
        """(N, waves): half of what each wave swings."""
        return np.hypot(self.coefficients[:, 2::2], self.coefficients[:, 3::2])

    @property
    def phase(self) -> Floats:
        """(N, waves): when each wave is highest, in radians of its own period; −π to π."""
        return np.arctan2(self.coefficients[:, 3::2], self.coefficients[:, 2::2])


def coefficients_of(harmonics: int) -> int:
    """Return how many coefficients a model of so many waves has."""
    return 2 + 2 * harmonics


def names(harmonics: int) -> list[str]:
    """Return the names of a model's coefficients, in their order."""
    waves = [f"{wave}_{k}" for k in range(1, harmonics + 1) for wave in ("cos", "sin")]
    return ["constant", "trend", *waves]


def design(years: Floats, harmonics: int) -> Floats:
    """Return the regressors at some times: (T, coefficients).

    years: (T,) since any epoch; a whole number is a 1 January, roughly.
    """
    columns = [np.ones_like(years), years]
    for k in range(1, harmonics + 1):
        columns += [np.cos(2 * np.pi * k * years), np.sin(2 * np.pi * k * years)]
    return np.stack(columns, axis=1)


def fit(values: NDArray[Any], years: Floats, model: Model) -> Fit:
    """Fit each pixel by least squares over its own observations.

    values: (T, N), NaN where nothing was observed. years: (T,). A pixel whose observations do not
    carry a candidate gets the next one. Raises ValueError if times and values do not match.
    """
    if len(years) != len(values):
        raise ValueError(f"{len(values)} values and {len(years)} times")
    counts = np.isfinite(values).sum(axis=0, dtype=np.int32)
    fitted = Fit(
        coefficients=np.full((len(counts), coefficients_of(model.most)), np.nan),
        harmonics=np.full(len(counts), NO_FIT, np.int16),
        observations=counts,
        rmse=np.full(len(counts), np.nan),
    )
    for harmonics in model.candidates:
        _try(fitted, model, harmonics, values, years)
    return fitted


def predict(fitted: Fit, years: Floats) -> Floats:
    """Return what the fits say at some times: (T, N), NaN where there is no fit."""
    most = (fitted.coefficients.shape[1] - 2) // 2
    return np.asarray(design(years, most) @ fitted.coefficients.T)


def _try(fitted: Fit, model: Model, harmonics: int, values: NDArray[Any], years: Floats) -> None:
    """Fit so many waves to the pixels that have no fit yet; note the fits that are believed."""
    count = coefficients_of(harmonics)
    wanted = max(model.observations_a_coefficient * count, count + 1)
    pixels = np.flatnonzero((fitted.harmonics == NO_FIT) & (fitted.observations >= wanted))
    if not pixels.size:
        return
    values = values[:, pixels]
    observed = np.isfinite(values)
    middle = float(years.mean())
    # Centred, or constant and trend are all but one another's multiple.
    regressors = design(years, harmonics)
    regressors[:, 1] -= middle
    clean = np.where(observed, values, 0).astype(np.float64)
    solved, leverage = _least_squares(regressors, clean, observed)
    predicted = regressors @ solved.T
    is_sound = leverage <= _MOST_LEVERAGE
    if model.valid_range is not None:
        least, most = model.valid_range
        is_sound &= ((predicted >= least) & (predicted <= most)).all(axis=0)
    residuals = np.where(observed, predicted - clean, 0)
    solved[:, 0] -= middle * solved[:, 1]
    good = pixels[is_sound]
    fitted.coefficients[good] = 0
    fitted.coefficients[good, : solved.shape[1]] = solved[is_sound]
    fitted.harmonics[good] = harmonics
    squares = (residuals**2).sum(axis=0)[is_sound]
    fitted.rmse[good] = np.sqrt(squares / fitted.observations[good])


def _least_squares(
    regressors: Floats, values: Floats, observed: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return the coefficients of each pixel (N, n), and its largest leverage at any date (N,).

    Leverage is the variance of a prediction in units of an observation's. The normal equations of
    all pixels at once: matrix products over the products of regressors.
    """
    count = regressors.shape[1]
    weights = observed.astype(np.float64)
    products = (regressors[:, :, None] * regressors[:, None, :]).reshape(len(regressors), -1)
    normal = (weights.T @ products).reshape(-1, count, count)
    right = values.T @ regressors
    solved = np.full(right.shape, np.nan)
    leverage = np.full(len(right), np.inf)
    is_regular = _determinant(normal) > _LEAST_DETERMINANT
    if is_regular.any():
        inverse = np.linalg.inv(normal[is_regular])
        solved[is_regular] = np.einsum("nij,nj->ni", inverse, right[is_regular])
        leverage[is_regular] = (products @ inverse.reshape(len(inverse), -1).T).max(axis=0)
    return solved, leverage


def _determinant(normal: Floats) -> Floats:
    """Return the determinants of matrices (N, n, n) scaled to a diagonal of ones."""
    _, logarithms = np.linalg.slogdet(normal)
    diagonals = np.diagonal(normal, axis1=1, axis2=2)
    with np.errstate(divide="ignore"):  # a regressor that is zero at every observation
        return np.asarray(np.exp(logarithms - np.log(diagonals).sum(axis=1)))


def years_since(times: Sequence[Any] | NDArray[Any]) -> Floats:
    """Return times as years of 365.25 days since 1970; times are anything numpy reads."""
    elapsed = np.asarray(times, "datetime64[ms]") - np.datetime64(0, "ms")
    return np.asarray(elapsed / np.timedelta64(1, "ms") / (365.25 * 86_400_000), np.float64)
