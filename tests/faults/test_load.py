"""A project that is full of other people's work: slow to list, harmless to us."""

from __future__ import annotations

import tracemalloc

from tests.faults.conftest import ARCHIVE, Build

FINISHED, QUEUED = 30_000, 2_900


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
