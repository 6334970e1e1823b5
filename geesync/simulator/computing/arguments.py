"""What a function of Earth Engine is here, and how it gets at its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from geesync.simulator.computing.images import Image, constant_band
from geesync.simulator.computing.scene import Scene
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused

Args = Mapping[str, Any]
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Function:
    """A function and the names of its arguments, as Earth Engine publishes them."""

    apply: Callable[[Scene, Args], Any]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


def want(function: str, args: Args, name: str, kind: type[Kind]) -> Kind:
    """Return an argument of the right kind; a number will do for an image.

    Raises ExportRefused, in the name of the function, if it is of another kind.
    """
    value = args[name]
    if kind is Image and isinstance(value, int | float):
        value = Image((constant_band(value),))
    if not isinstance(value, kind):
        message = f"{function}: Parameter '{name}' is required to be {kind.__name__}."
        raise ExportRefused(INVALID_ARGUMENT, message)
    return value


def refused(message: str) -> ExportRefused:
    """Return the refusal of an argument that can never be right."""
    return ExportRefused(INVALID_ARGUMENT, message)
