"""listFeatures and computeFeatures: the rows of a table, a page at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, TypeVar

from shapely.geometry import shape

from geesync.simulator.api.service import Call, Service, require_visible, scene_for
from geesync.simulator.assets.listing import page_position, page_size, page_token
from geesync.simulator.assets.listing_filters import read_filter
from geesync.simulator.computing.scene import Collection
from geesync.simulator.direct.evaluating import answering, evaluated
from geesync.simulator.messages.geojson import region_of_text
from geesync.simulator.messages.reading import enum
from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import Json, SimFeature

USUAL_ROWS = 1_000  #: of a page, unless the request says otherwise
MOST_ROWS = 10_000  #: nobody knows; 5,000 are asked for in public code
EXACT = 2**53  #: whole numbers up to this are the same as doubles
T = TypeVar("T")

PROJECTION = enum(
    "",
    "FEATURE_PROJECTION_UNSPECIFIED",
    "FEATURE_PROJECTION_NATIVE",
    "FEATURE_PROJECTION_WGS_84_PLANAR",
)


def list_features(service: Service, call: Call) -> Json:
    """Answer assets.listFeatures.

    Tables are kept in EPSG:4326 here, so that both projections that can be asked for are one.
    """
    require_visible(service, call, call.name, "earthengine.assets.get")
    PROJECTION(call.query.get("featureProjection", ""), "feature_projection")
    service.world.get(call.name)
    with answering():
        rows: Iterable[SimFeature] = (
            scene_for(service, call, service.held).table(call.name).features()
        )
        chosen = read_filter(call.query.get("filter", ""))
        rows = filter(chosen, _within(rows, call.query.get("region", "")))
        paging = call.integer("pageSize"), call.query.get("pageToken", "")
        service.audit.add("list_features", call.name, principal=call.principal, page=paging)
        return _page(service, rows, *paging)


def compute_features(service: Service, call: Call) -> Json:
    """Answer table.computeFeatures."""
    with answering():
        table, assets = evaluated(service, call)
        if not isinstance(table, Collection):
            raise BadRequest("The computed expression is not a FeatureCollection.")
        paging = call.body.get("pageSize", 0), call.body.get("pageToken", "")
        service.audit.add(
            "compute_features", call.name, assets=assets, principal=call.principal, page=paging
        )
        return _page(service, table.features(), *paging)


def _within(rows: Iterable[SimFeature], region: str) -> Iterable[SimFeature]:
    """Return the rows that a region, GeoJSON as text, has a point in common with."""
    if not region:
        return rows
    area = region_of_text(region)
    return (row for row in rows if row.geometry and area.intersects(shape(row.geometry)))


def _page(service: Service, rows: Iterable[SimFeature], asked: int, token: str) -> Json:
    found, following = paged(service, rows, asked, token)
    features = [feature_json(row, service.profile) for row in found]
    return {
        "type": "FeatureCollection",
        **({"features": features} if features else {}),
        **following,
    }


def paged(service: Service, rows: Iterable[T], asked: int, token: str) -> tuple[list[T], Json]:
    """Return a page of what was computed, and what the answer says of the next one."""
    after = page_position(token)
    size = page_size(service, min(asked, MOST_ROWS) or USUAL_ROWS, MOST_ROWS)
    found = list(itertools.islice(rows, after, after + size + 1))
    following = {"nextPageToken": page_token(after + size)} if len(found) > size else {}
    return found[:size], following


def feature_json(row: SimFeature, profile: Profile) -> Json:
    """Return a row as GeoJSON; its index is a property, not an id."""
    geometry: Json = {"geometry": row.geometry} if row.geometry else {}
    if profile.null_geometry == "null":
        geometry = {"geometry": row.geometry}
    properties = {**row.properties, "system:index": row.index}
    if profile.whole_doubles == "short":
        properties = {name: _short(value) for name, value in properties.items()}
    return {"type": "Feature", **geometry, "properties": properties}


def _short(value: Any) -> Any:
    """Return 7 for 7.0, as the service writes doubles."""
    whole = isinstance(value, float) and value.is_integer() and 0 < abs(value) <= EXACT
    return int(value) if whole else value
