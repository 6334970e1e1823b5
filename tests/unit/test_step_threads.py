"""Steps at work side by side: whom they wake, when they rest, and what ends them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from geesync.errors import LedgerError
from geesync.step_threads import run_until_quiet
from geesync.steps.step import StepContext, Tally
from geesync.store.file.database import open_migrating
from geesync.store.ledger.ledger import Ledger

PATIENCE_S = 60.0


@dataclass
class Told:
    """A step that does what it is told."""

    name: str
    context: StepContext
    work: Callable[[], Tally]

    def run_once(self) -> Tally:
        return self.work()


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    database = open_migrating(tmp_path / "ledger.db")
    return StepContext(Ledger(database), ThreadPoolExecutor(1))


def quiet(*steps: Told, stop: threading.Event | None = None) -> bool:
    return run_until_quiet(
        steps, stop=stop or threading.Event(), poll_s=0.01, is_done=lambda _: True
    )


def test_a_step_that_waits_holds_up_no_other(context: StepContext) -> None:
    exported, downloaded = threading.Event(), threading.Event()

    def download() -> Tally:
        if exported.wait(PATIENCE_S):
            downloaded.set()
        return Tally()

    def export() -> Tally:
        exported.set()
        return Tally()

    assert quiet(Told("downloader", context, download), Told("exporter", context, export))

    assert downloaded.is_set()


def test_nothing_is_over_while_a_step_has_made_work_for_another(context: StepContext) -> None:
    left, done = [3, 2, 1], []

    def download() -> Tally:
        return Tally(moved=bool(left), busy=bool(left and left.pop()))

    def verify() -> Tally:
        done.append(len(left))
        return Tally()

    quiet(Told("verifier", context, verify), Told("downloader", context, download))

    assert done[-1] == 0


def test_a_stop_ends_the_run_before_it_is_over(context: StepContext) -> None:
    stop = threading.Event()

    def asked_to_stop() -> Tally:
        stop.set()
        return Tally(busy=True)

    assert not quiet(Told("exporter", context, asked_to_stop), stop=stop)


def test_a_ledger_that_is_lost_ends_all_steps_with_its_error(context: StepContext) -> None:
    def write() -> Tally:
        raise LedgerError("the ledger is gone")

    with pytest.raises(LedgerError, match="gone"):
        quiet(
            Told("exporter", context, write),
            Told("downloader", context, lambda: Tally(busy=True)),
        )
