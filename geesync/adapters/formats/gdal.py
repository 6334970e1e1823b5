"""How GDAL looks at the mirror: at the files it is told, and at nothing beside them."""

from __future__ import annotations

from contextlib import AbstractContextManager


def told_files_only(**options: str) -> AbstractContextManager[object]:
    """Return a context in which GDAL opens a file without a look at its folder.

    There may be thousands beside it, and what a GIS left there (``.aux.xml``, ``.msk``) says
    nothing of what geesync wrote. options: others of GDAL's.
    """
    import rasterio  # noqa: PLC0415 # GDAL takes longer to load than most commands to run

    env: AbstractContextManager[object] = rasterio.Env(
        GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR",
        GDAL_PAM_ENABLED="NO",  # nor does it leave such notes itself
        **options,
    )
    return env
