"""Regions of requests: geometries as GeoJSON, in degrees."""

from __future__ import annotations

import json
from typing import Any

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geesync.simulator.refusals import BadRequest

MISTAKES = (ValueError, TypeError, LookupError, AttributeError, shapely.errors.ShapelyError)


def region_of_text(text: str) -> BaseGeometry:
    """Return the geometry of a text: GeoJSON, whose quotes may be single ones, or WKT.

    Raises BadRequest if it is neither.
    """
    if text.lstrip().startswith("{"):
        try:
            return read_region(json.loads(text.replace("'", '"')))
        except ValueError as error:
            raise BadRequest(f"Invalid GeoJSON geometry in 'region': {error}") from error
    try:
        return shapely.from_wkt(text)
    except shapely.errors.ShapelyError as error:
        raise BadRequest(f"Invalid geometry in 'region': {error}") from error


def read_region(value: Any) -> BaseGeometry:
    """Return the geometry that GeoJSON stands for; raises BadRequest if it is none."""
    try:
        geometry = shape(value)
        if not geometry.is_empty:
            return geometry
    except MISTAKES as error:
        raise BadRequest(f"Invalid GeoJSON geometry in 'region': {error}") from error
    raise BadRequest("Invalid GeoJSON geometry in 'region': it is empty.")
