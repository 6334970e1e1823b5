"""Where pixels lie: CRS, affine transform and shape, and when two grids are the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

Transform = tuple[float, float, float, float, float, float]

_MEMBERS = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")

#: A hundredth of a pixel: GDAL and Earth Engine write one double in slightly different text.
_TOLERANCE_PX = 1e-2


@dataclass(frozen=True)
class Grid:
    """A pixel grid, as Earth Engine's PixelGrid.

    https://developers.google.com/earth-engine/reference/rest/v1/PixelGrid
    """

    crs: str  #: an authority code such as "EPSG:32633", or WKT
    transform: Transform
    """(x-scale, x-shear, x-origin, y-shear, y-scale, y-origin), in CRS units per pixel."""
    width: int  #: pixels
    height: int  #: pixels

    @classmethod
    def from_json(cls, grid: dict[str, Any]) -> Grid:
        """Read a PixelGrid as ``getAsset`` gives it; members that are zero are omitted there."""
        affine = grid.get("affineTransform", {})
        dimensions = grid.get("dimensions", {})
        return cls(
            crs=grid.get("crsCode") or grid.get("crsWkt") or "",
            transform=tuple([float(affine.get(member, 0)) for member in _MEMBERS]),  # type: ignore[arg-type] # six members
            width=int(dimensions.get("width", 0)),
            height=int(dimensions.get("height", 0)),
        )

    def to_json(self) -> dict[str, Any]:
        """Write the PixelGrid for an export request, every member said."""
        return {
            "crsCode" if self.has_code else "crsWkt": self.crs,
            "affineTransform": dict(zip(_MEMBERS, self.transform, strict=True)),
            "dimensions": {"width": self.width, "height": self.height},
        }

    @property
    def has_code(self) -> bool:
        """Whether the CRS is an authority's code, not a text that describes it."""
        return "[" not in self.crs

    @property
    def pixels(self) -> int:
        """Pixels of one band."""
        return self.width * self.height

    def same_place(self, transform: Transform) -> bool:
        """Say whether another transform puts all corners within a hundredth of a pixel."""
        a, b, _, d, e, _ = self.transform
        pixel = max(math.hypot(a, d), math.hypot(b, e))
        corners = ((0, 0), (self.width, 0), (0, self.height), (self.width, self.height))
        return all(
            math.dist(_place(self.transform, *corner), _place(transform, *corner))
            <= _TOLERANCE_PX * pixel
            for corner in corners
        )

    def window(self, row: int, column: int, height: int, width: int) -> Grid:
        """Return the grid of the tile that begins at a pixel offset, cut at the edges."""
        a, b, _, d, e, _ = self.transform
        x, y = _place(self.transform, column, row)
        return Grid(
            crs=self.crs,
            transform=(a, b, x, d, e, y),
            width=min(width, self.width - column),
            height=min(height, self.height - row),
        )


def _place(transform: Transform, column: float, row: float) -> tuple[float, float]:
    a, b, c, d, e, f = transform
    return a * column + b * row + c, d * column + e * row + f


#: The sinusoidal grid of MODIS, on a sphere. https://spatialreference.org/ref/sr-org/6974/
_MODIS = (
    'PROJCS["MODIS Sinusoidal",GEOGCS["User with datum World Geodetic Survey 1984",'
    'DATUM["unnamed",SPHEROID["unnamed",6371007.181,0]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],'
    'PROJECTION["Sinusoidal"],PARAMETER["longitude_of_center",0],'
    'PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1]]'
)

#: Codes of coordinate systems that Earth Engine uses and PROJ does not know.
_SPELLED_OUT = {"SR-ORG:6974": _MODIS, "SR-ORG:6842": _MODIS}


def only_named(crs: str) -> str:
    """Return WKT that says what a CRS is called, and not what it is."""
    name = crs.replace('"', "")
    return f'LOCAL_CS["{name}",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'


def spelled_out(crs: str) -> str:
    """Return a CRS as WKT where its code is one that PROJ does not know; else as it is."""
    return _SPELLED_OUT.get(crs, crs)
