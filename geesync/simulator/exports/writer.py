"""The work of an export: from the body of a request to files and the names of their objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from geesync.simulator.computing.evaluator import evaluate
from geesync.simulator.computing.images import Image
from geesync.simulator.computing.regions import export_grid
from geesync.simulator.computing.scene import Collection, Scene
from geesync.simulator.exports.geotiff import check_size, read_options, write_geotiffs
from geesync.simulator.exports.tables import write_table
from geesync.simulator.profiles import CALM, Profile
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.pixels import Json

Kind = Literal["image", "table"]

Written = tuple[str, str, Path]  #: (bucket, or folder of Drive; name there; file)


def write_export(
    kind: Kind, body: Json, scene: Scene, stem: Path, profile: Profile = CALM
) -> Iterator[Written]:
    """Do what a request body asks for and yield the files, one after the other.

    stem: what the files' names begin with.
    Raises ExportRefused in Earth Engine's words; files yielded before are then void.
    """
    write = _write_image if kind == "image" else _write_table
    options = body["fileExportOptions"]
    target = options.get("cloudStorageDestination") or options["driveDestination"]
    place = target.get("bucket") or target.get("folder", "")
    for suffix, file in write(body, scene, stem, profile):
        yield place, target["filenamePrefix"] + suffix, file


def _write_image(
    body: Json, scene: Scene, stem: Path, profile: Profile
) -> Iterator[tuple[str, Path]]:
    image = evaluate(body["expression"], scene)
    if not isinstance(image, Image):
        raise ExportRefused(INVALID_ARGUMENT, "The exported expression is not an Image.")
    asked = body["fileExportOptions"]
    options = read_options(asked.get("geoTiffOptions", {}), image, profile)
    grid = export_grid(image, body.get("grid", {}))
    check_size(grid, body.get("maxPixels"))
    return write_geotiffs(image, grid, options, stem)


def _write_table(body: Json, scene: Scene, stem: Path, _: Profile) -> Iterator[tuple[str, Path]]:
    table = evaluate(body["expression"], scene)
    if not isinstance(table, Collection):
        message = "The exported expression is not a FeatureCollection."
        raise ExportRefused(INVALID_ARGUMENT, message)
    file_format = body["fileExportOptions"].get("fileFormat", "CSV")
    yield write_table(table, file_format, body.get("selectors", ()), stem), stem
