"""Harmonic regression: what is fitted, to whom, and when nothing is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geesync.series.harmonics import NO_FIT, Fit, Model, design, fit, predict, years_since

YEARS = np.arange(48.0, 51.0, 10 / 365.25)


def observed(clear: float, *, noise: float = 0.03, pixels: int = 60, seed: int = 1) -> NDArray[Any]:
    """Return (T, N) of two waves and noise, NaN under clouds."""
    draw = np.random.default_rng(seed)
    truth = 0.5 + 0.02 * (YEARS - 49) + 0.2 * np.cos(2 * np.pi * (YEARS - 0.4))
    values = truth[:, None] + draw.normal(0, noise, (len(YEARS), pixels))
    values[draw.random(values.shape) > clear] = np.nan
    return values


def by_numpy(values: NDArray[Any], harmonics: int) -> NDArray[Any]:
    """Return the coefficients (N, n) of each pixel by itself, as numpy finds them."""
    found = []
    for pixel in values.T:
        seen = np.isfinite(pixel)
        found.append(np.linalg.lstsq(design(YEARS, harmonics)[seen], pixel[seen], rcond=None)[0])
    return np.array(found)


@pytest.mark.parametrize("harmonics", [1, 2, 5])
def test_each_pixel_is_fitted_as_numpy_fits_it_alone(harmonics: int) -> None:
    values = observed(clear=0.6)

    found = fit(values, YEARS, Model((harmonics,), observations_a_coefficient=1))

    assert (found.harmonics == harmonics).all()
    assert np.abs(found.coefficients - by_numpy(values, harmonics)).max() < 1e-9


def test_a_pixel_gets_as_many_waves_as_its_observations_carry() -> None:
    values = observed(clear=1.0, pixels=3)
    values[24:, 1] = np.nan  # 24 observations are three for each of 8 coefficients
    values[10:, 2] = np.nan  # and 10 carry nothing

    found = fit(values, YEARS, Model((5, 3, 1)))

    assert list(found.harmonics) == [5, NO_FIT, NO_FIT]
    assert list(found.observations) == [len(YEARS), 24, 10]


def test_observations_of_one_season_are_no_year() -> None:
    values = observed(clear=1.0)
    values[YEARS % 1 > 0.3] = np.nan

    found = fit(values, YEARS, Model())

    assert (found.harmonics == NO_FIT).all()
    assert np.isnan(predict(found, YEARS)).all()


def test_a_fit_that_leaves_the_range_of_an_index_is_not_believed() -> None:
    values = observed(clear=0.8) + 0.4

    believed = fit(values, YEARS, Model(valid_range=(-1.0, 1.0)))
    taken = fit(values, YEARS, Model())

    assert (believed.harmonics == NO_FIT).all()
    assert (taken.harmonics > 0).all()


def test_amplitude_and_phase_say_how_far_and_when() -> None:
    values = observed(clear=1.0, noise=0.0)

    found = fit(values, YEARS, Model((1,)))

    assert found.amplitude[0, 0] == pytest.approx(0.2)
    assert found.phase[0, 0] == pytest.approx(0.4 * 2 * np.pi)


def test_the_order_of_one_script_makes_gaps_worse() -> None:
    """Ten waves, then five, then one: with a season's observations that is the wrong way round."""
    season = slice(0, 37)
    years, values = YEARS[season], observed(clear=0.75, pixels=400)[season]
    truth = 0.5 + 0.02 * (years - 49) + 0.2 * np.cos(2 * np.pi * (years - 0.4))
    gaps = np.isnan(values)

    def error(found: Fit) -> float:
        wrong = predict(found, years) - truth[:, None]
        return float(np.sqrt(np.nanmean(wrong[gaps] ** 2)))

    ours = fit(values, years, Model())
    theirs = fit(values, years, Model((10, 5, 1), observations_a_coefficient=1))

    assert error(ours) < error(theirs)


@given(
    clear=st.floats(0.0, 1.0),
    seed=st.integers(0, 1000),
    candidates=st.permutations([0, 1, 2, 5]).map(tuple),
)
def test_whatever_is_missing_a_pixel_has_a_whole_fit_or_none(
    clear: float, seed: int, candidates: tuple[int, ...]
) -> None:
    values = observed(clear, pixels=8, seed=seed)

    found = fit(values, YEARS, Model(candidates))

    without = found.harmonics == NO_FIT
    assert np.isnan(found.coefficients[without]).all()
    assert np.isfinite(found.coefficients[~without]).all()
    assert set(found.harmonics) <= {NO_FIT, *candidates}
    assert np.isfinite(predict(found, YEARS)[:, ~without]).all()


def test_times_are_years_of_one_length() -> None:
    times = np.array(["1970-01-01", "2018-01-01T12:00"], "datetime64[ms]")

    assert years_since(times) == pytest.approx([0.0, 17532.5 / 365.25])
