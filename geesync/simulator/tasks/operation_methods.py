"""The methods about operations, and the project's settings of them."""

from __future__ import annotations

from geesync.simulator.api.service import Call, Service, require
from geesync.simulator.messages.reading import camel_case
from geesync.simulator.refusals import BadRequest, CallRefused, NotSimulated
from geesync.simulator.tasks.operation import operation_json
from geesync.simulator.world.pixels import Json

PAGE = 500
MOST_SLOTS = 1000


def list_operations(service: Service, call: Call) -> Json:
    """Answer operations.list: all of the project, of all its users."""
    require(service, call, "earthengine.operations.list", f"projects/{call.project}")
    if call.query.get("filter"):
        raise NotSimulated("The simulator does not have operations.list with a filter.")
    size = min(call.integer("pageSize") or PAGE, PAGE)
    page, following = service.operations.page(call.project, size, call.query.get("pageToken", ""))
    now = service.clock.now()
    answer: Json = {}
    if page:
        answer["operations"] = [operation_json(operation, now) for operation in page]
    if following:
        answer["nextPageToken"] = following
    return answer


def get_operation(service: Service, call: Call) -> Json:
    """Answer operations.get, and operations.wait, which may return early and here always does."""
    _require(service, call, "get")
    return operation_json(service.operations.get(call.name), service.clock.now())


def cancel_operation(service: Service, call: Call) -> Json:
    """Answer operations.cancel."""
    _require(service, call, "cancel")
    service.operations.cancel(call.name)
    return {}


def delete_operation(service: Service, call: Call) -> Json:
    """Answer operations.delete."""
    _require(service, call, "delete")
    service.operations.delete(call.name)
    return {}


def _require(service: Service, call: Call, verb: str) -> None:
    """Refuse who may not do this; an operation is in its own project only."""
    require(service, call, f"earthengine.operations.{verb}", f"projects/{call.project}")
    if service.operations.get(call.name).name != call.name:
        raise CallRefused(404, "Requested entity was not found.")


def get_config(service: Service, call: Call) -> Json:
    """Answer projects.getConfig."""
    require(service, call, "earthengine.config.get", f"projects/{call.project}")
    return {
        "name": call.name,
        "maxConcurrentExports": service.operations.slots(call.project),
    }


def update_config(service: Service, call: Call) -> Json:
    """Answer projects.updateConfig."""
    require(service, call, "earthengine.config.update", f"projects/{call.project}")
    for path in filter(None, call.query.get("updateMask", "").split(",")):
        if camel_case(path) != "maxConcurrentExports":
            raise BadRequest(f"Field '{path}' cannot be updated.")
    slots = call.body.get("maxConcurrentExports", 0)
    if not 0 < slots <= MOST_SLOTS:
        raise BadRequest("maxConcurrentExports must be positive.")
    service.operations.set_slots(call.project, slots)
    return get_config(service, call)
