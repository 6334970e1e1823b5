"""What the world refuses: the work halts, says why, and goes on by itself; nothing is counted."""

from __future__ import annotations

import pytest

from geesync.domain.tasks.refusals import OUTAGE
from geesync.simulator.wire.faults import Action
from geesync.step_threads import run_step
from tests.faults.conftest import ARCHIVE, Build
from tests.story.world import World

EXPORTS = r"image:export"
THREADS = 8


def waiting(world: World, name: str) -> str:
    step = next(step for step in world.service.steps if step.name == name)
    return run_step(step).waiting


def failures(world: World) -> int:
    """Return how many failures are counted against assets, all together."""
    with world.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT sum(failures) FROM asset").scalar_one())


def exports_of_each_asset(world: World) -> set[int]:
    counts: dict[str, int] = {}
    for record in world.simulator.audit.records("export"):
        key = str(record.details["assets"]) + str(record.details["destination"]).rpartition("/")[2]
        counts[key] = counts.get(key, 0) + 1
    return set(counts.values())


def test_a_project_that_may_not_export_costs_a_call_now_and_then_not_one_for_each_asset(
    enqueued: World,
) -> None:
    world = enqueued
    refused = world.simulator.faults.add(
        "status",
        path=EXPORTS,
        status=403,
        count=None,
        body="Caller does not have required permission to use project demo-project.",
    )

    reasons = [waiting(world, "exporter")]
    first = refused.fired
    for _ in range(60):
        world.simulator.advance(60)
        reasons.append(waiting(world, "exporter"))

    assert 1 <= first <= THREADS
    assert refused.fired <= first + 30
    assert all("permission to use project" in reason for reason in reasons)
    assert failures(world) == 0


def test_a_project_that_may_export_again_goes_on_by_itself(enqueued: World) -> None:
    world = enqueued
    denial = world.simulator.world.permissions.deny(permission="earthengine.exports.create")
    world.run()
    world.simulator.advance(600)
    world.run()
    assert not world.simulator.audit.count("export")

    world.simulator.world.permissions.allow(denial)
    world.settle()

    assert world.counts()["verified"] == world.status().roots[0].assets
    assert exports_of_each_asset(world) == {1}


def test_a_full_queue_is_asked_again_later_and_costs_nothing(build: Build) -> None:
    world = build(throttle={"max_queue": 3000})
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    full = world.simulator.faults.add(
        "status",
        path=EXPORTS,
        status=400,
        count=THREADS,
        body="Too many tasks already in the queue (3000). Please wait for some to complete.",
    )

    assert "Too many tasks" in waiting(world, "exporter")
    asked = full.fired
    world.settle()

    assert 1 <= asked <= THREADS
    assert failures(world) == 0
    assert exports_of_each_asset(world) == {1}


@pytest.mark.parametrize("action", ["status", "html", "reset"])
def test_an_outage_is_noticed_after_a_few_calls_and_costs_time_only(
    enqueued: World, action: Action
) -> None:
    world = enqueued
    outage = world.simulator.faults.add(action, path=EXPORTS, count=None)

    reason = waiting(world, "exporter")
    in_the_first_pass = outage.fired
    for _ in range(120):
        world.simulator.advance(60)
        world.run("exporter")
    world.simulator.faults.clear()
    world.settle()

    assert reason
    assert OUTAGE <= in_the_first_pass <= OUTAGE + THREADS
    assert outage.fired < 100
    assert failures(world) == 0
    assert world.counts()["verified"] == world.status().roots[0].assets


def test_retry_after_is_heeded(enqueued: World) -> None:
    world = enqueued
    busy = world.simulator.faults.add(
        "status", path=EXPORTS, status=429, count=None, headers={"Retry-After": "1"}
    )
    world.run("exporter")
    fired = busy.fired
    assert fired

    world.simulator.faults.clear()
    hour = world.simulator.faults.add(
        "status", path=EXPORTS, status=429, count=1, headers={"Retry-After": "3600"}
    )
    world.simulator.advance(600)
    world.run("exporter")
    world.simulator.advance(1800)
    world.run("exporter")
    assert hour.fired == 1
    assert not world.simulator.audit.count("export")

    world.simulator.advance(1800)
    world.settle()
    assert world.counts()["verified"] == world.status().roots[0].assets


def test_a_bucket_that_earth_engine_may_not_write_halts_exports_and_quarantines_nothing(
    enqueued: World,
) -> None:
    world = enqueued
    denied = world.simulator.operations.fail(
        "", 7, "Somebody has no right to something, in words that nobody wrote down.", count=None
    )

    for _ in range(120):
        world.run()
        world.simulator.advance(60)
    failed = denied.fired
    halted = waiting(world, "exporter")
    denied.count = denied.fired
    world.settle(passes=400)

    assert 1 <= failed <= 60
    assert "no right to something" in halted
    assert failures(world) == 0
    assert world.counts()["verified"] == world.status().roots[0].assets


def test_a_bucket_that_is_gone_is_no_loss_of_objects(enqueued: World) -> None:
    world = enqueued
    world.run("exporter")
    world.simulator.advance(60)
    world.run("reconciler")
    gone = world.simulator.faults.add(
        "status",
        server="storage",
        status=404,
        count=None,
        body="The specified bucket does not exist.",
    )

    reason = waiting(world, "downloader")
    fired = gone.fired
    world.simulator.faults.clear()
    world.settle()

    assert 1 <= fired <= 2 * THREADS
    assert "there is no bucket" in reason
    assert exports_of_each_asset(world) == {1}


def test_an_account_that_may_not_be_seen_any_more_is_not_exported_again_and_again(
    enqueued: World,
) -> None:
    world = enqueued
    missing = world.simulator.operations.fail(
        "",
        3,
        "Image.load: Image asset 'X' not found (does not exist or caller does not have access).",
        count=None,
    )
    denial = world.simulator.world.permissions.deny(permission="earthengine.assets.get")
    world.run("exporter")
    exports = world.simulator.audit.count("export")

    for _ in range(50):
        world.run()
        world.simulator.advance(600)
    during = world.simulator.audit.count("export")
    missing.count = missing.fired
    world.simulator.world.permissions.allow(denial)
    world.service.roots.scan_all(world.now())
    world.settle(passes=400)

    assert missing.fired
    assert during == exports
    assert world.counts()["verified"] == world.status().roots[0].assets


def test_what_a_colleague_cancelled_stays_cancelled_until_somebody_asks(build: Build) -> None:
    world = build(3, speed=None)
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    world.simulator.operations.set_slots(world.simulator.project, 0)
    world.run("exporter")
    cancelled = world.simulator.operations.all()[0]

    world.simulator.operations.cancel(cancelled.name)
    world.simulator.operations.set_slots(world.simulator.project, 2)
    world.settle()
    exports = world.simulator.audit.count("export")

    assert world.counts()["quarantined"] == 1
    assert [trouble.cause for trouble in world.status().troubles] == ["cancelled"]

    world.steering.retry(world.now())
    world.settle()

    assert world.simulator.audit.count("export") == exports + 1
    assert world.counts()["verified"] == world.status().roots[0].assets


def test_an_unknown_message_is_tried_a_few_times_and_then_told(build: Build) -> None:
    world = build(2)
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    odd = world.simulator.operations.fail("i000001", 13, "Ünbekannt ✗ \x1b[31m", count=None)

    world.settle(passes=2000)

    assert odd.fired == 5
    assert world.counts()["quarantined"] == 1
    assert world.status().troubles[0].cause == "failed"
