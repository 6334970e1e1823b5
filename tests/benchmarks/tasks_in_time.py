"""``… TASKS``: how long so many export tasks take in simulated time, under profile ``real``.

They wait in one queue, and those that fail are asked for again at its end; no pixel is made.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace

from geesync.simulator import REAL
from geesync.simulator.clock import SimClock
from geesync.simulator.tasks.operation import State, Task
from geesync.simulator.tasks.operations import Operations
from geesync.simulator.wire.audit import Audit

PROJECT = "demo-project"
STEP_S = 86_400


def main(tasks: int) -> None:
    """Print ``{"days": …, "started": …}``; started: with those that were asked for again."""
    clock = SimClock()
    profile = replace(REAL, retention_s=math.inf, queue_limit=2 * tasks)
    operations = Operations(clock, profile, Audit(clock), seed=1)
    began, started, missing = clock.now(), 0, tasks
    while missing:
        for _ in range(missing):
            operations.start(Task(PROJECT, "EXPORT_IMAGE", body_hash=str(started)))
            started += 1
        while operations.all(State.PENDING) or operations.all(State.RUNNING):
            clock.advance(STEP_S)
            operations.settle()
        missing = tasks - len(operations.all(State.SUCCEEDED))
    ends = (operation.ended for operation in operations.all() if operation.ended)
    days = (max(ends) - began).total_seconds() / 86_400
    print(json.dumps({"days": days, "started": started}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
