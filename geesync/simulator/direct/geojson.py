"""Regions of requests: geometries as GeoJSON, in degrees."""

from __future__ import annotations

from typing import Any

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geesync.simulator.refusals import BadRequest

MISTAKES = (ValueError, TypeError, LookupError, AttributeError, shapely.errors.ShapelyError)


def read_region(value: Any) -> BaseGeometry:
    """Return the geometry that GeoJSON stands for; raises BadRequest if it is none."""
    try:
        geometry = shape(value)
        if not geometry.is_empty:
            return geometry
    except MISTAKES as error:
        raise BadRequest(f"Invalid GeoJSON geometry in 'region': {error}") from error
    raise BadRequest("Invalid GeoJSON geometry in 'region': it is empty.")
