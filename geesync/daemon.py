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
from apscheduler.executors.pool import ThreadPoolExecutor
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


@dataclass
class Daemon:
    """One process that works on one ledger."""

    service: Service
    database: Database
    schedule: ScheduleConfig
    stop: threading.Event = field(default_factory=threading.Event)
    _waiting: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(len(self.service.steps))},
            # A look that was missed is made up for once, however late.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for step in self.service.steps:
            scheduler.add_job(
                self._run_step,
                "interval",
                args=[scheduler, step],
                id=step.name,
                seconds=self._interval(step).total_seconds(),
                next_run_time=datetime.now(UTC),
            )
        scheduler.start()
        log.info("daemon_started", pid=os.getpid())
        self._beat()
        try:
            self._watch(scheduler)
        finally:
            log.info("daemon_stopping")
            scheduler.shutdown(wait=True)
            log.info("daemon_stopped")

    def _interval(self, step: Step) -> timedelta:
        return self.schedule.reconcile if step.name == "reconciler" else self.schedule.retry

    def _run_step(self, scheduler: BackgroundScheduler, step: Step) -> None:
        while not self.stop.is_set():
            tally = run_step(step)
            self._waiting[step.name] = tally.waiting
            if tally.moved:
                for name in WAKES[step.name]:
                    _wake(scheduler, name)
            if not tally.busy:
                return

    def _watch(self, scheduler: BackgroundScheduler) -> None:
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
                    _wake_all(scheduler)
            if abs(_drift() - drift) > _CLOCK_STEP_S:
                # APScheduler would be silent until the wall clock has caught up.
                log.warning("clock_was_set", step_s=round(_drift() - drift))
                drift = _drift()
                _wake_all(scheduler)
            if time.monotonic() - beat >= _HEARTBEAT_EVERY_S:
                beat = time.monotonic()
                self._beat()

    def _beat(self) -> None:
        alive = {"pid": os.getpid(), "waiting": {k: v for k, v in self._waiting.items() if v}}
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


def _wake_all(scheduler: BackgroundScheduler) -> None:
    for job in scheduler.get_jobs():
        _wake(scheduler, job.id)


def _wake(scheduler: BackgroundScheduler, name: str) -> None:
    if scheduler.get_job(name):
        scheduler.modify_job(name, next_run_time=datetime.now(UTC))
