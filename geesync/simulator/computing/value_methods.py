"""value.compute, as far as ``earthengine du`` needs it: the size of a collection."""

from __future__ import annotations

from typing import Any

from geesync.simulator.api.service import Call, Service, require_visible
from geesync.simulator.refusals import NotSimulated
from geesync.simulator.world import names
from geesync.simulator.world.pixels import Json


def compute_value(service: Service, call: Call) -> Json:
    """Answer ``ee.ImageCollection(id).aggregate_sum("system:asset_size")``.

    Raises NotSimulated for every other expression.
    """
    collection = names.canonical(_summed_collection(call.body["expression"]))
    require_visible(service, call, collection, "earthengine.assets.get")
    service.world.get(collection)
    images, _ = service.world.children(collection)
    return {"result": sum(image.size_bytes for image in images)}


def _summed_collection(expression: Json) -> str:
    """Return the id of the collection whose images' sizes an expression adds up."""
    match _plain(expression["values"][expression["result"]], expression["values"]):
        case (
            "AggregateFeatureCollection.sum",
            {
                "collection": ("ImageCollection.load", {"id": str(asset_id)}),
                "property": "system:asset_size",
            },
        ):
            return asset_id
    raise NotSimulated("The simulator computes nothing but the size of a collection.")


def _plain(node: Json, values: Json) -> Any:
    """Return a constant, or (function name, arguments), with references followed."""
    if "valueReference" in node:
        return _plain(values[node["valueReference"]], values)
    invocation = node.get("functionInvocationValue")
    if invocation is None:
        return node.get("constantValue")
    arguments = invocation.get("arguments", {})
    plain = {name: _plain(value, values) for name, value in arguments.items()}
    return invocation.get("functionName"), plain
