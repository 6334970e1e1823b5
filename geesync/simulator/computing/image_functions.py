"""Functions of Earth Engine that change bands: choosing, naming, types and masks."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from geesync.simulator.computing import images
from geesync.simulator.computing.arguments import Args, Function, refused, want
from geesync.simulator.computing.images import Band, Image, PixelType
from geesync.simulator.computing.scene import Scene


def _bandwise(function: str, argument: str, change: Callable[[Band], Band]) -> Function:
    def apply(_: Scene, args: Args) -> Image:
        image = want(function, args, argument, Image)
        return Image(tuple(map(change, image.bands)))

    return Function(apply, (argument,))


def _load(scene: Scene, args: Args) -> Image:
    return scene.image(want("Image.load", args, "id", str))


def _constant(_: Scene, args: Args) -> Image:
    value = args["value"]
    values = value if isinstance(value, list) else [value]
    if len(values) == 1:
        return Image((images.constant_band(values[0]),))
    bands = enumerate(map(images.constant_band, values))
    return Image(tuple(replace(band, id=f"constant_{i}") for i, band in bands))


def _select(_: Scene, args: Args) -> Image:
    image = want("Image.select", args, "input", Image)
    chosen = selected(image, args["bandSelectors"])
    return _renamed("Image.select", list(chosen.bands), args.get("newNames"))


def selected(image: Image, selectors: Any) -> Image:
    """Return an image of the bands that one selector or several select, in their order."""
    chosen: list[Band] = []
    for selector in selectors if isinstance(selectors, list) else [selectors]:
        chosen += _matching(image, selector)
    return Image(tuple(chosen))


def _matching(image: Image, selector: Any) -> list[Band]:
    """Return the bands that a name, a position or a regular expression selects."""
    if isinstance(selector, int | float) and not isinstance(selector, bool):
        found = list(image.bands[int(selector) : int(selector) + 1])
    else:
        found = [band for band in image.bands if band.id == selector]
        found = found or [band for band in image.bands if re.fullmatch(str(selector), band.id)]
    if not found:
        available = ", ".join(band.id for band in image.bands)
        message = (
            f"Image.select: Band pattern '{selector}' did not match any bands."
            f" Available bands: [{available}]"
        )
        raise refused(message)
    return found


def _rename(_: Scene, args: Args) -> Image:
    image = want("Image.rename", args, "input", Image)
    return _renamed("Image.rename", list(image.bands), args["names"])


def _renamed(function: str, bands: list[Band], names: Any) -> Image:
    if names is None:
        return Image(tuple(bands))
    names = names if isinstance(names, list) else [names]
    if len(names) != len(bands):
        raise refused(f"{function}: Got {len(names)} names for {len(bands)} bands.")
    return Image(
        tuple(replace(band, id=str(name)) for band, name in zip(bands, names, strict=True))
    )


def _cast(_: Scene, args: Args) -> Image:
    image = want("Image.cast", args, "image", Image)
    types = args["bandTypes"]
    bands = {
        band.id: images.cast(_type_named(types[band.id]), band) if band.id in types else band
        for band in image.bands
    }
    order = args.get("bandOrder") or list(bands)
    return Image(tuple(bands[name] for name in order))


def _type_named(name: Any) -> PixelType:
    if name not in TYPES:
        raise refused(f"Image.cast: Unknown pixel type '{name}'.")
    return TYPES[name]


def _unmask(_: Scene, args: Args) -> Image:
    image = want("Image.unmask", args, "input", Image)
    other = want("Image.unmask", {"value": 0, **args}, "value", Image)
    same = args.get("sameFootprint", True)
    return Image(
        tuple(
            images.unmasked(band, other.band(index), same_footprint=same)
            for index, band in enumerate(image.bands)
        )
    )


def _update_mask(_: Scene, args: Args) -> Image:
    image = want("Image.updateMask", args, "image", Image)
    mask = want("Image.updateMask", args, "mask", Image)
    pairs = ((band, mask.band(index)) for index, band in enumerate(image.bands))
    return Image(tuple(images.mask_updated(band, other) for band, other in pairs))


def _add_bands(_: Scene, args: Args) -> Image:
    target = want("Image.addBands", args, "dstImg", Image)
    source = want("Image.addBands", args, "srcImg", Image)
    names = args.get("names")
    added = [band for band in source.bands if names is None or band.id in names]
    bands = {band.id: band for band in target.bands}
    for band in added:
        if band.id in bands and not args.get("overwrite", False):
            # The service keeps both and numbers the second one.
            number = next(n for n in range(1, len(bands) + 2) if f"{band.id}_{n}" not in bands)
            band = replace(band, id=f"{band.id}_{number}")  # noqa: PLW2901 - the same band
        bands[band.id] = band
    return Image(tuple(bands.values()))


def _whole(bits: int, *, signed: bool) -> PixelType:
    low = -(2 ** (bits - 1)) if signed else 0
    return PixelType("INT", (low, low + 2**bits - 1))


#: Names of pixel types, as ``Image.cast`` knows them.
TYPES = {
    "int8": _whole(8, signed=True),
    "uint8": _whole(8, signed=False),
    "byte": _whole(8, signed=False),
    "int16": _whole(16, signed=True),
    "short": _whole(16, signed=True),
    "uint16": _whole(16, signed=False),
    "int32": _whole(32, signed=True),
    "int": _whole(32, signed=True),
    "uint32": _whole(32, signed=False),
    "int64": _whole(64, signed=True),
    "long": _whole(64, signed=True),
    "float": PixelType("FLOAT"),
    "double": PixelType("DOUBLE"),
}
_CASTS = {
    f"Image.{form}": _bandwise(f"Image.{form}", "value", functools.partial(images.cast, kind))
    for name, kind in TYPES.items()
    for form in (name, f"to{name.capitalize()}")
}

#: By name: what changes bands without asking where they lie.
IMAGE_FUNCTIONS: dict[str, Function] = {
    **_CASTS,
    "Image.load": Function(_load, ("id",), ("version",)),
    "Image.constant": Function(_constant, ("value",)),
    "Image.select": Function(_select, ("input", "bandSelectors"), ("newNames",)),
    "Image.rename": Function(_rename, ("input", "names")),
    "Image.cast": Function(_cast, ("image", "bandTypes"), ("bandOrder",)),
    "Image.mask": _bandwise("Image.mask", "image", images.mask_of),
    "Image.unmask": Function(_unmask, ("input",), ("value", "sameFootprint")),
    "Image.updateMask": Function(_update_mask, ("image", "mask")),
    "Image.addBands": Function(_add_bands, ("dstImg", "srcImg"), ("names", "overwrite")),
}
