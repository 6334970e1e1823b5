"""Runs the steps: by APScheduler's clock, at once when there is work, and until told to stop.

The clock only says when to look; the ledger says what there is to do, so nothing is lost by a stop
at any moment.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from geesync.bootstrap import Service
from geesync.config import ScheduleConfig
from geesync.errors import RemoteError
from geesync.steps.step import Step, Tally
from geesync.store.database import Database
from geesync.store.roots import ASKED

log = structlog.get_logger()

#: What a step that moved something makes work for.
WAKES: Mapping[str, tuple[str, ...]] = {
    "discoverer": ("exporter",),
    "exporter": ("reconciler", "verifier"),
    "reconciler": ("downloader", "exporter"),
    "downloader": ("verifier",),
    "verifier": ("sweeper",),
    "sweeper": (),
}

_TICK_S = 0.25
_HEARTBEAT_EVERY_S = 5.0

#: A wall clock that moved more than this against the steady one was set by someone.
_CLOCK_STEP_S = 5.0


class Worker(threading.Thread):
    """Runs one step whenever it is woken, one pass at a time, until there is no more to do."""

    def __init__(self, step: Step, stop: threading.Event, moved: Callable[[Step], None]) -> None:
        super().__init__(name=f"geesync-{step.name}")
        self.step = step
        self.waiting = ""  #: what held the last pass back
        self._stop_asked = stop
        self._moved = moved
        self._woken = threading.Event()

    def wake(self) -> None:
        """Look for work now, or again after the pass that is running."""
        self._woken.set()

    def run(self) -> None:
        """Work until asked to stop."""
        while True:
            self._woken.wait()
            self._woken.clear()
            if self._stop_asked.is_set():
                return
            tally = run_step(self.step)
            self.waiting = tally.waiting
            if tally.moved:
                self._moved(self.step)
            if tally.busy:
                self.wake()


@dataclass
class Daemon:
    """One process that works on one ledger."""

    service: Service
    database: Database
    schedule: ScheduleConfig
    stop: threading.Event
    _workers: dict[str, Worker] = field(default_factory=dict)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        self._workers = {
            step.name: Worker(step, self.stop, self._wake_next) for step in self.service.steps
        }
        clock = self._clock()
        clock.start()
        for worker in self._workers.values():
            worker.start()
        log.info("daemon_started", pid=os.getpid())
        self._beat()
        try:
            self._watch(clock)
        finally:
            log.info("daemon_stopping")
            clock.shutdown()
            self._wake_all()  # to find that they are to stop
            for worker in self._workers.values():
                worker.join()
            log.info("daemon_stopped")

    def _clock(self) -> BackgroundScheduler:
        # A look that was missed is made up for once, however late.
        once = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        clock = BackgroundScheduler(timezone=UTC, job_defaults=once)
        for worker in self._workers.values():
            clock.add_job(
                worker.wake,
                "interval",
                id=worker.step.name,
                seconds=self._interval(worker.step).total_seconds(),
                next_run_time=datetime.now(UTC),
            )
        return clock

    def _interval(self, step: Step) -> timedelta:
        return self.schedule.reconcile if step.name == "reconciler" else self.schedule.retry

    def _wake_next(self, step: Step) -> None:
        for name in WAKES[step.name]:
            if name in self._workers:
                self._workers[name].wake()

    def _wake_all(self) -> None:
        for worker in self._workers.values():
            worker.wake()

    def _watch(self, clock: BackgroundScheduler) -> None:
        """Notice what other processes asked for, and a clock that was set."""
        version = self.database.data_version()
        asked = self.service.roots.get(ASKED)
        drift = _drift()
        beat = time.monotonic()
        while not self.stop.wait(_TICK_S):
            if (now_version := self.database.data_version()) != version:
                version = now_version
                if (now_asked := self.service.roots.get(ASKED)) != asked:
                    asked = now_asked
                    self._wake_all()
            if abs(_drift() - drift) > _CLOCK_STEP_S:
                # APScheduler would be silent until the wall clock has caught up.
                log.warning("clock_was_set", step_s=round(_drift() - drift))
                drift = _drift()
                for job in clock.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))
            if time.monotonic() - beat >= _HEARTBEAT_EVERY_S:
                beat = time.monotonic()
                self._beat()

    def _beat(self) -> None:
        waiting = {name: worker.waiting for name, worker in self._workers.items() if worker.waiting}
        alive = {"pid": os.getpid(), "waiting": waiting}
        self.service.roots.put("heartbeat", json.dumps(alive), datetime.now(UTC))


def run_step(step: Step) -> Tally:
    """Run one pass of a step; what goes wrong is told and tried again at the next look."""
    try:
        return step.run_once()
    except RemoteError as error:
        log.warning("step_held", step=step.name, cause=error.cause, error=str(error))
        return Tally(waiting=str(error))
    except Exception:
        # A bug in one step must not stop the others; the traceback is in the log.
        log.exception("step_failed", step=step.name)
        return Tally(waiting="a bug; see the log")


def run_until_quiet(
    service: Service, *, wait: Callable[[float], Any], poll_s: float, is_done: Callable[[], bool]
) -> None:
    """Run the steps in turn until nothing is left to do, waiting where Earth Engine works."""
    while True:
        tallies = [run_step(step) for step in service.steps]
        if any(tally.moved or tally.busy for tally in tallies):
            continue
        if is_done():
            return
        wait(poll_s)


def _drift() -> float:
    return time.time() - time.monotonic()
