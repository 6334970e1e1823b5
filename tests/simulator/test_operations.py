from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from typing import Any

import pytest

from geesync.simulator import CALM, REAL, Durations, always
from geesync.simulator.refusals import CallRefused, ExportRefused
from geesync.simulator.tasks.operation import State, Task, operation_json
from tests.simulator.exporting import MINUTE, PROJECT, Account, File


def test_a_calm_export_succeeds_at_once_and_writes_once() -> None:
    account = Account(CALM)

    account.start("a")

    assert account.states() == ["SUCCEEDED"]
    assert account.files == ["a"]


def test_an_export_goes_from_pending_to_running_to_succeeded() -> None:
    account = Account(replace(MINUTE, queue_s=always(5)))
    operation = account.start("a")
    seen = [operation.state]

    account.advance(5)
    seen.append(operation.state)
    account.advance(30)
    halfway = operation_json(operation, account.clock.now())
    account.advance(30)
    seen.append(operation.state)

    assert seen == [State.PENDING, State.RUNNING, State.SUCCEEDED]
    assert halfway["metadata"]["progress"] == 0.5
    assert halfway["metadata"]["startTime"] == "2026-01-01T00:00:05Z"


def test_files_appear_no_earlier_than_success() -> None:
    account = Account(MINUTE)
    account.start("a")

    account.advance(59)
    early = list(account.files)
    account.advance(1)

    assert (early, account.files) == ([], ["a"])


def test_two_exports_run_at_once_by_priority_then_age() -> None:
    account = Account(MINUTE)
    for name in ("first", "second", "third"):
        account.start(name)
    account.start("urgent", priority=200)

    account.advance(60)
    account.advance(60)

    assert account.files == ["first", "second", "urgent", "third"]


def test_history_is_the_same_however_time_is_cut() -> None:
    fast, slow = Account(REAL, seed=3), Account(REAL, seed=3)
    for account in (fast, slow):
        for number in range(20):
            account.start(str(number))

    fast.advance(10_000)
    for _ in range(100):
        slow.advance(100)

    ended = [[(op.ended, op.error) for op in account.operations.all()] for account in (fast, slow)]
    assert ended[0] == ended[1]
    assert fast.files == slow.files


def test_foreign_exports_take_up_slots_and_places_in_the_queue() -> None:
    account = Account(replace(MINUTE, queue_limit=3))
    account.operations.start_foreign(4, project=PROJECT)
    account.start("ours")

    with pytest.raises(CallRefused, match=r"Too many tasks already in the queue \(3\)"):
        account.start("one too many")

    account.advance(180)
    assert account.files == ["ours"]


def test_more_slots_let_more_run() -> None:
    account = Account(MINUTE)
    for number in range(5):
        account.start(str(number))

    account.operations.set_slots(PROJECT, 4)

    assert account.states().count("RUNNING") == 4


def test_an_evicted_export_starts_anew_and_still_writes_once() -> None:
    account = Account(replace(MINUTE, evictions=1.0, most_attempts=4))
    operation = account.start("a")

    account.advance(3600)

    assert (operation.state, operation.attempt) == (State.SUCCEEDED, 4)
    assert account.files == ["a"]


def test_a_cancelled_export_leaves_nothing_and_frees_its_slot() -> None:
    account = Account(replace(MINUTE, running_slots=1, cancel_s=(5, 5)))
    running, waiting = account.start("running"), account.start("waiting")

    account.operations.cancel(running.name)
    at_once = running.state
    account.advance(65)

    assert (at_once, running.state) == (State.CANCELLING, State.CANCELLED)
    assert running.error == (1, "Cancelled.")
    assert waiting.state is State.SUCCEEDED
    assert account.files == ["waiting"]


def test_a_waiting_export_that_is_cancelled_leaves_the_queue() -> None:
    account = Account(replace(MINUTE, running_slots=1))
    account.start("running")
    waiting = account.start("waiting")

    account.operations.cancel(waiting.name)

    assert waiting.state is State.CANCELLED
    assert account.operations.waiting(PROJECT) == 0


def test_a_cancel_can_come_too_late() -> None:
    account = Account(replace(MINUTE, cancels_lost=1.0))
    operation = account.start("a")

    account.operations.cancel(operation.name)
    account.advance(60)

    assert operation.state is State.SUCCEEDED
    assert account.files == ["a"]


