"""What is told of operations: when, in which order, page by page, and for how long."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from geesync.simulator import CALM
from geesync.simulator.refusals import CallRefused
from geesync.simulator.tasks.operation import created_json, operation_json
from tests.simulator.exporting import MINUTE, PROJECT, Account


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
