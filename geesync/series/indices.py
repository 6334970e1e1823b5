"""Vegetation indices by name or by formula, of bands by their roles or their own names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numexpr
import xarray as xr

from geesync.errors import UserError

#: Formulas over roles of bands; reflectances as the collection has them, but for EVI and SAVI,
#: whose constants want them between 0 and 1.
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

#: Which band has which role, by the bands that a collection has; the first row that fits is taken.
#: https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_S2_SR_HARMONIZED and
#: https://developers.google.com/earth-engine/datasets/catalog/LANDSAT_LC08_C02_T1_L2
_ROLES = (
    {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8", "swir1": "B11", "swir2": "B12"},
    {
        "blue": "SR_B2",
        "green": "SR_B3",
        "red": "SR_B4",
        "nir": "SR_B5",
        "swir1": "SR_B6",
        "swir2": "SR_B7",
    },
)

#: Differences over sums lie here whatever the reflectances.
_NORMALIZED = (-1.0, 1.0)


@dataclass(frozen=True)
class Index:
    """A number for each pixel, computed from its bands."""

    name: str
    formula: str  #: over names of variables
    bands: Mapping[str, str]  #: the band of each variable of the formula

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
            *(data[band] for band in self.bands.values()),
            dask="parallelized",
            output_dtypes=["float32"],
        )
        # Zero over zero, as where both bands are empty, is no observation.
        return found.where(abs(found) < float("inf")).rename(self.name)


def index(name: str, bands: Iterable[str], roles: Mapping[str, str] | None = None) -> Index:
    """Return an index of a collection's bands.

    name: one of ``FORMULAS``, or a formula over roles and names of bands. roles: which band has
    which role (``{"red": "B4"}``), where it is not one of the usual collections. Raises
    UserError if it is no formula, or names what the collection does not have.
    """
    has = list(bands)
    known = name.lower() in FORMULAS
    formula = FORMULAS[name.lower()] if known else name
    usual = next((role for role in _ROLES if {role["red"], role["nir"]} <= set(has)), {})
    meaning = {**{band: band for band in has}, **usual, **(roles or {})}
    wanted = {variable: meaning.get(variable, "") for variable in _variables(formula)}
    missing = [variable for variable, band in wanted.items() if band not in has]
    if missing:
        raise UserError(
            f"{name} needs {', '.join(missing)}, and the bands are {', '.join(has)}",
            hint="say which band it is: --band red=B4",
        )
    return Index(name.lower() if known else "index", formula, wanted)


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