def test_an_identical_request_gets_the_same_operation() -> None:
    account = Account(CALM)

    first = account.start("a", request_id="r-1")
    second = account.start("a", request_id="r-1")

    assert first is second
    assert account.files == ["a"]


@pytest.mark.parametrize("name", ["other body", "a"])
def test_a_used_request_id_is_refused(name: str) -> None:
    account = Account(replace(CALM, duplicates="refuse"))
    account.start("a", request_id="r-1")

    with pytest.raises(CallRefused, match="A different Operation was already started"):
        account.start(name, request_id="r-1")


def test_request_ids_of_two_people_do_not_meet() -> None:
    account = Account(CALM)

    account.start("a", request_id="r-1", principal="one")
    account.start("b", request_id="r-1", principal="two")

    assert account.files == ["a", "b"]


def test_an_id_rejected_by_a_full_queue_is_burnt_if_the_profile_says_so() -> None:
    account = Account(replace(MINUTE, queue_limit=1, running_slots=1, burn_rejected_ids=True))
    account.start("running")
    account.start("waiting")
    with pytest.raises(CallRefused, match="Too many tasks"):
        account.start("third", request_id="r-3")
    account.advance(120)

    with pytest.raises(CallRefused, match="A different Operation"):
        account.start("third", request_id="r-3")


def test_a_refusal_shows_soon_after_the_start() -> None:
    account = Account(replace(MINUTE, refusal_s=(7, 7)))

    def refuse() -> File:
        raise ExportRefused(3, "Export too large")

    task = Task(PROJECT, "EXPORT_IMAGE", work=refuse)
    operation = account.operations.start(task)
    account.advance(7)

    assert operation.state is State.FAILED
    assert operation.error == (3, "Export too large")
    assert operation.ended == account.clock.now()


def test_a_scripted_failure_hits_the_operations_it_names_and_counts() -> None:
    account = Account(CALM)
    script = account.operations.fail("^b", 13, "Internal error.")

    for name in ("a", "b1", "b2"):
        account.start(name)

    assert account.states() == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert script.fired == 1


def test_the_real_profile_is_slow_with_a_heavy_tail() -> None:
    account = Account(replace(REAL, running_slots=10**6, failing_operations=0))
    for number in range(2000):
        account.start(str(number))
    account.advance(86400 * 4)

    operations = account.operations.all(State.SUCCEEDED)
    run_s = sorted(
        (op.ended - op.started).total_seconds() for op in operations if op.ended is not None
    )

    assert len(operations) == 2000
    assert 400 < run_s[1000] < 600
    assert 1000 < run_s[1900] < 2200
    assert max(op.attempt for op in operations) > 1


def test_the_longest_of_real_runs_are_as_long_as_they_were_seen() -> None:
    dice = random.Random(1)

    run_s = sorted(REAL.run_s.draw(dice) for _ in range(20_000))

    assert 1400 < run_s[19_000] < 1500  # the 95th percentile
    assert run_s[19_980] > 2.5 * 3600  # one in a thousand
    assert run_s[-1] == REAL.run_s.most_s == 8.5 * 3600


def test_durations_keep_their_bounds() -> None:
    durations = Durations(p50_s=10, p95_s=10_000, least_s=9, most_s=11)
    account = Account(replace(CALM, run_s=durations))

    for number in range(50):
        account.start(str(number))
    account.advance(25 * 11)

    assert set(account.states()) == {"SUCCEEDED"}


def test_a_cancelled_export_may_leave_files() -> None:
    account = Account(replace(MINUTE, leftovers=1.0))
    operation = account.start("a")

    account.operations.cancel(operation.name)

    assert operation.state is State.CANCELLED
    assert account.files == ["a"]


@pytest.mark.parametrize(("answer", "refused"), [("ok", False), ("refuse", True)])
def test_cancelling_what_has_ended_changes_nothing(answer: Any, refused: bool) -> None:  # noqa: FBT001 - a column of the table
    account = Account(replace(CALM, cancel_of_finished=answer))
    operation = account.start("a")

    with pytest.raises(CallRefused) if refused else contextlib.nullcontext():
        account.operations.cancel(operation.name)

    assert operation.state is State.SUCCEEDED


def test_files_may_show_later_than_success() -> None:
    account = Account(replace(CALM, object_lag_s=(30, 30)))
    operation = account.start("a")
    early = (operation.state, list(account.files))

    account.advance(30)

    assert early == (State.SUCCEEDED, [])
    assert account.files == ["a"]
