"""Codes of coordinate systems that Earth Engine uses and PROJ does not know, spelled out."""

from __future__ import annotations

#: The sinusoidal grid of MODIS, on a sphere. https://spatialreference.org/ref/sr-org/6974/
_MODIS = (
    'PROJCS["MODIS Sinusoidal",GEOGCS["User with datum World Geodetic Survey 1984",'
    'DATUM["unnamed",SPHEROID["unnamed",6371007.181,0]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],'
    'PROJECTION["Sinusoidal"],PARAMETER["longitude_of_center",0],'
    'PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1]]'
)

_SPELLED_OUT = {"SR-ORG:6974": _MODIS, "SR-ORG:6842": _MODIS}


def only_named(crs: str) -> str:
    """Return WKT that says what a CRS is called, and not what it is."""
    name = crs.replace('"', "")
    return f'LOCAL_CS["{name}",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'


def spelled_out(crs: str) -> str:
    """Return a CRS as WKT where its code is one that PROJ does not know; else as it is."""
    return _SPELLED_OUT.get(crs, crs)
