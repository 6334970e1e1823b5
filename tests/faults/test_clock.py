"""A wall clock that was set: the daemon looks at once, whatever APScheduler believes."""

from __future__ import annotations

import itertools
import threading

import pytest
import structlog

from geesync import daemon as daemon_module
from geesync.adapters.host.systemd import Systemd
from geesync.daemon import Daemon
from tests.story.world import World


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
def test_a_clock_that_was_set_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    stop = threading.Event()
    looks = itertools.count()

    def drift() -> float:
        number = next(looks)
        if number > 8:
            stop.set()
        return step_s if number > 2 else 0.0

    monkeypatch.setattr(daemon_module, "_drift", drift)
    daemon = Daemon(
        world.service, world.database, world.config, lambda: world.config, Systemd(), stop
    )

    with structlog.testing.capture_logs() as told:
        daemon.run()

    set_clocks = [line["step_s"] for line in told if line["event"] == "clock_was_set"]
    assert set_clocks == [round(step_s)]
