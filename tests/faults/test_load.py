"""A project that is full of other people's work: slow to list, harmless to us."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from tests.faults.conftest import ARCHIVE, Build
from tests.story.world import World

FINISHED, QUEUED = 30_000, 2_900

#: A thirtieth of what a large mirror has: what is counted below must not depend on it.
ASSETS, ASKED, READY = 3_000, 100, 20

#: Instructions of SQLite's machine between two counts.
_STRIDE = 100


def test_tens_of_thousands_of_foreign_operations_are_counted_and_cost_little_memory(
    build: Build,
) -> None:
    world = build(2)
    operations, project = world.simulator.operations, world.simulator.project
    operations.set_slots(project, FINISHED)
    operations.start_foreign(FINISHED, project=project, run_s=0)
    world.simulator.advance(1)
    operations.set_slots(project, 0)
    operations.start_foreign(QUEUED, project=project, run_s=0)
    world.enqueue(ARCHIVE)
    world.run("discoverer", "exporter")

    tracemalloc.start()
    world.run("reconciler")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    queue = world.status().queue
    operations.set_slots(project, QUEUED)
    world.simulator.advance(60)
    world.settle()

    assert queue["foreign"] == QUEUED
    assert peak_bytes < 100 * 1024 * 1024
    assert world.counts() == {"verified": 4}
    assert not world.simulator.audit.count("cancel")


@pytest.fixture
def full(build: Build) -> World:
    """A world that knows many assets, and whose queue is full of exports that do not run."""
    world = build(ASSETS, throttle={"max_operations": ASKED})
    world.simulator.operations.set_slots(world.simulator.project, 0)
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    world.run()
    return world


@dataclass
class Costs:
    """What a cycle of all steps cost."""

    statements: int = 0
    instructions: int = 0  #: of SQLite's machine: these are many where a table is read whole
    peak_bytes: int = 0


def cycle(world: World) -> Costs:
    """Run every step once."""
    costs = Costs()

    def note(connection: sa.Connection, *_: Any) -> None:
        costs.statements += 1
        driver = connection.connection.driver_connection
        assert driver
        driver.set_progress_handler(count, _STRIDE)

    def count() -> int:
        costs.instructions += _STRIDE
        return 0

    engine = world.database._engine
    sa.event.listen(engine, "before_cursor_execute", note)
    tracemalloc.start()
    world.run()
    costs.peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sa.event.remove(engine, "before_cursor_execute", note)
    return costs


def test_a_cycle_of_a_full_queue_costs_little_however_many_assets_wait(full: World) -> None:
    known = full.counts()

    costs = cycle(full)

    assert known["exporting"] == ASKED
    assert known["discovered"] == ASSETS - ASKED
    assert costs.statements < 90
    assert costs.instructions < 20 * ASSETS  # to read all assets once would be twice as much
    assert costs.peak_bytes < 10 * 1024 * 1024


def test_what_is_ready_goes_through_all_steps_though_thousands_wait(full: World) -> None:
    before = full.counts()
    full.simulator.operations.set_slots(full.simulator.project, READY)
    full.simulator.advance(1)
    full.simulator.operations.set_slots(full.simulator.project, 0)
    ended = sum(op.state == "SUCCEEDED" for op in full.simulator.operations.all())

    for _ in range(2):
        cycle(full)

    after = full.counts()
    assert ended >= READY
    assert after["verified"] == before["verified"] + ended
    assert after["exporting"] == ASKED  # the room that came is taken
    assert not full.status().staged_bytes
