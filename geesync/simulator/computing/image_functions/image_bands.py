"""Functions of Earth Engine that change bands: choosing, naming, types and masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from geesync.simulator.computing import images, masks
from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.images import Band, Image
from geesync.simulator.computing.patterns import in_time, pattern
from geesync.simulator.computing.pixel_types import DOUBLE, FLOAT, PixelType, whole
from geesync.simulator.computing.scene import Scene


def _load(scene: Scene, id_: str, version: Any = None) -> Image:
    del version  # there is only the latest
    return scene.image(id_)


def _constant(value: Any) -> Image:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, int | float) for each in values):
        raise refused("Image.constant: Parameter 'value' must be a number or a list of numbers.")
    if len(values) == 1:
        return Image((images.constant_band(values[0]),))
    bands = enumerate(map(images.constant_band, values))
    return Image(tuple(replace(band, id=f"constant_{i}") for i, band in bands))


def _select(input_: Image, band_selectors: Any, new_names: list[Any] | None = None) -> Image:
    return _renamed("Image.select", selected(input_, band_selectors), new_names)


def selected(image: Image, selectors: Any) -> Image:
    """Return an image of the bands that one selector or several select, in their order."""
    chosen: list[Band] = []
    for selector in selectors if isinstance(selectors, list) else [selectors]:
        chosen += _matching(image, selector)
    return image.of(chosen)


def _matching(image: Image, selector: Any) -> list[Band]:
    """Return the bands that a name, a position or a regular expression selects."""
    if isinstance(selector, int | float) and not isinstance(selector, bool):
        found = list(image.bands[int(selector) : int(selector) + 1])
    else:
        found = [band for band in image.bands if band.id == selector]
        found = found or [
            band for band in image.bands if in_time(pattern(str(selector)).fullmatch, band.id)
        ]
    if not found:
        available = ", ".join(band.id for band in image.bands)
        message = (
            f"Image.select: Band pattern '{selector}' did not match any bands."
            f" Available bands: [{available}]"
        )
        raise refused(message)
    return found


def _slice(image: Image, start: int, end: int | None = None) -> Image:
    return image.of(image.bands[start:end])


def _band_types(image: Image) -> dict[str, PixelType]:
    return {band.id: band.type for band in image.bands}


def _rename(input_: Image, names: Any) -> Image:
    return _renamed("Image.rename", input_, names if isinstance(names, list) else [names])


def _renamed(function: str, image: Image, names: list[Any] | None) -> Image:
    if names is None:
        return image
    if len(names) != len(image.bands):
        raise refused(f"{function}: Got {len(names)} names for {len(image.bands)} bands.")
    return image.of(
        replace(band, id=str(name)) for band, name in zip(image.bands, names, strict=True)
    )


def _band_names(image: Image) -> list[str]:
    return [band.id for band in image.bands]


def _cast(image: Image, band_types: dict[str, Any], band_order: list[Any] | None = None) -> Image:
    bands = {
        band.id: images.cast(_type_named(band_types[band.id]), band)
        if band.id in band_types
        else band
        for band in image.bands
    }
    return image.of(bands[name] for name in band_order or list(bands))


def _type_named(name: Any) -> PixelType:
    if isinstance(name, PixelType):
        return name
    if name not in TYPES:
        raise refused(f"Image.cast: Unknown pixel type '{name}'.")
    return TYPES[name]


def _casting(kind: PixelType) -> Callable[..., Image]:
    def apply(value: Image) -> Image:
        return value.of(images.cast(kind, band) for band in value.bands)

    return apply


def _mask(image: Image, mask: Image | None = None) -> Image:
    if mask is None:
        return image.of(map(masks.mask_of, image.bands))
    return image.of(
        masks.mask_replaced(band, mask.band(index)) for index, band in enumerate(image.bands)
    )


def _unmask(input_: Image, value: Image | None = None, *, same_footprint: bool = True) -> Image:
    other = value or Image((images.constant_band(0),))
    return input_.of(
        masks.unmasked(band, other.band(index), same_footprint=same_footprint)
        for index, band in enumerate(input_.bands)
    )


def _update_mask(image: Image, mask: Image) -> Image:
    return image.of(
        masks.mask_updated(band, mask.band(index)) for index, band in enumerate(image.bands)
    )


def _self_mask(image: Image) -> Image:
    return image.of(masks.mask_updated(band, band) for band in image.bands)


def _add_bands(
    dst_img: Image,
    src_img: Image,
    names: list[Any] | None = None,
    *,
    overwrite: bool = False,
) -> Image:
    added = src_img if names is None else selected(src_img, names)
    return with_bands(dst_img, added, overwrite=overwrite)


def with_bands(image: Image, added: Image, *, overwrite: bool = False) -> Image:
    """Return an image with the bands of another one behind its own.

    One of a name that is there replaces it, or gets a number.
    """
    bands = {band.id: band for band in image.bands}
    for band in added.bands:
        name = band.id
        if name in bands and not overwrite:
            # The service keeps both and numbers the second one.
            number = next(n for n in range(1, len(bands) + 2) if f"{name}_{n}" not in bands)
            name = f"{name}_{number}"
        bands[name] = replace(band, id=name)
    return image.of(bands.values())


def _cat(images_: list[Any]) -> Image:
    if not images_:
        return Image(())
    first, *others = (each if isinstance(each, Image) else _constant(each) for each in images_)
    for other in others:
        first = with_bands(first, other)
    return first


def _bits(count: int, *, signed: bool) -> PixelType:
    low = -(2 ** (count - 1)) if signed else 0
    return whole(low, low + 2**count - 1)


#: Names of pixel types, as ``Image.cast`` knows them.
TYPES = {
    "int8": _bits(8, signed=True),
    "uint8": _bits(8, signed=False),
    "byte": _bits(8, signed=False),
    "int16": _bits(16, signed=True),
    "short": _bits(16, signed=True),
    "uint16": _bits(16, signed=False),
    "int32": _bits(32, signed=True),
    "int": _bits(32, signed=True),
    "uint32": _bits(32, signed=False),
    "int64": _bits(64, signed=True),
    "long": _bits(64, signed=True),
    "float": FLOAT,
    "double": DOUBLE,
}

#: By name: what changes bands without asking where they lie.
BANDS = functions(
    {
        **{
            f"Image.{form}": _casting(kind)
            for name, kind in TYPES.items()
            for form in (name, f"to{name.capitalize()}")
        },
        "Image.load": _load,
        "Image.constant": _constant,
        "Image.select": _select,
        "Image.slice": _slice,
        "Image.rename": _rename,
        "Image.bandNames": _band_names,
        "Image.bandTypes": _band_types,
        "Image.cast": _cast,
        "Image.mask": _mask,
        "Image.unmask": _unmask,
        "Image.updateMask": _update_mask,
        "Image.selfMask": _self_mask,
        "Image.addBands": _add_bands,
        "Image.cat": _cat,
    }
)
