"""thumbnails.create and getPixels: downloads of images, by links that are good for a while."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from geesync.simulator.api.service import Call, Content, Service
from geesync.simulator.computing.image_functions.image_bands import selected
from geesync.simulator.computing.images import Image
from geesync.simulator.direct.evaluating import answering, evaluated
from geesync.simulator.direct.limits import check_limits
from geesync.simulator.direct.pixel_files import FORMATS, encoded, geotiff_to_download
from geesync.simulator.direct.pixel_grids import requested_grid
from geesync.simulator.refusals import BadRequest, CallRefused, NotSimulated
from geesync.simulator.world.pixels import Json, SimGrid

MOST_EDGE = 10_000  #: pixels
DEFAULT_FORMAT = "AUTO_JPEG_PNG"
#: Beside those that pixels come as at once.
DOWNLOADS = ("ZIPPED_GEO_TIFF", "ZIPPED_GEO_TIFF_PER_BAND")
ZIP = "application/zip"


def create_download(service: Service, call: Call) -> Json:
    """Answer thumbnails.create: keep what is asked for, and return the name of its link."""
    file_format = call.body.get("fileFormat", DEFAULT_FORMAT)
    if file_format not in (*DOWNLOADS, *FORMATS):
        raise NotSimulated(f"The simulator has no downloads of {file_format}.")
    with answering():
        _image(service, call)
    return {"name": f"{call.name}/thumbnails/{service.links.keep(call)}"}


def get_download(service: Service, call: Call) -> Content:
    """Answer thumbnails.getPixels; whoever has the link needs no other right."""
    asked = service.links.find(call.name.rpartition("/")[2])
    if asked is None:
        raise CallRefused(404, f"Thumbnail '{call.name}' not found.")
    with answering():
        image, assets = _image(service, asked)
        grid = requested_grid(image, asked.body.get("grid", {}), None)
        file_format = asked.body.get("fileFormat", DEFAULT_FORMAT)
        service.audit.add("download", asked.name, assets=assets, format=file_format)
        if max(grid.width, grid.height) > MOST_EDGE:
            raise BadRequest(
                f"Pixel grid dimensions ({grid.width}x{grid.height}) must be less than or equal"
                f" to {MOST_EDGE}."
            )
        check_limits(service.profile, image, grid)
        return _file(image, grid, file_format, asked.body.get("filenamePrefix") or "download")


def _image(service: Service, call: Call) -> tuple[Image, list[str]]:
    if call.body.get("visualizationOptions"):
        raise NotSimulated("The simulator does not have visualizationOptions.")
    image, assets = evaluated(service, call)
    if not isinstance(image, Image):
        raise BadRequest("The expression is not an Image.")
    bands = call.body.get("bandIds")
    return (selected(image, bands) if bands else image), assets


def _file(image: Image, grid: SimGrid, file_format: str, prefix: str) -> Content:
    match file_format:
        case "GEO_TIFF":
            return Content(geotiff_to_download(image, grid), "image/tiff")
        case "ZIPPED_GEO_TIFF":
            return Content(_zipped([(f"{prefix}.tif", image)], grid), ZIP)
        case "ZIPPED_GEO_TIFF_PER_BAND":
            return Content(_zipped(_each_band(image, prefix), grid), ZIP)
    return encoded(image, grid, file_format)


def _each_band(image: Image, prefix: str) -> Iterator[tuple[str, Image]]:
    return ((f"{prefix}.{band.id}.tif", image.of([band])) for band in image.bands)


def _zipped(images: Iterator[tuple[str, Image]] | list[tuple[str, Image]], grid: SimGrid) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, image in images:
            archive.writestr(name, geotiff_to_download(image, grid))
    return file.getvalue()
