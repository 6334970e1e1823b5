"""Functions of Earth Engine that calculate with the pixels of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.image_functions.calculations import (
    BINARY,
    OLD_NAMES,
    UNARY,
    Calculation,
)
from geesync.simulator.computing.image_functions.image_bands import selected
from geesync.simulator.computing.images import Band, Image, Pixels, combined, constant_band, over
from geesync.simulator.computing.moments import read_moment
from geesync.simulator.computing.pixel_types import FLOAT, PixelType
from geesync.simulator.computing.scene import Scene
from geesync.simulator.world.pixels import PixelArray, SimGrid


def paired(function: str, first: Image, second: Image) -> Iterator[tuple[str, Band, Band]]:
    """Yield (name, band, band) of what a function of two images works on.

    A single band goes with each of the other image; else bands go by name, if all names are the
    same, or by order. Raises ExportRefused if they cannot be paired.
    """
    names = [band.id for band in (first if len(first.bands) >= len(second.bands) else second).bands]
    lengths = {len(first.bands), len(second.bands)} - {1}
    if len(lengths) > 1 or 0 in lengths:
        raise refused(
            f"{function}: Images must contain the same number of bands, or one must contain only"
            f" 1 band. Got {len(first.bands)} and {len(second.bands)}."
        )
    by_name = {band.id: band for band in second.bands}
    same = len(second.bands) > 1 and set(by_name) == {band.id for band in first.bands}
    for index, name in enumerate(names):
        left = first.band(index)
        yield name, left, by_name[left.id] if same else second.band(index)


def _binary(name: str, calculation: Calculation) -> Callable[..., Image]:
    def apply(image1: Image, image2: Image) -> Image:
        bands = (
            replace(
                combined(calculation.type(left.type, right.type), calculation.change, left, right),
                id=band,
            )
            for band, left, right in paired(f"Image.{name}", image1, image2)
        )
        return Image(tuple(bands))

    return apply


def _divided(name: str) -> Callable[..., Image]:
    plain = _binary(name, BINARY[name])

    def apply(scene: Scene, image1: Image, image2: Image) -> Image:
        made = plain(image1, image2)
        if scene.profile.divided_by_zero == "zero":
            return made
        divisors = [right for _, _, right in paired(f"Image.{name}", image1, image2)]
        return made.of(map(_masked_at_zero, made.bands, divisors))

    return apply


def _masked_at_zero(band: Band, divisor: Band) -> Band:
    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        return Pixels(values, np.where(divisor.read(target).values == 0, 0, mask).astype("f4"))

    return replace(band, read=read)


def _unary(calculation: Calculation) -> Callable[..., Image]:
    def apply(value: Image) -> Image:
        change = calculation.change
        return value.of(combined(calculation.type(b.type), change, b) for b in value.bands)

    return apply


def _normalized_difference(
    scene: Scene, input_: Image, band_names: list[Any] | None = None
) -> Image:
    bands = selected(input_, band_names or [0, 1]).bands
    if len(bands) != 2:  # noqa: PLR2004 - a difference of two
        raise refused(f"Image.normalizedDifference: Got {len(bands)} bands, but needs 2.")

    def change(first: PixelArray, second: PixelArray) -> PixelArray:
        total = first + second
        return np.where(total == 0, 0, (first - second) / np.where(total == 0, 1, total))

    difference = combined(FLOAT, change, *bands)

    def read(target: SimGrid) -> Pixels:
        values, mask = difference.read(target)
        for band in bands:
            mask = mask * (band.read(target).values >= 0)
        if scene.profile.difference_of_zeros == "masked":
            mask = mask * np.logical_or.reduce([band.read(target).values != 0 for band in bands])
        return Pixels(values, mask.astype(np.float32))

    return Image((replace(difference, id="nd", read=read),))


def _clamp(input_: Image, low: float, high: float) -> Image:
    limits = constant_band(low), constant_band(high)

    def clamped(band: Band) -> Band:
        kind = band.type.union(limits[0].type).union(limits[1].type)
        return combined(kind, np.clip, band, *limits)

    return input_.of(map(clamped, input_.bands))


def _where(input_: Image, test: Image, value: Image) -> Image:
    def replaced(index: int, band: Band) -> Band:
        when, then = test.band(index), value.band(index)
        kind = band.type.union(then.type)

        def read(target: SimGrid) -> Pixels:
            pixels, asked, new = (each.read(target) for each in (band, when, then))
            chosen = (asked.values != 0) & (asked.mask > 0) & (new.mask > 0) & (pixels.mask > 0)
            values = np.where(chosen, kind.convert(new.values), kind.convert(pixels.values))
            return Pixels(values, np.where(chosen, new.mask, pixels.mask))

        return replace(band, type=kind, read=read)

    return input_.of(replaced(index, band) for index, band in enumerate(input_.bands))


def _blend(bottom: Image, top: Image) -> Image:
    return bottom.of(
        replace(blended(low, high), id=name)
        for name, low, high in paired("Image.blend", bottom, top)
    )


def blended(bottom: Band, top: Band) -> Band:
    """Return a band laid over another, as far as its mask lets it be seen."""
    kind = bottom.type.union(top.type)

    def read(target: SimGrid) -> Pixels:
        below, above = bottom.read(target), top.read(target)
        rest = below.mask * (1 - above.mask)
        mask = above.mask + rest
        half = (above.mask > 0) & (rest > 0)
        values = np.where(
            over(above.mask > 0, above.values),
            kind.convert(above.values),
            kind.convert(below.values),
        )
        if half.any():
            share = (above.mask / np.where(half, mask, 1))[half]
            mixed = above.values[half] * share + below.values[half] * (1 - share)
            values = values.copy()
            values[half] = kind.convert(mixed)
        return Pixels(values, mask.astype(np.float32))

    extent = top.extent if bottom.extent == top.extent else None
    return replace(bottom, type=kind, read=read, extent=extent or bottom.extent)


def _remap(
    image: Image,
    from_: list[Any],
    to: list[Any],
    default_value: float | None = None,
    band_name: str | None = None,
) -> Image:
    if len(from_) != len(to):
        raise refused(f"Image.remap: Got {len(from_)} values and {len(to)} new ones.")
    band = (selected(image, [band_name]) if band_name else image).bands[0]
    news = [*to, *([] if default_value is None else [default_value])]
    kind = constant_band(news[0]).type
    for new in news[1:]:
        kind = kind.union(constant_band(new).type)

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        mapped = np.full(values.shape, default_value or 0, np.float64)
        known = np.zeros(values.shape, bool)
        for old, new in zip(from_, to, strict=True):
            mapped[values == old] = new
            known |= values == old
        seen = mask if default_value is not None else mask * known
        return Pixels(kind.convert(mapped), seen.astype(np.float32))

    return image.of([replace(band, id="remapped", type=kind, read=read)])


def _metadata(image: Image, property_: str, name: str | None = None) -> Image:
    value = image.properties.get(property_)
    moment = read_moment(value) if not isinstance(value, str) else None
    if moment is None:
        raise refused(f"Image.metadata: Property '{property_}' is not a number.")
    band = constant_band(float(moment.millis))
    return Image((replace(band, id=name or property_, type=PixelType("DOUBLE")),))


IMAGE_MATH = functions(
    {
        **{f"Image.{name}": _binary(name, calculation) for name, calculation in BINARY.items()},
        **{f"Image.{name}": _divided(name) for name in ("divide", "mod")},
        **{f"Image.{name}": _unary(calculation) for name, calculation in UNARY.items()},
        **{
            f"Image.{old}": _binary(new, BINARY[new])
            for old, new in OLD_NAMES.items()
            if new in BINARY
        },
        "Image.bitwise_not": _unary(UNARY["bitwiseNot"]),
        "Image.normalizedDifference": _normalized_difference,
        "Image.clamp": _clamp,
        "Image.where": _where,
        "Image.blend": _blend,
        "Image.remap": _remap,
        "Image.metadata": _metadata,
    }
)
