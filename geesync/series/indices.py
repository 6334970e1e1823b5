"""Vegetation indices by name or by formula, of bands by their roles or their own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numexpr
import numpy as np
import xarray as xr

from geesync.errors import UserError

#: Formulas over roles of bands, which are reflectances between 0 and 1.
#: https://github.com/awesome-spectral-indices/awesome-spectral-indices lists the sources of each.
FORMULAS = {
    "ndvi": "(nir - red) / (nir + red)",
    "evi": "2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)",
    "savi": "1.5 * (nir - red) / (nir + red + 0.5)",
    "ndwi": "(green - nir) / (green + nir)",
    "ndmi": "(nir - swir1) / (nir + swir1)",
    "nbr": "(nir - swir2) / (nir + swir2)",
    "ndsi": "(green - swir1) / (green + swir1)",
    "gndvi": "(nir - green) / (nir + green)",
}


@dataclass(frozen=True)
class Usual:
    """The bands of a usual collection, and what its whole numbers mean."""

    bands: Mapping[str, str]  #: by role
    scale: float = 1.0  #: a reflectance is scale · (value + offset)
    offset: float = 0.0


_COLOURS = ("blue", "green", "red", "nir", "swir1", "swir2")

#: The first of which a collection has the bands is taken.
#: https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_S2_SR_HARMONIZED and
#: https://developers.google.com/earth-engine/datasets/catalog/LANDSAT_LC08_C02_T1_L2
_USUAL = (
    Usual(dict(zip(_COLOURS, ("B2", "B3", "B4", "B8", "B11", "B12"), strict=True)), 1e-4),
    Usual({role: f"SR_B{n}" for n, role in enumerate(_COLOURS, 2)}, 2.75e-5, -0.2 / 2.75e-5),
)

#: Differences over sums lie here whatever the reflectances.
_NORMALIZED = (-1.0, 1.0)


@dataclass(frozen=True)
class Index:
    """A number for each pixel, computed from its bands."""

    name: str
    formula: str  #: over names of variables
    bands: Mapping[str, str]  #: the band of each variable of the formula
    reflectances: Mapping[str, Usual] = field(default_factory=dict)
    """Variables that are whole numbers on disk, and what these mean."""

    @property
    def valid_range(self) -> tuple[float, float] | None:
        """Between which values it lies by its nature; None where that is not known."""
        return _NORMALIZED if self.name.startswith(("nd", "gnd", "nbr")) else None

    def of(self, data: xr.Dataset) -> xr.DataArray:
        """Return the index of a data set, over the dimensions of its bands; NaN where one is."""
        variables = list(self.bands)

        def compute(*arrays: object) -> object:
            values = dict(zip(variables, arrays, strict=True))
            return numexpr.evaluate(self.formula, local_dict=values, global_dict={})

        found: xr.DataArray = xr.apply_ufunc(
            compute,
            *(self._values(data, variable) for variable in variables),
            dask="parallelized",
            output_dtypes=["float32"],
        )
        # Zero over zero, as where both bands are empty, is no observation.
        return found.where(abs(found) < float("inf")).rename(self.name)

    def _values(self, data: xr.Dataset, variable: str) -> xr.DataArray:
        values, usual = data[self.bands[variable]], self.reflectances.get(variable)
        if usual is None:
            return values
        shifted = values + usual.offset if usual.offset else values
        # A scale that all have is divided away.
        return shifted if self.valid_range == _NORMALIZED else shifted * usual.scale


def index(name: str, bands: Mapping[str, str], roles: Mapping[str, str] | None = None) -> Index:
    """Return an index of a collection's bands.

    name: one of ``FORMULAS``, or a formula over roles and names of bands. bands: numpy's types of
    their values. roles: which band has which role (``{"red": "B4"}``), where it is not one of the
    usual collections. Raises UserError if it is no formula, or names what the collection does not
    have.
    """
    has = list(bands)
    known = name.lower() in FORMULAS
    formula = FORMULAS[name.lower()] if known else name
    fitting = (one for one in _USUAL if {one.bands["red"], one.bands["nir"]} <= set(has))
    usual = next(fitting, Usual({}))
    meaning = {**{band: band for band in has}, **usual.bands, **(roles or {})}
    wanted = {variable: meaning.get(variable, "") for variable in _variables(formula)}
    missing = [variable for variable, band in wanted.items() if band not in has]
    if missing:
        raise UserError(
            f"{name} needs {', '.join(missing)}, and the bands are {', '.join(has)}",
            hint="say which band it is: --band red=B4",
        )
    whole = {
        variable: usual
        for variable, band in wanted.items()
        if variable in usual.bands.keys() - (roles or {}).keys()
        and np.dtype(bands[band]).kind in "iu"
    }
    return Index(name.lower() if known else "index", formula, wanted, whole)


def _variables(formula: str) -> list[str]:
    """Return the names in a formula. Raises UserError if it is none."""
    try:
        expression = numexpr.NumExpr(formula)
    except (ValueError, SyntaxError, TypeError, KeyError, AttributeError, NameError) as error:
        raise UserError(
            f"{formula!r} is no index and no formula: {error}",
            hint=f"one of {', '.join(FORMULAS)}, or as '(nir - red) / (nir + red)'",
        ) from error
    names = list(expression.input_names)
    if not names:
        raise UserError(f"{formula!r} names no band")
    return names
