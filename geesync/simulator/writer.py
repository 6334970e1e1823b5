"""The work of an export: from the body of a request to files and the names of their objects."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from geesync.simulator.evaluator import check, evaluate
from geesync.simulator.geotiff import check_size, read_options, write_geotiffs
from geesync.simulator.images import Image
from geesync.simulator.pixels import Json
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.regions import export_grid
from geesync.simulator.scene import Lookup, Table
from geesync.simulator.tables import write_table

Kind = Literal["image", "table"]

#: Takes (bucket, object name, file); the file is removed when the call has returned.
Upload = Callable[[str, str, Path], None]


def check_expression(body: Json) -> None:
    """Raise BadRequest if the expression of a request is malformed or uses what we lack."""
    check(body["expression"])


def write_export(
    kind: Kind, body: Json, lookup: Lookup, upload: Upload, *, file_edge: int | None = None
) -> None:
    """Do what a request body asks for and hand over the files, one after the other.

    lookup: raises KeyError for assets that there are not. file_edge: pixels; larger images
    are split into files of this edge, by default one that depends on the bytes of a pixel.
    Raises ExportRefused in Earth Engine's words; files handed over before are then void.
    """
    with tempfile.TemporaryDirectory(prefix="earth-engine-") as folder:
        if kind == "image":
            _write_image(body, lookup, upload, Path(folder), file_edge)
        else:
            _write_table(body, lookup, upload, Path(folder))


def _write_image(
    body: Json, lookup: Lookup, upload: Upload, folder: Path, file_edge: int | None
) -> None:
    image = evaluate(body["expression"], lookup)
    if not isinstance(image, Image):
        raise ExportRefused(INVALID_ARGUMENT, "The exported expression is not an Image.")
    asked = body["fileExportOptions"]
    if asked.get("fileFormat", "GEO_TIFF") != "GEO_TIFF":
        message = f"The simulator exports images as GEO_TIFF only, not {asked['fileFormat']}."
        raise ExportRefused(INVALID_ARGUMENT, message)
    options = read_options(asked.get("geoTiffOptions", {}), image, file_edge)
    grid = export_grid(image, body.get("grid", {}))
    check_size(grid, body.get("maxPixels"))
    bucket, prefix = _destination(asked)
    for suffix, file in write_geotiffs(image, grid, options, folder):
        upload(bucket, prefix + suffix, file)
        file.unlink()


def _write_table(body: Json, lookup: Lookup, upload: Upload, folder: Path) -> None:
    table = evaluate(body["expression"], lookup)
    if not isinstance(table, Table):
        message = "The exported expression is not a FeatureCollection."
        raise ExportRefused(INVALID_ARGUMENT, message)
    asked = body["fileExportOptions"]
    file = folder / "table"
    file_format = asked.get("fileFormat", "CSV")
    suffix = write_table(table, file_format, body.get("selectors", ()), file)
    bucket, prefix = _destination(asked)
    upload(bucket, prefix + suffix, file)


def _destination(asked: Json) -> tuple[str, str]:
    """Return (bucket, prefix of object names)."""
    destination = asked["cloudStorageDestination"]
    return destination["bucket"], destination["filenamePrefix"]
