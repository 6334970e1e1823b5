from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any

import pytest

from geesync.simulator import CALM, REAL, Durations, Profile, always
from geesync.simulator.audit import Audit
from geesync.simulator.clock import SimClock
from geesync.simulator.operation import Operation, State, Task, Work, created_json, operation_json
from geesync.simulator.operations import Operations
from geesync.simulator.refusals import CallRefused, ExportRefused

PROJECT = "demo-project"
MINUTE = replace(CALM, run_s=always(60))


@dataclass
class File:
    """A file that appears in a list when it may be seen."""

    files: list[str]
    name: str

    def publish_some(self) -> None:
        pass

    def publish(self) -> None:
        self.files.append(self.name)

    def drop(self) -> None:
        pass


class Account:
    """Operations on a clock, and the names of the files that exports have written."""

    def __init__(self, profile: Profile, seed: int = 0) -> None:
        self.clock = SimClock()
        self.audit = Audit(self.clock)
        self.operations = Operations(self.clock, profile, self.audit, seed=seed)
        self.files: list[str] = []

    def start(self, description: str = "d", **fields: object) -> Operation:
        """Start an export that writes one file, named like it."""
        known = {"project": PROJECT, "type": "EXPORT_IMAGE", "body_hash": description}
        task = Task(**{**known, **fields}, description=description, work=self._work(description))  # type: ignore[arg-type] # a test's shorthand
        operation = self.operations.start(task)
        self.operations.settle()
        return operation

    def _work(self, name: str) -> Work:
        return lambda: File(self.files, name)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.operations.settle()

    def states(self) -> list[str]:
        return [operation.state.value for operation in self.operations.all()]


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


def test_a_new_operation_is_listed_after_the_lag_but_can_be_asked_for() -> None:
    account = Account(replace(CALM, list_lag_s=(5, 5)))
    operation = account.start("a")

    early, _ = account.operations.page(PROJECT, 10)
    account.advance(5)
    late, _ = account.operations.page(PROJECT, 10)

    assert (list(early), list(late)) == ([], [operation])
    assert account.operations.get(operation.id) is operation


def test_pages_are_newest_first_and_stable() -> None:
    account = Account(CALM)
    names = [account.start(str(number)).name for number in range(5)]

    first, token = account.operations.page(PROJECT, 2)
    account.start("new")
    second, token = account.operations.page(PROJECT, 2, token)
    third, end = account.operations.page(PROJECT, 2, token)

    assert [op.name for op in (*first, *second, *third)] == names[::-1]
    assert end == ""


@pytest.mark.parametrize("order", ["newest_first", "oldest_first", "mixed"])
def test_pages_miss_nothing_in_any_order(order: Any) -> None:
    account = Account(replace(CALM, operation_order=order))
    names = [account.start(str(number)).name for number in range(9)]

    seen: list[str] = []
    token = ""
    while token or not seen:
        page, token = account.operations.page(PROJECT, 2, token)
        seen += [operation.name for operation in page]

    expected = {"newest_first": names[::-1], "oldest_first": names}.get(order, seen)
    assert seen == expected
    assert sorted(seen) == sorted(names)


def test_a_page_goes_on_although_its_token_was_forgotten() -> None:
    account = Account(CALM)
    names = [account.start(str(number)).name for number in range(4)]
    _, token = account.operations.page(PROJECT, 2)

    account.operations.delete(names[2])
    rest, _ = account.operations.page(PROJECT, 2, token)

    assert [operation.name for operation in rest] == [names[1], names[0]]


def test_shifting_pages_repeat_what_moved() -> None:
    account = Account(replace(CALM, shifting_pages=True))
    for number in range(4):
        account.start(str(number))

    first, token = account.operations.page(PROJECT, 2)
    account.start("new")
    second, _ = account.operations.page(PROJECT, 2, token)

    assert first[-1] is second[0]


def test_finished_operations_are_forgotten_in_the_end() -> None:
    account = Account(replace(MINUTE, retention_s=3600))
    operation = account.start("a")

    account.advance(3660)

    with pytest.raises(CallRefused) as refusal:
        account.operations.get(operation.name)
    assert refusal.value.status == 404
    assert account.states() == []


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


def test_the_first_answer_may_lack_the_state() -> None:
    for share, known in ((0.0, True), (1.0, False)):
        operation = Account(replace(CALM, metadata_holes=share)).start("a")

        assert ("state" in created_json(operation)["metadata"]) is known


def test_holes_in_the_metadata_leave_the_rest_readable() -> None:
    account = Account(replace(CALM, metadata_holes=1.0))
    operation = account.start("a")

    answer = operation_json(operation, account.clock.now())

    assert answer["name"] == f"projects/earthengine-legacy/operations/{operation.id}"
    assert answer["metadata"]["state"] == "SUCCEEDED"
    assert not {"description", "priority", "endTime"} & set(answer["metadata"])


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
