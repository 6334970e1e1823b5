"""Imports everything once and forks a daemon for each order: a kill need not cost a start.

Reads orders as JSON lines; answers each with the daemon's pid, then with how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import ee
import google.cloud.storage
import rasterio

from geesync import logs
from geesync.adapters.host.systemd import Systemd
from geesync.bootstrap import service
from geesync.config import Config
from geesync.daemon import Daemon
from geesync.simulator.clock import DAWN
from geesync.step_threads import run_step
from geesync.store.file.database import locked, open_migrating

PRELOADED = (ee, google.cloud.storage, rasterio)


def fast_clock(began: float, speed: float) -> Callable[[], datetime]:
    """Return a clock that runs so many times as fast as ours since a moment (UNIX time)."""
    return lambda: DAWN + timedelta(seconds=(time.time() - began) * speed)


def work(order: dict[str, Any]) -> None:
    """Be the daemon, as ``geesync daemon`` is, but for the speed of its clock."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 2)
    config = Config.model_validate(order["config"])
    logs.configure(log_format="json", level="info")
    stop = threading.Event()
    clock = fast_clock(order["began"], order["speed"])
    with locked(config.ledger):
        database = open_migrating(config.ledger)
        with service(config, database, clock=clock, stop=stop) as built:
            for step in built.steps:
                step.context.chunk = order["chunk"]
            pace = built.pace
            for pacer in (pace.requests, pace.submits, pace.storage, pace.direct):
                pacer.first_wait_s, pacer.longest_wait_s = 0.02, 1.0  # as fast as all else here
            Daemon(built, database, config, lambda: config, Systemd(), stop).run()


def once(order: dict[str, Any]) -> None:
    """Run each step once, with nothing beside; wait first for somebody who traces."""
    config = Config.model_validate(order["config"])
    logs.configure(log_format="json", level="error")
    os.kill(os.getpid(), signal.SIGSTOP)
    with locked(config.ledger):
        database = open_migrating(config.ledger)
        with service(config, database, clock=lambda: DAWN) as built:
            for step in built.steps:
                run_step(step)


WORK = {"daemon": work, "once": once}


def main() -> None:
    """Serve orders until there are no more."""
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                WORK[order.get("work", "daemon")](order)
                code = 0
            finally:
                os._exit(code)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    main()
