"""Each brake holds what it must, says why, and lets go by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.adapters.mirror_files.mirror import MARKER
from geesync.simulator.simulator import Simulator
from geesync.step_threads import run_step, run_until_quiet
from geesync.store.views import status as views
from tests.story.accounts import a_band, an_account, an_image
from tests.story.world import World, a_world

VALUES = np.arange(108).reshape(9, 12).astype("uint8")
IMAGES = 4


@contextmanager
def four_images(
    folder: Path, *, size_bytes: int = VALUES.nbytes, **throttle: Any
) -> Iterator[World]:
    images = (an_image(f"img{n}", a_band("b", VALUES)) for n in range(IMAGES))
    account = an_account(*(replace(image, size_bytes=size_bytes) for image in images))
    with Simulator(account) as simulator, a_world(simulator, folder, **throttle) as world:
        world.enqueue("users/x")
        world.run("discoverer")
        yield world


def waiting(world: World, name: str = "exporter") -> str:
    """Run a step once; return why it waits."""
    return next(run_step(step).waiting for step in world.service.steps if step.name == name)


def held(world: World) -> str:
    """Run the exporter once; return what holds it, which is no trouble to tell anybody."""
    assert waiting(world) == ""
    return "; ".join(one.text for one in world.service.brakes.readings() if one.holds)


def exported(world: World) -> int:
    return world.simulator.audit.count("export")


def test_no_more_operations_are_ours_than_allowed_at_a_time(tmp_path: Path) -> None:
    with four_images(tmp_path, max_operations=1) as world:
        waiting(world)

        assert "1 of 1 operation of ours" in held(world)
        assert exported(world) == 1

        world.settle()
        assert world.counts() == {"verified": IMAGES + 1}


def test_other_peoples_operations_fill_the_projects_queue_too(tmp_path: Path) -> None:
    with four_images(tmp_path, max_queue=2) as world:
        world.run("exporter", "reconciler")
        world.limit(max_queue=world.service.brakes.usage.queued())

        assert "places in the project's queue" in held(world)
        assert exported(world) == 2

        world.limit(max_queue=100)
        world.settle()
        assert exported(world) == IMAGES


def test_nothing_is_exported_while_too_much_is_staged(tmp_path: Path) -> None:
    with four_images(tmp_path, max_operations=2, max_staged=1) as world:
        waiting(world)
        world.limit(max_operations=100)

        assert "staged in the bucket" in held(world)
        assert exported(world) == 2

        world.settle()
        assert exported(world) == IMAGES


def test_nothing_is_exported_for_a_disk_that_has_no_room(tmp_path: Path) -> None:
    with four_images(tmp_path, reserve=10**18) as world:
        assert f"free above the reserve on {world.mirror}" in waiting(world)
        assert exported(world) == 0

        world.limit(reserve=0)
        world.settle()
        assert world.counts() == {"verified": IMAGES + 1}


def test_a_run_that_is_to_end_does_not_wait_for_room_for_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with four_images(tmp_path, reserve=10**18) as world:
        quiet = partial(views.is_quiet, world.config.ledger, now=world.now())
        assert not quiet()

        assert run_until_quiet(
            world.service.steps,
            stop=threading.Event(),
            poll_s=0.01,
            is_done=lambda held: quiet(held=held),
            patience_s=0.0,
        )
        assert "free above the reserve" in capsys.readouterr().out
        assert not world.status().completeness.is_complete


def test_the_disk_counts_what_is_on_its_way_to_it(tmp_path: Path) -> None:
    with four_images(tmp_path, size_bytes=10**17, max_operations=1, max_staged=10**18) as world:
        waiting(world)
        world.limit(max_operations=100)

        assert "on the way" in waiting(world)
        assert exported(world) == 1


def test_a_mirror_that_is_not_mounted_takes_nothing(tmp_path: Path) -> None:
    with four_images(tmp_path) as world:
        (world.mirror / MARKER).rename(tmp_path / "elsewhere")

        assert "is no mirror" in waiting(world)
        assert exported(world) == 0


def test_the_compute_budget_ends_with_the_month(tmp_path: Path) -> None:
    with four_images(tmp_path, max_operations=1, eecu_hours_per_month=1e-9) as world:
        waiting(world)
        for _ in range(20):
            world.simulator.advance(60)
            world.run("reconciler")

        assert "EECU-hours used this month" in waiting(world)
        assert exported(world) == 1

        world.simulator.advance(32 * 24 * 3600)
        waiting(world)
        assert exported(world) == 2


def test_too_many_requests_halve_the_rate_and_status_says_so(tmp_path: Path) -> None:
    with four_images(tmp_path) as world:
        before = world.service.brakes.requests()
        world.simulator.faults.add("status", server="earth_engine", status=429, count=1)
        world.run("reconciler", "exporter")

        after = world.service.brakes.requests()

        assert before.used == 0
        assert after.used == pytest.approx(50_000, rel=0.2)


def test_every_brake_has_a_reading(tmp_path: Path) -> None:
    with four_images(tmp_path, bandwidth="2M") as world:
        readings = {reading.name: reading for reading in world.service.brakes.readings()}

        assert set(readings) == {
            *("operations", "queue", "staged", "eecu", "requests", "direct", "bandwidth", "disk")
        }
        assert readings["bandwidth"].text == "2 MiB/s for downloads"
        assert not any(reading.holds for reading in readings.values())


def test_a_rate_is_told_in_plain_numbers(tmp_path: Path) -> None:
    with four_images(tmp_path, requests_per_s=12_345.67) as world:
        told = {reading.name: reading.text for reading in world.service.brakes.readings()}

        assert told["requests"] == "12,345.7 of 12,345.7 requests a second"
