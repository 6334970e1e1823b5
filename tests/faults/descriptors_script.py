"""Mirrors a changed account while no file can be opened; prints what each step says of it."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import httpx

from geesync.bootstrap import service
from geesync.config import Config
from geesync.simulator.clock import DAWN
from geesync.step_threads import run_step
from geesync.steps.step import Step
from geesync.store.file.database import open_migrating
from geesync.store.views import status as views

#: As many as a busy process may have open; the rest is taken away.
LIMIT = 256

#: So many descriptors are left, one more each time: a step may fail at any of its files.
LEFT = range(4)

config = Config.model_validate(json.loads(sys.argv[1]))
changed = sys.argv[2]
clock = [DAWN]
control = httpx.Client()


def now() -> datetime:
    """Return the account's time."""
    return clock[0]


def ask(door: str, **wishes: object) -> None:
    """Do something to the simulator."""
    control.post(f"{config.earth_engine.url}/-/{door}", json=wishes).raise_for_status()


def work(steps: tuple[Step, ...], times: int = 1) -> None:
    """Run steps and let six minutes pass, here and there."""
    for _ in range(times):
        for step in steps:
            run_step(step)
        clock[0] += timedelta(minutes=6)
        ask("clock", advance_s=360)


@contextmanager
def descriptors(left: int) -> Iterator[None]:
    """Take away all but so many descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, hard))
    taken = []
    with suppress(OSError):
        while True:
            taken.append(os.dup(2))
    for _ in range(left):
        os.close(taken.pop())
    try:
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)


def told(waiting: str) -> str:
    """Return all that an operator can read about a step that just ran."""
    status = views.status(config.ledger, now=now())
    alarms = [root.alarm or "" for root in status.roots]
    return "; ".join([waiting, *alarms, *(trouble.reason for trouble in status.troubles)])


def main() -> None:
    """Mirror, change, and mirror again without descriptors."""
    database = open_migrating(config.ledger)
    with service(config, database, clock=now) as built:
        work(built.steps, 3)  # everything is imported and connected
        ask("world", touch=changed)
        built.roots.scan_all(now())
        for step in built.steps:
            for left in LEFT:
                with descriptors(left):
                    waiting = run_step(step).waiting
                print(f"{step.name}: {told(waiting)}")
                work(())
            work((step,))
        work(built.steps, 3)
    database.close()


main()
