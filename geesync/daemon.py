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

from apscheduler.schedulers.background import BackgroundScheduler

from geesync import logs
from geesync.adapters.host.systemd import Systemd
from geesync.bootstrap import Service
from geesync.config import Config, needs_restart
from geesync.domain.messages.words import counted
from geesync.domain.mirror.lifecycle import State
from geesync.errors import ConfigError, RemoteError
from geesync.logger import get_logger
from geesync.step_threads import Workers
from geesync.steps.step import Step
from geesync.store.file.database import Database
from geesync.store.ledger.roots import Asked
from geesync.store.views import status as views
from geesync.store.views.heartbeat import pid_namespace

log = get_logger()

#: What other processes ask for is noticed within a second; a quiet account needs no more.
_TICK_S = 0.5
_HEARTBEAT_EVERY_S = 10.0

#: As in our unit: where nobody watches, a step that hangs is told all the same.
_WATCHDOG_S = 1200.0

#: A wall clock that moved more than this against the steady one was set by someone.
_CLOCK_STEP_S = 5.0

#: How long a stop waits for the current chunks. What still waits for an answer then is left: the
#: ledger is right at every moment.
_DRAIN_S = 3.0


@dataclass
class Daemon:
    """One process that works on one ledger."""

    service: Service
    database: Database
    config: Config
    load: Callable[[], Config]  #: reads the configuration anew, for SIGHUP
    systemd: Systemd
    stop: threading.Event
    _workers: Workers = field(init=False)
    _reload_asked: threading.Event = field(default_factory=threading.Event, init=False)
    _stalled: set[str] = field(default_factory=set, init=False)

    def run(self) -> bool:
        """Work until SIGTERM or SIGINT; return whether all work has ended.

        If not, something waits for an answer that may not come, and only the end of the process
        ends it; nothing is lost by that.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        signal.signal(signal.SIGHUP, lambda *_: self._reload_asked.set())
        self._workers = Workers(self.service.steps, self.stop)
        clock = self._clock()
        clock.start()
        self._workers.start()
        log.info("daemon_started", pid=os.getpid())
        self.systemd.ready(self._beat())
        try:
            self._watch(clock)
        finally:
            left = self._drain(clock)
        self._workers.check()
        return not left

    def _drain(self, clock: BackgroundScheduler) -> list[str]:
        """Let the current chunks end; return the steps that did not."""
        log.info("daemon_stopping")
        self.systemd.stopping()
        clock.shutdown(wait=False)
        left = self._workers.end(_DRAIN_S)
        log.info("daemon_stopped", left=left or None)
        return left

    def _clock(self) -> BackgroundScheduler:
        # A look that was missed is made up for once, however late.
        once = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        clock = BackgroundScheduler(timezone=UTC, job_defaults=once)
        for worker in self._workers:
            clock.add_job(
                worker.wake,
                "interval",
                id=worker.step.name,
                seconds=self._interval(worker.step).total_seconds(),
                next_run_time=datetime.now(UTC),
            )
        return clock

    def _interval(self, step: Step) -> timedelta:
        schedule = self.config.schedule
        return schedule.reconcile if step.name == "reconciler" else schedule.retry

    def _watch(self, clock: BackgroundScheduler) -> None:
        """Notice what other processes asked for, a clock that was set, and work that hangs."""
        asked = Asked(self.database, self.service.roots)
        drift = _drift()
        beat = time.monotonic()
        while not self.stop.wait(_TICK_S):
            self.database.check_in_place()
            if asked.anew():
                self._workers.wake()
            if abs(_drift() - drift) > _CLOCK_STEP_S:
                # APScheduler would be silent until the wall clock has caught up.
                log.warning("clock_was_set", step_s=round(_drift() - drift))
                drift = _drift()
                for job in clock.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))
            if self._reload_asked.is_set():
                self._reload_asked.clear()
                self._reload(clock)
            if time.monotonic() - beat >= _HEARTBEAT_EVERY_S:
                beat = time.monotonic()
                self.systemd.status(self._beat())
            self._feed_watchdog()

    def _beat(self) -> str:
        """Write a heartbeat into the ledger; return the status in one line."""
        try:
            return self._leave_beat()
        except RemoteError as error:
            log.warning("ledger_unavailable", error=str(error))
            return str(error)

    def _leave_beat(self) -> str:
        waiting = {worker.step.name: worker.waiting for worker in self._workers if worker.waiting}
        brakes = [
            vars(reading) | {"holds": reading.holds} for reading in self.service.brakes.readings()
        ]
        halts = [vars(halt) for gates in self.service.gates for halt in gates.halts()]
        alive: dict[str, object] = {"pid": os.getpid(), "pid_namespace": pid_namespace()}
        alive |= {"waiting": waiting, "brakes": brakes, "halts": halts}
        alive |= {"stalled": sorted(self._stalled), "direct": self.service.brakes.gauge.to_json()}
        now = datetime.now(UTC)
        self.service.roots.put("heartbeat", json.dumps(alive), now)
        return status_line(views.status(self.database.path, now=now), waiting)

    def _feed_watchdog(self) -> None:
        """Feed systemd's watchdog, unless a step hangs: then it restarts us."""
        allowed_s = self.systemd.watchdog_s or _WATCHDOG_S
        held_until = self.service.pace.held_until
        stalled = {
            worker.step.name
            for worker in self._workers
            if worker.silent_s(held_until) > allowed_s / 2
        }
        for name in stalled - self._stalled:
            log.error("step_stalled", step=name, silent_s=allowed_s / 2)
        self._stalled = stalled
        if not stalled and self.systemd.watchdog_s:
            self.systemd.alive()

    def _reload(self, clock: BackgroundScheduler) -> None:
        """Read the configuration anew; what is wrong in it changes nothing."""
        self.systemd.reloading()
        try:
            config = self.load()
        except ConfigError as error:
            log.warning("reload_refused", error=str(error))
        else:
            logs.configure(log_format=config.log.format, level=config.log.level)
            ignored = needs_restart(self.config, config)
            self.service.reload(config)
            self.config = config
            for worker in self._workers:
                seconds = self._interval(worker.step).total_seconds()
                clock.reschedule_job(worker.step.name, trigger="interval", seconds=seconds)
            self._workers.wake()
            log.info("configuration_reloaded", needs_restart=ignored or None)
        self.systemd.ready(self._beat())


def status_line(status: views.Status, waiting: Mapping[str, str]) -> str:
    """Return the status in one line."""
    verified = sum(root.good for root in status.roots)
    wanted = counted(sum(root.wanted for root in status.roots), "asset")
    quarantined = sum(root.counts.get(State.QUARANTINED, 0) for root in status.roots)
    parts = [f"{verified:,} of {wanted} verified"] if status.roots else ["no roots yet"]
    if quarantined:
        parts.append(f"{quarantined:,} quarantined")
    if status.operations:
        parts.append(f"{counted(sum(status.operations.values()), 'export')} in flight")
    parts += [f"{root.name}: {root.alarm}" for root in status.roots if root.alarm]
    return "; ".join(parts + [f"{step} waits: {why}" for step, why in waiting.items()])


def _drift() -> float:
    return time.time() - time.monotonic()
