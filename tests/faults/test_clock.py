"""A wall clock that was set: the daemon looks at once, whatever APScheduler believes."""

from __future__ import annotations

import itertools
import threading
from datetime import timedelta

import pytest
import structlog

from geesync import daemon as daemon_module
from geesync.adapters.host.systemd import Systemd
from geesync.daemon import Daemon
from geesync.errors import Cause, RemoteError
from geesync.steps.brakes.gates import gates_of_downloads
from tests.faults.conftest import ARCHIVE, Build
from tests.story.world import STEPS, World


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
    monkeypatch.setattr(daemon_module, "_TICK_S", 0.01)
    daemon = Daemon(
        world.service, world.database, world.config, lambda: world.config, Systemd(), stop
    )

    with structlog.testing.capture_logs() as told:
        daemon.run()

    set_clocks = [line["step_s"] for line in told if line["event"] == "clock_was_set"]
    assert set_clocks == [round(step_s)]


AHEAD_S = 10 * 365 * 86_400.0


def _written_years_ahead(world: World) -> None:
    """Have all times in the ledger be those of a clock that was ten years ahead."""
    with world.database.write() as connection:
        for column in (
            *("asset.not_before", "root.next_scan_at", "root.scanned_at", "event.at"),
            *("task.intended_at", "task.ended_at", "setting.at"),
        ):
            table, _, name = column.partition(".")
            connection.exec_driver_sql(
                f"UPDATE {table} SET {name} = coalesce({name}, ?) + {AHEAD_S}",  # noqa: S608 # ours
                (world.now().timestamp(),),
            )


@pytest.mark.parametrize("after", ["discoverer", "exporter", "reconciler", "downloader"])
def test_times_of_a_clock_that_was_years_ahead_hold_up_nothing(world: World, after: str) -> None:
    world.enqueue(ARCHIVE)
    world.run(*STEPS[: 1 + STEPS.index(after)])
    _written_years_ahead(world)

    world.settle()

    assert world.counts() == {"verified": 22}


def test_a_scan_that_a_clock_years_ahead_put_off_is_made(world: World) -> None:
    world.enqueue(ARCHIVE)
    world.settle()
    _written_years_ahead(world)
    world.simulator.world.touch(f"{ARCHIVE}/c0000/i000003")

    world.run()
    status = world.status()
    world.settle()

    assert world.accepted(f"{ARCHIVE}/c0000/i000003") == 2
    assert status.daemon is None  # what gave its sign of life in ten years is not here now


def test_a_probe_that_a_clock_years_ahead_put_off_goes_out(world: World) -> None:
    now = world.now()
    gates = gates_of_downloads(lambda: now, world.service.roots, ["a-bucket"])
    gate = gates.at("a-bucket")
    gate.close(RemoteError(Cause.PERMISSION, "The bucket is suspended."))
    assert gate.room(9) == 0

    now += timedelta(days=3650)
    gate.close(RemoteError(Cause.PERMISSION, "The bucket is suspended."))
    now -= timedelta(days=3649)

    assert gate.room(9) == 1


def test_an_export_that_never_showed_is_given_up_though_it_was_asked_for_years_ahead(
    build: Build,
) -> None:
    world = build(3)
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    world.simulator.faults.add("status", path="image:export", status=503, count=3)
    world.run("exporter")
    _written_years_ahead(world)

    world.settle()

    assert world.counts() == {"verified": 5}
