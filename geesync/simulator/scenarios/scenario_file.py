"""What may stand in the TOML file of a scenario; whatever else is refused by its place."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from geesync.simulator.messages import property_rules
from geesync.simulator.scenarios.features import TableKind
from geesync.simulator.scenarios.landscape import TYPES, Mask
from geesync.simulator.world.pixels import Json

TypeName = Literal["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]
AssetType = Literal["FOLDER", "IMAGE_COLLECTION", "IMAGE", "TABLE", "CLASSIFIER", "FEATURE_VIEW"]
Pyramiding = Literal["MEAN", "MODE", "SAMPLE", "MIN", "MAX", "MEDIAN"]
NAME = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+")
MOST_NUMBER = "0" * 4  #: as long as what is put for ``{}``


def _id(text: str) -> str:
    if NAME.fullmatch(text.replace("{}", MOST_NUMBER)) is None:
        raise ValueError("an id is like users/x/a or projects/p/assets/a")
    return text


def _properties(told: Json) -> Json:
    """Return properties; odd keys and long texts are let through, since old assets have them."""
    for key, value in told.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"{key} must be a text or a number")  # noqa: TRY004 - pydantic names the place of these
    return told


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the least comes first")
    return bounds


Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Pixels = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GridRecipe(_Strict):
    """Where the pixels lie: ``transform``, or ``scale`` with ``origin`` or ``at``."""

    crs: str = "UTM"  #: "EPSG:…", WKT, a name from the file's [crs] table, or UTM = by ``at``
    size: tuple[Pixels, Pixels] = (64, 48)  #: (width, height), pixels
    scale: float = Field(default=30.0, gt=0)  #: CRS units per pixel
    origin: tuple[float, float] | None = None  #: (x, y) of the upper left corner, CRS units
    at: tuple[Longitude, Latitude] | None = None  #: of the same, degrees
    transform: tuple[float, float, float, float, float, float] | None = None

    @model_validator(mode="after")
    def _has_an_area(self) -> GridRecipe:
        if self.transform is not None:
            a, b, _, d, e, _ = self.transform
            if a * e == b * d:
                raise ValueError("the transform cannot be inverted")
        return self


class BandRecipe(_Strict):
    """One band; what is not said about its grid is as in the asset's."""

    id: str = Field(pattern=f"^{property_rules.BAND_ID.pattern}$")
    type: TypeName = "uint8"
    grid: GridRecipe = GridRecipe()
    range: Annotated[tuple[float, float], AfterValidator(_ascending)] | None = None
    """Least and greatest value that occurs."""
    declared: tuple[int, int] | None = None  #: the range in the metadata, if narrower
    mask: Mask = "none"
    pyramiding: Pyramiding | None = None
    missing: tuple[float, ...] = ()
    array_dimensions: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _fits_its_type(self) -> BandRecipe:
        whole = TYPES[self.type][1]
        low, high = whole or (-np.inf, np.inf)
        for bounds in (self.range, self.declared):
            if bounds is not None and not low <= bounds[0] <= bounds[1] <= high:
                raise ValueError(f"{bounds} is no range of {self.type}")
        return self


class TableRecipe(_Strict):
    """The rows of a table."""

    kind: TableKind
    rows: int = Field(default=0, ge=0)


class BindingRecipe(_Strict):
    """One binding of a policy."""

    role: str
    members: list[str] = Field(default_factory=list)


class PolicyRecipe(_Strict):
    """Who may do what with an asset."""

    bindings: tuple[BindingRecipe, ...] = ()


class AssetRecipe(_Strict):
    """One asset, or ``count`` alike ones: ``{}`` in id and properties is their number."""

    #: ``users/x/a`` or ``projects/p/assets/a``; missing parents become folders
    id: Annotated[str, AfterValidator(_id)]
    type: AssetType | None = None  #: by default what the other fields suggest
    count: int = Field(default=1, ge=1)
    grid: GridRecipe = GridRecipe()
    step: tuple[float, float] = (0.0, 0.0)  #: degrees from one of ``count`` to the next
    bands: tuple[BandRecipe, ...] = ()
    table: TableRecipe | None = None
    start: AwareDatetime | None = None
    days: float = 1.0  #: from start to end, and from one of ``count`` to the next
    properties: Annotated[Json, AfterValidator(_properties)] = Field(default_factory=dict)
    policy: PolicyRecipe | None = None
    extra: Json = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_one_thing(self) -> AssetRecipe:
        ids = [band.id for band in self.bands]
        if len(set(ids)) < len(ids):
            raise ValueError("bands need ids of their own")
        if self.kind == "IMAGE" and not ids:
            raise ValueError("an IMAGE needs bands")
        if (self.kind == "TABLE") != (self.table is not None):
            raise ValueError("a TABLE, and nothing else, needs a table")
        if ids and self.kind != "IMAGE":
            raise ValueError(f"a {self.kind} has no bands")
        return self

    @property
    def kind(self) -> AssetType:
        """The type, said or suggested."""
        if self.type is not None:
            return self.type
        if self.bands:
            return "IMAGE"
        return "TABLE" if self.table is not None else "FOLDER"


class ScenarioRecipe(_Strict):
    """A whole file."""

    project: str = Field(default="demo-project", pattern=r"^[a-z0-9:.-]+$")
    seed: int = 1
    crs: dict[str, str] = Field(default_factory=dict)  #: name → WKT
    assets: tuple[AssetRecipe, ...]
