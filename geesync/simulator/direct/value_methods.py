"""value.compute: what any expression comes to, as JSON."""

from __future__ import annotations

from geesync.simulator.api.service import Call, Service
from geesync.simulator.direct.descriptions import described
from geesync.simulator.direct.evaluating import answering, evaluated
from geesync.simulator.world.pixels import Json


def compute_value(service: Service, call: Call) -> Json:
    """Answer value.compute; every ``getInfo`` is one."""
    with answering():
        value, assets = evaluated(service, call)
        service.audit.add("compute_value", call.name, assets=assets, principal=call.principal)
        return {"result": described(value)}
