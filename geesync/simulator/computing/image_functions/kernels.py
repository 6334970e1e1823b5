"""Kernels: which neighbours of a pixel count, and how much.

https://developers.google.com/earth-engine/guides/image_convolutions
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.projections import Floats

MOST_RADIUS_PX = 512

Offsets = Floats  #: from the pixel in the middle, in pixels
Shape = Callable[[Offsets, Offsets, float, float], Any]


@dataclass(frozen=True)
class Kernel:
    """Weights of a pixel's neighbours."""

    make: Callable[[float], Floats]  #: given the edge of a pixel in metres

    def weights(self, pixel_m: float) -> Floats:
        """Return the weights, of shape (height, width), both odd; the pixel is in the middle."""
        return self.make(pixel_m)

    def turned(self) -> Kernel:
        """Return it turned by half a turn."""
        return Kernel(lambda pixel_m: self.make(pixel_m)[::-1, ::-1])


def _shaped(
    shape_of: Callable[[float], Shape], *, normalized: bool = True
) -> Callable[..., Kernel]:
    """Return a function that makes kernels of one radius; shape_of: their shape, by the radius."""

    def build(
        radius: float,
        units: str = "pixels",
        *,
        normalize: bool = normalized,
        magnitude: float = 1.0,
    ) -> Kernel:
        shape = shape_of(radius)
        return _kernel(shape, (radius, radius), units, magnitude, normalize=normalize)

    return build


def _rectangle(
    x_radius: float,
    y_radius: float,
    units: str = "pixels",
    *,
    normalize: bool = True,
    magnitude: float = 1.0,
) -> Kernel:
    return _kernel(_all, (x_radius, y_radius), units, magnitude, normalize=normalize)


def _gaussian(
    radius: float,
    sigma: float = 1.0,
    units: str = "pixels",
    *,
    normalize: bool = True,
    magnitude: float = 1.0,
) -> Kernel:
    if sigma <= 0:
        raise refused("Kernel.gaussian: The sigma must be greater than 0.")

    def bell(x: Offsets, y: Offsets, x_radius: float, _: float) -> Any:
        sigma_px = sigma * x_radius / radius
        return np.exp(-(x**2 + y**2) / (2 * sigma_px**2))

    return _kernel(bell, (radius, radius), units, magnitude, normalize=normalize)


def _distance(norm: Callable[[Offsets, Offsets], Any]) -> Callable[..., Kernel]:
    def shape_of(radius: float) -> Shape:
        return lambda x, y, x_radius, _: norm(x, y) * radius / x_radius  # in the radius's units

    return _shaped(shape_of, normalized=False)


def _inverse(kernel: Kernel) -> Kernel:
    def make(pixel_m: float) -> Floats:
        weights = kernel.weights(pixel_m)
        inverted: Floats = np.divide(1, weights, out=np.zeros_like(weights), where=weights != 0)
        return inverted

    return Kernel(make)


def _kernel(
    shape: Shape, radii: tuple[float, float], units: str, magnitude: float, *, normalize: bool
) -> Kernel:
    if units not in ("pixels", "meters"):
        raise refused(f"Kernel: Unrecognized units '{units}'; there are pixels and meters.")
    if min(radii) <= 0:
        raise refused("Kernel: The radius must be greater than 0.")

    def make(pixel_m: float) -> Floats:
        x_radius, y_radius = (each / (pixel_m if units == "meters" else 1.0) for each in radii)
        if max(x_radius, y_radius) > MOST_RADIUS_PX:
            raise refused(f"Kernel: Kernels are limited to {MOST_RADIUS_PX} pixels.")
        right, down = int(x_radius), int(y_radius)
        y, x = np.mgrid[-down : down + 1, -right : right + 1].astype(float)
        return _scaled(shape(x, y, x_radius, y_radius), magnitude, normalize=normalize)

    return Kernel(make)


