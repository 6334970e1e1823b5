"""What a client reads first: the discovery document, and the table of functions."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from geesync.simulator.api.methods import METHODS, VERSION, Method
from geesync.simulator.world.pixels import Json

INTEGERS = ("pageSize",)
BOOLEANS = ("overwrite", "returnPartialSuccess", "prettyPrint")


def discovery_document(root_url: str) -> Json:
    """Return the discovery document; clients build their methods from it."""
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": f"earthengine:{VERSION}",
        "name": "earthengine",
        "version": VERSION,
        "revision": "simulator",
        "title": "Google Earth Engine API (simulated)",
        "protocol": "rest",
        "rootUrl": root_url,
        "baseUrl": root_url,
        "servicePath": "",
        "basePath": "",
        "batchPath": "batch",
        "fullyEncodeReservedExpansion": True,
        "parameters": {
            name: _query_parameter(name) for name in ("alt", "fields", "key", "prettyPrint")
        },
        # The bodies are checked by the service; a client only has to know who has pages.
        "schemas": {
            "Any": {"id": "Any", "type": "object", "properties": {}},
            "Page": {
                "id": "Page",
                "type": "object",
                "properties": {"nextPageToken": {"type": "string"}},
            },
        },
        "resources": {"projects": _projects()},
    }


def _projects() -> Json:
    projects: Json = {"methods": {}, "resources": {}}
    for method in METHODS:
        *resources, name = method.id.split(".")
        place = projects
        for resource in resources:
            known = place.setdefault("resources", {})
            place = known.setdefault(resource, {"methods": {}})
        place["methods"][name] = _method(method)
    return projects


def _method(method: Method) -> Json:
    path_parameter = {"location": "path", "type": "string", "required": True}
    document: Json = {
        "id": f"earthengine.projects.{method.id}",
        "httpMethod": method.http,
        "path": f"{VERSION}/{method.path}",
        "flatPath": f"{VERSION}/{method.path}",
        "parameters": {
            **dict.fromkeys((method.parameter, *method.minor_parameters), path_parameter),
            **{name: _query_parameter(name) for name in method.query},
        },
        "parameterOrder": [method.parameter, *method.minor_parameters],
        "response": {"$ref": "Page" if method.paged else "Any"},
    }
    if method.body is not None:
        document["request"] = {"$ref": "Any"}
    return document


def _query_parameter(name: str) -> dict[str, Any]:
    kind = "string"
    if name in INTEGERS:
        kind = "integer"
    elif name in BOOLEANS:
        kind = "boolean"
    return {"type": kind, "location": "query"}


def algorithms() -> bytes:
    """Return the answer of algorithms.list: the real service's table of functions.

    The client's package carries a copy for its own tests; it is read, not imported. Raises
    RuntimeError if the package is not installed.
    """
    package = importlib.util.find_spec("ee")
    if package is None or package.origin is None:
        raise RuntimeError("the package earthengine-api is not installed")
    return (Path(package.origin).parent / "tests" / "algorithms.json").read_bytes()
