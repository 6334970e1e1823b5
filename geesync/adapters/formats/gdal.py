"""How GDAL looks at the mirror: at the files it is told, and at nothing beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geesync.domain.mirror.coverage import Tile
from geesync.errors import Cause, RemoteError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bands = NDArray[Any]  #: (band, row, column)


def without_notes(**options: str) -> AbstractContextManager[object]:
    """Return a context in which GDAL opens a file without a look at its folder.

    There may be thousands beside it, and what a GIS left there (``.aux.xml``, ``.msk``) says
    nothing of what geesync wrote. options: others of GDAL's. Within one of the same thread that has
    all of them it is that one: to make one takes as long as much else of a small file.
    """
    import rasterio  # noqa: PLC0415 # GDAL takes longer to load than most commands to run
    from rasterio.env import getenv, hasenv  # noqa: PLC0415

    wanted = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_PAM_ENABLED": "NO",  # nor does it leave such notes itself
        **options,
    }
    if hasenv() and wanted.items() <= getenv().items():
        return nullcontext()
    env: AbstractContextManager[object] = rasterio.Env(**wanted)
    return env


@contextmanager
def reading(
    name: str, cause: Cause = Cause.INTEGRITY, env: AbstractContextManager[object] | None = None
) -> Iterator[None]:
    """Raise RemoteError of this cause for what GDAL cannot read; env: ``without_notes()`` else."""
    from rasterio.errors import RasterioError  # noqa: PLC0415 # likewise

    try:
        with env or without_notes():
            yield
    except RasterioError as error:
        raise RemoteError(cause, f"{name} cannot be read: {error}") from error


def window(tile: Tile, around: Tile | None = None) -> Any:
    """Return where a tile lies, for rasterio: in its part, or in another tile of that."""
    from rasterio.windows import Window  # noqa: PLC0415 # likewise

    row, column = (around.row, around.column) if around else (0, 0)
    return Window(tile.column - column, tile.row - row, tile.width, tile.height)


def opened(path: Path) -> AbstractContextManager[Any]:
    """Open a GeoTIFF within such a context, whatever its name ends with.

    As ``rasterio.open`` does, which would make another context for it. Raises RasterioError.
    """
    from rasterio.io import DatasetReader  # noqa: PLC0415 # likewise

    dataset: AbstractContextManager[Any] = DatasetReader(str(path), driver="GTiff")
    return dataset
