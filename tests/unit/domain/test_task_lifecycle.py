"""The life of a task: properties of the whole table, whatever happens in whatever order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.state_machine import IllegalEvent, follow
from geesync.domain.tasks.lifecycle import (
    ENDINGS,
    IN_FLIGHT,
    LIVE,
    TABLE,
    Cancelled,
    Disproved,
    Ended,
    Failed,
    GivenUp,
    MaybeStarted,
    NeverSeen,
    Refused,
    Started,
    Succeeded,
    TaskEvent,
    TaskState,
    Unanswered,
)
from geesync.errors import Cause
from tests.diagrams import arrows, diagram

KINDS: tuple[type[TaskEvent], ...] = (
    Started,
    Unanswered,
    MaybeStarted,
    Refused,
    Ended,
    Succeeded,
    Failed,
    Cancelled,
    NeverSeen,
    GivenUp,
    Disproved,
)
EVENTS: st.SearchStrategy[TaskEvent] = st.one_of(
    *(st.builds(kind, st.text(max_size=5), st.sampled_from(Cause)) for kind in KINDS)
)

#: What a person, another revision or a look at the files may say, at any time.
FROM_OUTSIDE = {GivenUp, Disproved}


def lived(events: list[TaskEvent]) -> list[tuple[TaskState, TaskEvent]]:
    """Return (state, event that led to it) of a task to which these happen, where they can."""
    state, life = TaskState.INTENDED, []
    for event in events:
        if type(event) in TABLE[state]:
            state = follow(TABLE, state, event)
            life.append((state, event))
    return life


@given(st.lists(EVENTS, max_size=40))
def test_what_has_ended_without_use_never_begins_again(events: list[TaskEvent]) -> None:
    states = [state for state, _ in lived(events)]

    for before, after in pairwise(states):
        assert before in LIVE
        assert after not in IN_FLIGHT or before in IN_FLIGHT


@given(st.lists(EVENTS, max_size=40))
def test_a_task_runs_only_once_an_operation_is_known(events: list[TaskEvent]) -> None:
    seen = []
    for state, event in lived(events):
        seen.append(type(event))
        assert state != TaskState.RUNNING or Started in seen


@given(st.lists(EVENTS, max_size=40))
def test_it_starts_once_whatever_was_answered_before(events: list[TaskEvent]) -> None:
    assert [type(event) for _, event in lived(events)].count(Started) <= 1


@given(EVENTS, st.sampled_from(TaskState))
def test_an_event_that_the_table_does_not_know_is_an_error(
    event: TaskEvent, state: TaskState
) -> None:
    if type(event) in TABLE[state]:
        return

    with pytest.raises(IllegalEvent):
        follow(TABLE, state, event)


def test_a_task_that_may_be_running_is_not_sent_again() -> None:
    sent_again = {state for state, event, _ in arrows(TABLE) if event is Unanswered}

    assert sent_again == {TaskState.INTENDED}


def test_from_every_state_in_flight_a_task_may_succeed_and_may_be_given_up() -> None:
    for wanted in (TaskState.SUCCEEDED, TaskState.ABANDONED):
        reach = {wanted}
        while more := {state for state, _, after in arrows(TABLE) if after in reach} - reach:
            reach |= more
        assert reach >= set(IN_FLIGHT)


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert list(TABLE) == list(TaskState)
    assert {after for _, _, after in arrows(TABLE)} == set(TaskState)


def test_only_what_is_live_can_change() -> None:
    assert {state for state in TaskState if TABLE[state]} == set(LIVE)
    assert set(ENDINGS) == {after for before, _, after in arrows(TABLE) if before in IN_FLIGHT} - {
        *IN_FLIGHT
    }


def test_nothing_of_it_is_left_out_of_the_walk() -> None:
    assert {event for _, event, _ in arrows(TABLE)} == set(KINDS)
    assert set(TABLE[TaskState.SUCCEEDED]) == FROM_OUTSIDE


def test_the_diagram_draws_every_arrow() -> None:
    drawn = diagram(TABLE, TaskState.INTENDED)

    for state, event, after in arrows(TABLE):
        assert any(
            line.strip().startswith(f"{state} --> {after}:") and event.__name__ in line
            for line in drawn.splitlines()
        )
