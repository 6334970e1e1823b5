"""Work that is handed over: beside the pool that all steps share, and like any other work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geesync.adapters.executors.executor import Results, ThreadExecutor, Work
from geesync.domain.failures.shared_failures import NotTriedError
from geesync.errors import Cause, RemoteError
from geesync.steps.step import StepContext
from geesync.store.file.database import open_migrating
from geesync.store.ledger.ledger import Ledger

LARGE = 2**30


@pytest.fixture
def context(tmp_path: Path) -> Iterator[StepContext]:
    """A context whose pool is a single thread, and which has two more for bytes."""
    database = open_migrating(tmp_path / "geesync.db")
    with ThreadPoolExecutor(1) as pool:
        yield StepContext(Ledger(database), pool, executor=ThreadExecutor(2))
    database.close()


def done(
    context: StepContext, work: Work[int, float], items: Sequence[int], size_bytes: int = LARGE
) -> dict[int, float | Exception]:
    """Return what became of items."""
    came = context.dispatch(items, work, size_bytes=lambda _: size_bytes)
    return dict(one for some in came for one in some)


def test_what_is_handed_over_keeps_no_thread_of_the_pool(context: StepContext) -> None:
    def other_steps_go_on(items: Sequence[int]) -> Iterator[Results[float]]:
        for number, item in enumerate(items):
            yield [(number, context.pool.submit(float, item).result(timeout=30))]

    assert done(context, other_steps_go_on, [1, 2, 3]) == {1: 1.0, 2: 2.0, 3: 3.0}


def test_each_of_two_has_half_of_the_large_ones_and_one_has_all_small_ones(
    context: StepContext,
) -> None:
    loads = []

    def noted(items: Sequence[int]) -> Iterator[Results[float]]:
        loads.append(len(items))
        yield [(number, 0.0) for number in range(len(items))]

    done(context, noted, range(8))
    done(context, noted, range(8), size_bytes=1)

    assert loads == [4, 4, 8]


def test_what_fails_as_a_whole_is_the_answer_of_all_that_had_none(context: StepContext) -> None:
    def surprising(_items: Sequence[int]) -> Iterator[Results[float]]:
        yield [(0, 0.5)]
        raise ZeroDivisionError

    answers = done(context, surprising, [7, 8, 9], size_bytes=1)

    assert answers[7] == 0.5
    assert isinstance(answers[8], ZeroDivisionError)
    assert isinstance(answers[9], ZeroDivisionError)


class OneByOne(ThreadExecutor):
    """Each item is a load of its own."""

    def loads(self, sizes_bytes: Sequence[int]) -> list[list[int]]:
        """Return them all."""
        return [[number] for number in range(len(sizes_bytes))]


def test_after_a_refusal_that_concerns_all_the_rest_need_not_ask(context: StepContext) -> None:
    context.executor = OneByOne()
    asked: list[int] = []

    def refused(items: Sequence[int]) -> Iterator[Results[float]]:
        asked.extend(items)
        yield [(0, RemoteError(Cause.PERMISSION, "the key was revoked"))]

    answers = done(context, refused, range(10))

    assert asked == [0]
    assert all(isinstance(answers[number], NotTriedError) for number in range(1, 10))


def test_what_the_work_itself_gave_up_after_a_refusal_was_not_tried(context: StepContext) -> None:
    def refused(_items: Sequence[int]) -> Iterator[Results[float]]:
        yield [(0, RemoteError(Cause.PERMISSION, "the key was revoked"))]

    answers = done(context, refused, [7, 8], size_bytes=1)

    assert isinstance(answers[8], NotTriedError)
    assert "the key was revoked" in str(answers[8])


def test_who_takes_no_more_answers_ends_the_work(context: StepContext) -> None:
    given = []

    def endless(_items: Sequence[int]) -> Iterator[Results[float]]:
        while True:
            given.append(1)
            yield []

    coming = context.dispatch([1], endless, size_bytes=lambda _: LARGE)
    next(coming)
    coming.close()

    assert given
