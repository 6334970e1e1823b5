"""What the world refuses: the work halts, says why, and goes on by itself; nothing is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from geesync.domain.failures.shared_failures import OUTAGE
from geesync.simulator.profiles import CALM, always
from geesync.simulator.simulator import Simulator
from geesync.simulator.tasks.operation import State
from geesync.simulator.wire.faults import Action
from geesync.step_threads import run_step
from tests.faults.conftest import ARCHIVE, Build
from tests.story.world import World, a_world

EXPORTS = r"image:export"
THREADS = 8
HOUR = always(3600)


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


@pytest.mark.parametrize("asked", ["9" * 9, "9" * 30, "9" * 400])
def test_a_wait_beyond_any_calendar_is_a_day(build: Build, asked: str) -> None:
    world = build(3)
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    world.simulator.faults.add(
        "status", path=EXPORTS, status=403, count=2, headers={"Retry-After": asked}
    )
    world.run("exporter")

    for _ in range(6):  # what was asked for first, and what of it comes last
        world.simulator.advance(86_400 + 60)
        world.run()

    assert world.counts() == {"verified": 5}


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


# --- What no rule knows.

UNHEARD_OF = (
    "Organization policy constraints/gcp.resourceLocations forbids this.",
    "Cloud KMS key projects/p/locations/l/keyRings/r/cryptoKeys/k is disabled.",
    "The billing account for the owning project is disabled in state closed",
    "Bucket is a requester pays bucket but no user project provided.",
    "The bucket is suspended.",
    "Unable to write to bucket demo-bucket (permission denied).",
    "An internal error has occurred (request: 0b1c6e0f-4a1d-4f0b).",
    "Deadline exceeded.",
    "Earth Engine memory capacity exceeded.",
    "",
)


@pytest.mark.parametrize("words", UNHEARD_OF)
def test_a_failure_of_everything_that_no_rule_knows_halts_exports_and_counts_nothing(
    build: Build, words: str
) -> None:
    world = build(6)
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    broken = world.simulator.operations.fail("", 13, words, count=None)
    for _ in range(2 * 24):  # a day
        world.run("exporter", "reconciler")
        world.simulator.advance(1800)
    told = waiting(world, "exporter")

    assert broken.fired <= 6 + 2 * 24  # all that had been asked for, then a probe now and then
    assert words in told != ""
    assert failures(world) == 0
    assert world.counts().get("quarantined", 0) == 0

    broken.count = broken.fired
    for _ in range(14):  # and by itself
        world.run()
        world.simulator.advance(1800)
    assert world.counts() == {"verified": 8}


def test_there_is_one_probe_at_a_time_however_long_it_takes(build: Build) -> None:
    world = build(12, profile=replace(CALM, run_s=HOUR, refusal_s=(3600, 3600), running_slots=12))
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    broken = world.simulator.operations.fail("", 13, "Never heard of.", count=None)
    for _ in range(7):
        world.run("exporter", "reconciler")
        world.simulator.advance(600)
    assert broken.fired == 12

    for _ in range(60):
        world.run("exporter", "reconciler")
        world.simulator.advance(600)
        assert len(world.simulator.operations.all(State.RUNNING)) <= 1
    assert 4 <= broken.fired - 12 <= 10
    assert failures(world) == 0


def test_a_halt_outlives_the_daemon_and_is_probed_at_its_start(tmp_path: Path) -> None:
    with Simulator("thousands:12") as simulator:
        broken = simulator.operations.fail("", 13, "Never heard of.", count=None)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(ARCHIVE)
            world.run("discoverer", "exporter")
            simulator.advance(60)
            world.run("reconciler")
        assert broken.fired == 12
        for started in range(1, 6):
            simulator.advance(3600)
            with a_world(simulator, tmp_path) as world:
                world.run("exporter")
                assert waiting(world, "exporter") == "bucket demo-bucket: Never heard of."
                simulator.advance(60)
                world.run("reconciler", "exporter")
                assert broken.fired == 12 + started

        simulator.advance(6 * 3600)
        broken.count = broken.fired
        with a_world(simulator, tmp_path) as world:
            world.settle()
            assert world.counts() == {"verified": 14}


def test_what_some_assets_fail_of_while_others_succeed_is_their_own(build: Build) -> None:
    world = build(12)
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    for number in range(4):
        world.simulator.operations.fail(f"i00000{number}", 13, "Bad pixels.", count=None)

    world.settle(passes=2000)

    assert world.counts() == {"verified": 10, "quarantined": 4}
    assert exports_of_each_asset(world) == {1, 5}


def test_those_that_failed_before_it_was_plain_are_excused(build: Build) -> None:
    world = build(6, profile=replace(CALM, run_s=HOUR, refusal_s=(60, 60), running_slots=1))
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    broken = world.simulator.operations.fail("", 13, "Never heard of.", count=None)
    seen = []
    for _ in range(12):
        world.run()
        seen.append(failures(world))
        world.simulator.advance(60)

    assert broken.fired >= 6
    assert max(seen) > 0
    assert seen[-1] == 0


@pytest.mark.parametrize("status", [400, 409, 451])
def test_a_refusal_of_every_call_that_no_rule_knows_halts_exports(
    build: Build, status: int
) -> None:
    world = build(40)
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    refused = world.simulator.faults.add(
        "status", path=EXPORTS, status=status, body="Never heard of.", count=None
    )
    reason = waiting(world, "exporter")
    first = refused.fired
    for _ in range(60):
        world.run("exporter")
        world.simulator.advance(300)

    assert reason == "bucket demo-bucket: Never heard of."
    assert first <= OUTAGE + 2 * THREADS
    assert refused.fired <= first + 60
    assert failures(world) == 0

    world.simulator.faults.clear()
    world.settle(passes=400)
    assert world.counts() == {"verified": 42}
    assert exports_of_each_asset(world) == {1}


@pytest.mark.parametrize("status", [402, 451])
def test_a_refusal_of_every_download_that_no_rule_knows_costs_no_export(
    enqueued: World, status: int
) -> None:
    world = enqueued
    refused = world.simulator.faults.add(
        "status", server="storage", path="alt=media", status=status, body="Unheard of.", count=None
    )
    world.run("exporter", "reconciler")
    reason = waiting(world, "downloader")
    for _ in range(60):
        world.run("downloader")
        world.simulator.advance(300)

    assert "Unheard of" in reason
    assert 1 < refused.fired <= 2 * THREADS + OUTAGE + 60
    assert failures(world) == 0

    world.simulator.faults.clear()
    world.settle()
    assert world.counts()["verified"] == world.status().roots[0].assets
    assert exports_of_each_asset(world) == {1}
