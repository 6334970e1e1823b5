"""Work that waits for the wire: beside the pool that all steps share, and like any other work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geesync.errors import Cause, RemoteError
from geesync.steps.gate import NotTriedError
from geesync.steps.step import Workshop
from geesync.store.database import open_migrating
from geesync.store.ledger import Ledger


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """A workshop whose pool is a single thread."""
    database = open_migrating(tmp_path / "geesync.db")
    with ThreadPoolExecutor(1) as pool:
        yield Workshop(Ledger(database), pool)
    database.close()


def test_what_is_on_the_wire_keeps_no_thread_of_the_pool(workshop: Workshop) -> None:
    async def other_steps_go_on(word: str) -> int:
        return workshop.pool.submit(len, word).result(timeout=30)

    answers = workshop.each_on_wire(["a", "two", "word"], other_steps_go_on, at_once=8, threads=2)

    assert sorted(answers) == [("a", 1), ("two", 3), ("word", 4)]


def test_one_surprise_stops_no_other(workshop: Workshop) -> None:
    async def surprising(number: int) -> float:
        return 1 / number

    answers = dict(workshop.each_on_wire([0, 1, 2], surprising, at_once=1))

    assert isinstance(answers[0], ZeroDivisionError)
    assert (answers[1], answers[2]) == (1, 0.5)


def test_after_a_refusal_that_concerns_all_the_rest_need_not_ask(workshop: Workshop) -> None:
    asked = []

    async def refused(number: int) -> None:
        asked.append(number)
        raise RemoteError(Cause.PERMISSION, "the key was revoked")

    answers = dict(workshop.each_on_wire(range(10), refused, at_once=1))

    assert asked == [0]
    assert all(isinstance(answers[number], NotTriedError) for number in range(1, 10))
