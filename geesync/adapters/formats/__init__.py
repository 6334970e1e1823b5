"""GeoTIFF, CSV, GeoJSON and GeoParquet: read, proved and made."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

#: Where another PROJ's database may be said to be.
_PROJ_DATABASES = ("PROJ_DATA", "PROJ_LIB")

#: Options of GDAL that change what it finds in a file, or whether it can be read.
_READING = ("GTIFF_", "OSR_", "GDAL_SKIP", "GDAL_DRIVER_PATH")


def _keep_own_options() -> None:
    """Have GDAL read files as it does of itself, before it is loaded.

    A sound file would be called damaged, and exported again, or a damaged one sound.
    https://gdal.org/en/stable/user/configoptions.html
    """
    for name in [name for name in os.environ if name.startswith(_READING)]:
        del os.environ[name]
    os.environ["GDAL_CONFIG_FILE"] = os.devnull  # nor a gdalrc


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


_keep_own_options()
_keep_own_projections()
