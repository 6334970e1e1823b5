"""How an operation is started, whatever it does: answered once, and written down once."""

from __future__ import annotations

from typing import Any

from geesync.simulator.api.service import Service
from geesync.simulator.tasks.operation import Task, created_json, operation_json
from geesync.simulator.wire.audit import Kind
from geesync.simulator.world.pixels import Json


def submit(service: Service, task: Task, kind: Kind, **details: Any) -> Json:
    """Start a task and return its operation, or that of an identical request before.

    kind, details: what the audit says of it. Raises CallRefused if it cannot be started.
    """
    before = service.clock.now()
    operation = service.operations.start(task)
    if operation.task is not task:
        return operation_json(operation, before)
    answer = created_json(operation)
    service.audit.add(
        kind,
        operation.name,
        type=task.type,
        description=task.description,
        request_id=task.request_id,
        principal=task.principal,
        body_hash=task.body_hash,
        **details,
    )
    service.operations.settle()
    return answer
