"""GDAL's virtual raster over the files of a part: tiles open as one image, with their masks.

No kept library writes one for rotated grids or for masks of bands.
https://gdal.org/en/stable/drivers/raster/vrt.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from geesync.domain.assets.grid import spelled_out
from geesync.domain.mirror.coverage import Tile
from geesync.domain.tasks.exports import Part

#: GDAL's names of the types.
_TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "int64": "Int64",
    "float32": "Float32",
    "float64": "Float64",
}

#: From the least part of a mask that a float can be, a pixel is valid.
_ANY_IS_VALID = "0:0,1e-45:255,1:255"


@dataclass(frozen=True)
class Placed:
    """A part of an image with its files."""

    part: Part
    tiles: Mapping[str, Tile]  #: by file name
    holding: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By file name, the bands of those files that do not hold all of the part's."""

    def bands(self, name: str) -> tuple[str, ...]:
        """Return the bands that a file holds, in its order."""
        return self.holding.get(name, self.part.bands)


def vrt(
    data: Placed,
    masks: Sequence[Placed] = (),
    *,
    where: Callable[[str], Path] | None = None,
    crs: str = "",
    bands: Sequence[str] = (),
    one_mask: bool = False,
) -> bytes:
    """Return the document that opens a part as one.

    masks: parts on the same grid; those that have none of the bands are ignored. where: a file is,
    if not beside the document. crs: the grid's, where GDAL does not know its code. bands:
    only these. one_mask: that of the first band is that of them all, as a GeoTIFF has it.
    """
    grid = data.part.grid
    assert grid is not None
    a, b, c, d, e, f = grid.transform
    top = Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    SubElement(top, "SRS").text = crs or spelled_out(grid.crs)
    SubElement(top, "GeoTransform").text = ", ".join(map(repr, (c, a, b, f, d, e)))
    wanted = bands or data.part.bands
    for number, band in enumerate(wanted, 1):
        element = _band(top, data, band, number, where)
        if not one_mask:
            _mask(element, masks, band, where)
    if one_mask:
        _mask(top, masks, wanted[0], where)
    indent(top)
    return tostring(top)


def _mask(
    above: Element, masks: Iterable[Placed], band: str, where: Callable[[str], Path] | None
) -> None:
    """Add the mask that GDAL shows, 0 or 255: what is not wholly masked is valid."""
    for mask in masks:
        if band in mask.part.bands:
            inner = SubElement(SubElement(above, "MaskBand"), "VRTRasterBand", dataType="Byte")
            _sources(inner, mask, band, where, lut=_ANY_IS_VALID)


def _band(
    top: Element, data: Placed, band: str, number: int, where: Callable[[str], Path] | None
) -> Element:
    part = data.part
    element = SubElement(top, "VRTRasterBand", dataType=_TYPES[part.pixel_type], band=str(number))
    SubElement(element, "Description").text = band
    if part.sentinel is not None:
        is_long = part.pixel_type == "int64"  # GDAL reads such a value by its digits
        SubElement(element, "NoDataValue").text = repr(
            int(part.sentinel) if is_long else part.sentinel
        )
    _sources(element, data, band, where)
    return element


def _sources(
    band_element: Element,
    placed: Placed,
    band: str,
    where: Callable[[str], Path] | None,
    *,
    lut: str = "",
) -> None:
    """Add where a band's pixels are; lut: what its values become on the way."""
    for name, tile in sorted(placed.tiles.items()):
        if band not in placed.bands(name):
            continue
        source = SubElement(band_element, "ComplexSource" if lut else "SimpleSource")
        file = SubElement(source, "SourceFilename", relativeToVRT="0" if where else "1")
        file.text = str(where(name)) if where else name
        SubElement(source, "SourceBand").text = str(placed.bands(name).index(band) + 1)
        size = {"xSize": str(tile.width), "ySize": str(tile.height)}
        SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0", **size})
        SubElement(source, "DstRect", {"xOff": str(tile.column), "yOff": str(tile.row), **size})
        if lut:
            SubElement(source, "LUT").text = lut
