"""The life of an asset: properties of the whole table, whatever happens in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.mirror.lifecycle import (
    LIFE,
    RESTING,
    TABLE,
    CheckFailed,
    CheckPassed,
    DownloadFailed,
    DownloadFinished,
    Excluded,
    ExportFailed,
    ExportsSucceeded,
    ExportStarted,
    Fetched,
    FoundDamaged,
    Included,
    NothingToExport,
    SourceChanged,
    SourceFreed,
    SourceGone,
    SourceReappeared,
    StagedCopyLost,
    Standing,
    State,
)
from geesync.domain.state_machine import (
    MAX_TRIES,
    Delayed,
    Event,
    IllegalEvent,
    Refused,
    Retried,
    Setback,
    wait_after,
)
from geesync.errors import WORLDLY, Cause
from tests.diagrams import arrows, diagram_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST_WAIT = timedelta(hours=6)

OWN = st.sampled_from(sorted(set(Cause) - WORLDLY))
WORLD = st.sampled_from(sorted(WORLDLY))
WAITS = st.timedeltas(timedelta(0), timedelta(days=4000))
REASONS = st.text(max_size=5)
PLAIN = (
    ExportStarted,
    NothingToExport,
    Fetched,
    ExportsSucceeded,
    DownloadFailed,
    DownloadFinished,
    CheckPassed,
    SourceChanged,
    SourceGone,
    SourceReappeared,
    Retried,
)
SETBACKS: tuple[type[Setback], ...] = (ExportFailed, DownloadFailed, StagedCopyLost, CheckFailed)

EVENTS: st.SearchStrategy[Event] = st.one_of(
    *(st.builds(kind, REASONS) for kind in PLAIN),
    *(st.builds(kind, REASONS, cause=st.sampled_from(Cause)) for kind in SETBACKS),
    st.builds(Delayed, REASONS, cause=WORLD, wait=WAITS),
    st.builds(Refused, REASONS, cause=OWN),
)


def lived(events: list[Event]) -> list[Standing]:
    """Return every standing of an asset to which these events happen, where they can."""
    life = [Standing(State.DISCOVERED)]
    for event in events:
        if type(event) in TABLE[life[-1].state]:
            life.append(LIFE.advance(life[-1], event, NOW))
    return life


@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_an_asset_is_in_one_of_the_states_and_never_waits_beyond_the_cap(
    events: list[Event],
) -> None:
    for standing in lived(events):
        assert standing.state in State
        assert 0 <= standing.failures <= MAX_TRIES
        assert standing.not_before is None or standing.not_before - NOW <= LONGEST_WAIT


def test_what_the_world_refuses_again_and_again_is_asked_for_less_and_less_often() -> None:
    standing, waits_s = Standing(State.IN_BUCKET), []
    for _ in range(8):
        standing = LIFE.advance(standing, Delayed("no", wait=timedelta(seconds=30)), NOW)
        assert standing.not_before is not None
        waits_s.append((standing.not_before - NOW).total_seconds())

    assert waits_s == [30, 60, 120, 240, 480, 600, 600, 600]
    assert LIFE.advance(standing, DownloadFinished(), NOW).delays == 0


@given(st.lists(EVENTS, max_size=40))
def test_a_quarantined_asset_always_has_its_cause(events: list[Event]) -> None:
    for standing in lived(events):
        assert standing.state != State.QUARANTINED or standing.cause is not None


@given(
    st.lists(
        st.one_of(
            st.builds(Delayed, REASONS, cause=WORLD, wait=WAITS),
            *(st.builds(kind, REASONS, cause=WORLD) for kind in SETBACKS),
        ),
        min_size=30,
        max_size=60,
    ),
    st.integers(0, MAX_TRIES - 1),
)
def test_an_outage_never_costs_an_asset_its_place(events: list[Event], failures: int) -> None:
    for state in (State.DISCOVERED, State.EXPORTING, State.IN_BUCKET, State.DOWNLOADED):
        standing = Standing(state, failures)

        for event in events:
            if type(event) in TABLE[standing.state]:
                standing = LIFE.advance(standing, event, NOW)

        assert standing.state not in RESTING
        assert standing.failures == failures


@given(st.lists(st.sampled_from(SETBACKS), min_size=60, max_size=60), OWN)
def test_every_loop_ends_in_quarantine(setbacks: list[type[Setback]], cause: Cause) -> None:
    standing = Standing(State.DISCOVERED)
    forward = {
        State.DISCOVERED: ExportStarted(),
        State.EXPORTING: ExportsSucceeded(),
        State.IN_BUCKET: DownloadFinished(),
    }

    for kind in setbacks:
        while kind not in TABLE[standing.state] and standing.state in forward:
            standing = LIFE.advance(standing, forward[standing.state], NOW)
        if standing.state == State.QUARANTINED:
            break
        if kind in TABLE[standing.state]:
            standing = LIFE.advance(standing, kind("it broke", cause=cause), NOW)
        else:  # no setback of this kind from here on: the asset is downloaded
            standing = LIFE.advance(standing, CheckFailed("it broke", cause=cause), NOW)

    assert standing.state == State.QUARANTINED
    assert standing.failures == MAX_TRIES
    assert standing.reason == "it broke"


def test_nothing_happens_by_itself_where_an_asset_rests() -> None:
    """In every other state something of the asset's own can happen next."""
    changed = {SourceChanged, SourceFreed, SourceGone, SourceReappeared}
    outside = changed | {Retried, Excluded, Included, FoundDamaged}

    moving = {state for state, event, _ in arrows(TABLE) if event not in outside}

    assert moving == set(State) - RESTING


