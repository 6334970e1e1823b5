"""A person's own function, called once an image: what it says becomes an expression, as JSON.

Only the command line runs this; the daemon posts what was serialised, and never foreign code.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import display_id
from geesync.domain.json import Json
from geesync.errors import UserError

#: In an expression of the Code Editor: where the image's id is to stand.
PLACEHOLDER = "SOURCE_IMAGE_ID"

#: An image and its description in, an image or nothing out.
Function = Callable[[Any, Json], Any]


def load_function(name: str, beside: Path) -> Function:
    """Return the function that ``module:function`` names; modules are looked for beside a file too.

    Raises UserError if there is none, or its module cannot be imported.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise UserError(f"{name!r} names no function", hint="as module:function")
    for place in (str(beside), str(Path.cwd())):
        if place not in sys.path:
            sys.path.insert(0, place)
    try:
        with redirect_stdout(sys.stderr):  # what is printed there is no answer of ours
            function = getattr(importlib.import_module(module_name), function_name)
    except (Exception, SystemExit) as error:  # whatever a person's module raises is theirs
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{name} cannot be imported", hint=reason) from error
    if not callable(function):
        raise UserError(f"{name} is no function")
    found: Function = function
    return found


def from_expression(file: Path) -> Function:
    """Return the function that a serialised expression stands for; PLACEHOLDER is the image's id.

    Raises UserError if the file holds none.
    """
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} holds no expression", hint=str(error)) from error
    if PLACEHOLDER not in text or not isinstance(document, dict):
        raise UserError(f"{file} holds no expression with {PLACEHOLDER}")

    def function(_image: Any, source: Json) -> Json:
        found: Json = json.loads(text.replace(PLACEHOLDER, display_id(source["name"])))
        return found

    return function


def expression_of(
    earth_engine: EarthEngine,
    function: Function,
    source: SourceAsset,
    *,
    keep: Sequence[str],
    clip: Json | str | None = None,
) -> Callable[[Mapping[str, str]], tuple[Json, Json]] | None:
    """Return how the expression of an image is finished; None if the function leaves it out.

    keep: properties that are copied from the source. clip: a GeoJSON geometry, or a table's id:
    what lies outside is masked. What is returned takes the marks, and gives (the function's own
    expression, the same with properties and marks). Raises UserError if the function fails, or
    returns what is no image.
    """
    ee = earth_engine.client()
    image = ee.Image(display_id(source.name))
    try:
        with redirect_stdout(sys.stderr):
            result = function(image, source.json)
    except (Exception, SystemExit) as error:  # whatever a person's function raises is theirs
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"the function fails on {display_id(source.name)}", hint=reason) from error
    if result is None:
        return None
    if isinstance(result, dict):
        result = ee.Image(ee.deserializer.fromCloudApiJSON(result))
    if not isinstance(result, ee.Image):
        raise UserError(f"the function returns {type(result).__name__}, and no ee.Image")

    result = _clipped(ee, result, clip)

    def finish(marks: Mapping[str, str]) -> tuple[Json, Json]:
        whole = ee.Image(result.copyProperties(image, list(keep))).set(dict(marks))
        return _encoded(ee, result), _encoded(ee, whole)

    return finish


def _clipped(ee: Any, image: Any, place: Json | str | None) -> Any:
    if isinstance(place, str):
        return image.clipToCollection(ee.FeatureCollection(place))
    return image.clip(ee.Geometry(place)) if place else image


def _encoded(ee: Any, image: Any) -> Json:
    encoded: Json = ee.serializer.encode(image, for_cloud_api=True)
    return encoded