def _scaled(weights: Any, magnitude: float, *, normalize: bool) -> Floats:
    """Return weights that come to ``magnitude`` if they are to; to 0 if one is negative."""
    weights = np.asarray(weights, dtype=np.float64)
    if normalize and weights.min() < 0:
        weights = weights - weights.mean()
    elif normalize and weights.sum():
        weights = weights / weights.sum()
    scaled: Floats = weights * magnitude
    return scaled


def _fixed(
    width: int = -1,
    height: int = -1,
    *,
    weights: list[Any],
    x: int = -1,
    y: int = -1,
    normalize: bool = False,
) -> Kernel:
    given = np.asarray(weights, dtype=np.float64)
    if given.ndim != 2 or 0 in given.shape:  # noqa: PLR2004 - rows of columns
        raise refused("Kernel.fixed: The weights must be rows of equal length.")
    if (height, width) not in ((-1, -1), given.shape):
        raise refused(f"Kernel.fixed: The weights are {given.shape[1]} by {given.shape[0]}.")
    row, column = (
        place if place >= 0 else n // 2 for place, n in zip((y, x), given.shape, strict=True)
    )
    before, after = (row, column), (given.shape[0] - 1 - row, given.shape[1] - 1 - column)
    if min(after) < 0:
        raise refused("Kernel.fixed: The focus lies outside of the weights.")
    # Padded, so that the focus is in the middle.
    reach = [max(pair) for pair in zip(before, after, strict=True)]
    pads = [(r - b, r - a) for r, b, a in zip(reach, before, after, strict=True)]
    padded = np.pad(_scaled(given, 1.0, normalize=normalize), pads)
    return Kernel(lambda _: padded)


def _laplacian(centre: int, corner: int) -> Callable[..., Kernel]:
    def build(magnitude: float = 1.0, *, normalize: bool = False) -> Kernel:
        rows = [[corner, 1, corner], [1, centre, 1], [corner, 1, corner]]
        weights = _scaled(rows, magnitude, normalize=normalize)
        return Kernel(lambda _: weights)

    return build


def _all(x: Offsets, y: Offsets, x_radius: float, y_radius: float) -> Any:
    return (np.abs(x) <= x_radius) & (np.abs(y) <= y_radius)


def _always(shape: Shape) -> Callable[[float], Shape]:
    return lambda _: shape


def _disc(x: Offsets, y: Offsets, radius: float, _: float) -> Any:
    return x**2 + y**2 <= radius**2


#: By the name that focal functions know them by, too.
SHAPES: dict[str, Shape] = {
    "square": _all,
    "circle": _disc,
    "plus": lambda x, y, _, __: (x == 0) | (y == 0),
    "cross": lambda x, y, _, __: np.abs(x) == np.abs(y),
    "diamond": lambda x, y, radius, _: np.abs(x) + np.abs(y) <= radius,
}

KERNELS = functions(
    {
        **{f"Kernel.{name}": _shaped(_always(shape)) for name, shape in SHAPES.items()},
        "Kernel.euclidean": _distance(np.hypot),
        "Kernel.manhattan": _distance(lambda x, y: np.abs(x) + np.abs(y)),
        "Kernel.chebyshev": _distance(lambda x, y: np.maximum(np.abs(x), np.abs(y))),
        "Kernel.inverse": _inverse,
        "Kernel.rectangle": _rectangle,
        "Kernel.gaussian": _gaussian,
        "Kernel.fixed": _fixed,
        "Kernel.laplacian4": _laplacian(-4, 0),
        "Kernel.laplacian8": _laplacian(-8, 1),
    }
)


def named_kernel(name: str, radius: float, units: str) -> Kernel:
    """Return a kernel whose neighbours all count alike; refused if none has this name."""
    if name not in SHAPES:
        raise refused(f"Image.focal: The simulator has no kernel '{name}'.")
    return _kernel(SHAPES[name], (radius, radius), units, 1.0, normalize=False)
