"""GeoTIFF, CSV, GeoJSON and GeoParquet: read, proved and made."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

#: Where another PROJ's database may be said to be.
_PROJ_DATABASES = ("PROJ_DATA", "PROJ_LIB")


def _keep_own_projections() -> None:
    """Have PROJ use the database that came with it, before GDAL is loaded.

    That of another installation, for which QGIS or Conda set a variable, is mostly of another
    version: no code would be known, and no coordinate system compared.
    """
    rasterio = find_spec("rasterio")
    folders = rasterio.submodule_search_locations if rasterio else None
    if any(Path(folder, "proj_data", "proj.db").exists() for folder in folders or ()):
        for name in _PROJ_DATABASES:
            os.environ.pop(name, None)


_keep_own_projections()
