"""How a Python function does a function of Earth Engine: its arguments, by name and kind."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from geesync.simulator.computing.images import Image, constant_band
from geesync.simulator.computing.moments import DateRange, Moment, read_moment, read_range
from geesync.simulator.computing.projections import Geometry, Projection
from geesync.simulator.computing.scene import Collection, Scene
from geesync.simulator.messages.reading import camel_case
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.pixels import SimFeature

Args = Mapping[str, Any]

DEGREES = "EPSG:4326"


@dataclass(frozen=True)
class Algorithm:
    """A function that an expression defines, and that other functions apply."""

    names: tuple[str, ...]  #: of its arguments
    apply: Callable[..., Any]

    def __call__(self, *values: Any) -> Any:
        """Apply it to arguments in their order."""
        return self.apply(*values)

    def named(self, given: Args) -> Any:
        """Apply it to arguments by name; raises ExportRefused if one is missing."""
        missing = [name for name in self.names if name not in given]
        if missing:
            raise refused(f"User-defined method: Parameter '{missing[0]}' is required.")
        return self.apply(*(given[name] for name in self.names))


@dataclass(frozen=True)
class Function:
    """A function and the names of its arguments, as Earth Engine publishes them."""

    apply: Callable[[Scene, Args], Any]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


def functions(table: Mapping[str, Callable[..., Any]]) -> dict[str, Function]:
    """Return functions of Earth Engine by name, each done by a Python function.

    A parameter is an argument of the same name in snake_case (``filter_`` is ``filter``), is
    optional if it has a default, and takes what its annotation says, or what Earth Engine makes
    such a thing of: a number will do for an image, a text for a date. ``scene`` is no argument.
    """
    return {name: _function(name, do) for name, do in table.items()}


def _function(name: str, do: Callable[..., Any]) -> Function:
    parameters = dict(inspect.signature(do).parameters)
    wants_scene = parameters.pop("scene", None) is not None
    hints = typing.get_type_hints(do)
    python_names = {camel_case(each.rstrip("_")): each for each in parameters}
    kinds = {told: _kinds(hints.get(each, Any)) for told, each in python_names.items()}

    def apply(scene: Scene, args: Args) -> Any:
        given = {
            python_names[told]: converted(name, told, kinds[told], value)
            for told, value in args.items()
        }
        return do(scene=scene, **given) if wants_scene else do(**given)

    defaults = {told: parameters[each].default for told, each in python_names.items()}
    required = tuple(
        told for told, default in defaults.items() if default is inspect.Parameter.empty
    )
    return Function(apply, required, tuple(told for told in defaults if told not in required))


def _kinds(hint: Any) -> tuple[type, ...]:
    """Return the classes that an annotation allows; none = anything."""
    if hint is Any:
        return ()
    if isinstance(hint, types.UnionType):
        return tuple(kind for each in typing.get_args(hint) for kind in _kinds(each))
    return (typing.get_origin(hint) or hint,)


def converted(function: str, argument: str, kinds: tuple[type, ...], value: Any) -> Any:
    """Return an argument as one of these classes.

    Raises ExportRefused, in the name of the function, if it can be none of them.
    """
    if not kinds or isinstance(value, kinds):
        return value
    for kind in kinds:
        made = PROMOTIONS[kind](value) if kind in PROMOTIONS else None
        if made is not None:
            return made
    message = f"{function}: Parameter '{argument}' is required to be {kinds[0].__name__}."
    raise refused(message)


def refused(message: str) -> ExportRefused:
    """Return the refusal of an argument that can never be right."""
    return ExportRefused(INVALID_ARGUMENT, message)


def _image(value: Any) -> Image | None:
    return Image((constant_band(value),)) if isinstance(value, int | float) else None


def _projection(value: Any) -> Projection | None:
    return Projection(value) if isinstance(value, str) else None


def _geometry(value: Any) -> Geometry | None:
    match value:
        case SimFeature():
            return _geometry(value.geometry)
        case {"type": str(), "coordinates": [*_]}:
            return Geometry(DEGREES, value)
    return None


def _collection(value: Any) -> Collection | None:
    if isinstance(value, list):
        return Collection(lambda: iter(value))
    if isinstance(value, Image | SimFeature):
        return Collection(lambda: iter((value,)))
    return None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, float) and value.is_integer() else None


#: What Earth Engine makes of other things if it needs one of these; None = nothing.
PROMOTIONS: dict[type, Callable[[Any], Any]] = {
    Image: _image,
    Projection: _projection,
    Geometry: _geometry,
    Collection: _collection,
    Moment: read_moment,
    DateRange: read_range,
    int: _whole,
    float: lambda value: float(value) if isinstance(value, int) else None,
}