def test_from_every_state_an_asset_can_still_be_verified() -> None:
    reach = {State.VERIFIED}
    while more := {state for state, _, target in arrows(TABLE) if target in reach} - reach:
        reach |= more

    assert reach == set(State)


@given(EVENTS, st.sampled_from(State))
def test_an_event_that_the_table_does_not_know_is_an_error(event: Event, state: State) -> None:
    if type(event) in TABLE[state]:
        return

    with pytest.raises(IllegalEvent):
        LIFE.advance(Standing(state), event, NOW)


@pytest.mark.parametrize("event", [SourceChanged(), Retried(), SourceReappeared(), CheckPassed()])
def test_a_fresh_start_forgets_failures(event: Event) -> None:
    state = next(state for state, kind, _ in arrows(TABLE) if kind is type(event))

    after = LIFE.advance(Standing(state, failures=3), event, NOW)

    assert (after.failures, after.cause, after.not_before) == (0, None, None)


def test_failures_survive_the_steps_forward_between_them() -> None:
    standing = LIFE.advance(Standing(State.DISCOVERED), ExportFailed("broken"), NOW)
    for event in (ExportStarted(), ExportsSucceeded(), DownloadFinished()):
        standing = LIFE.advance(standing, event, NOW)

    assert standing.failures == 1


def test_a_bad_night_does_not_quarantine() -> None:
    waits = [wait_after(failure) for failure in range(1, MAX_TRIES)]

    assert waits == sorted(waits)
    assert timedelta(hours=5) < sum(waits, timedelta()) < timedelta(hours=8)


@given(st.integers(1, 50))
def test_no_wait_is_longer_than_the_cap(failures: int) -> None:
    assert timedelta(0) < wait_after(failures) <= LONGEST_WAIT


def test_the_diagram_draws_every_arrow() -> None:
    drawn = diagram_of(LIFE)

    for state, event, target in arrows(TABLE):
        assert any(
            line.strip().startswith(f"{state} --> {target}:") and event.__name__ in line
            for line in drawn.splitlines()
        )


def test_another_plan_is_tried_at_once_but_not_for_ever() -> None:
    standing = Standing(State.DOWNLOADED)

    standing = LIFE.advance(standing, CheckFailed("a column is missing", cause=Cause.PLAN), NOW)

    assert (standing.state, standing.failures) == (State.DISCOVERED, 1)
    assert standing.not_before is None
    for _ in range(MAX_TRIES - 1):
        standing = LIFE.advance(standing, ExportFailed("too large", cause=Cause.PLAN), NOW)
    assert standing.state == State.QUARANTINED
