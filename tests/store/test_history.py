"""The history has an end, and nothing that is needed lies beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from geesync.domain.mirror.lifecycle import (
    CheckPassed,
    DownloadFinished,
    Excluded,
    ExportsSucceeded,
    ExportStarted,
)
from geesync.domain.state_machine import Event, Refused
from geesync.errors import Cause
from geesync.steps.step import StepContext
from geesync.steps.upkeep.ledger_care import Forgetter
from geesync.store.copies.catalogue import Catalogue
from geesync.store.ledger import history
from geesync.store.ledger.history import History
from tests.store.conftest import NOW, Store, image

DONE: tuple[Event, ...] = (ExportStarted(), ExportsSucceeded(), DownloadFinished(), CheckPassed())
KEPT = 3


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forgetter(
    store: Store, pool: ThreadPoolExecutor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Forgetter:
    monkeypatch.setattr(history, "_BATCH", 2)
    return Forgetter(StepContext(store.ledger, pool, clock), History(store.database), KEPT)


def forget(forgetter: Forgetter) -> int:
    """Forget all there is to forget; returns how many passes it took."""
    passes = 1
    while forgetter.run_once().busy:
        passes += 1
    return passes


def told(store: Store, name: str) -> list[str]:
    query = "SELECT event.name FROM event JOIN asset ON asset.id = asset_id WHERE asset.name = :of"
    return [row.name for row in store.query(query, of=image(name).name)]


def test_old_events_of_assets_at_rest_are_forgotten_in_small_batches(
    store: Store, forgetter: Forgetter
) -> None:
    first, last = store.see(store.root(), image("first"), image("last"))
    store.move(first, *DONE)
    store.move(last, *DONE)

    passes = forget(forgetter)

    assert told(store, "first") == []
    assert told(store, "last") == ["ExportsSucceeded", "DownloadFinished", "CheckPassed"]
    assert passes == 5  # seven old events, two at a time, and a look that finds none


def test_what_is_on_its_way_or_quarantined_keeps_its_history(
    store: Store, forgetter: Forgetter
) -> None:
    root = store.root()
    moving, broken, left, *others = store.see(root, *(image(name) for name in "abcde"))
    store.move(moving, ExportStarted())
    store.move(broken, ExportStarted(), Refused("too many edges", cause=Cause.UNSUPPORTED))
    store.move(left, Excluded("by a pattern"))
    for other in others:
        store.move(other, *DONE)

    forget(forgetter)

    assert told(store, "a") == ["Discovered", "ExportStarted"]
    assert told(store, "b") == ["Discovered", "ExportStarted", "Refused"]
    assert told(store, "c") == []


def test_what_comes_to_rest_later_is_forgotten_in_the_next_round(
    store: Store, forgetter: Forgetter, clock: Clock
) -> None:
    slow, other = store.see(store.root(), image("slow"), image("other"))
    store.move(other, *DONE)
    forget(forgetter)
    store.move(slow, *DONE)

    forget(forgetter)
    at_once = told(store, "slow")
    clock.now += timedelta(days=1)
    forget(forgetter)

    assert "Discovered" in at_once
    assert told(store, "slow") == ["ExportsSucceeded", "DownloadFinished", "CheckPassed"]


def test_nothing_is_written_while_there_is_nothing_to_forget(
    store: Store, forgetter: Forgetter
) -> None:
    store.see(store.root(), *(image(name) for name in "abc"))
    before = store.database.data_version()

    passes = forget(forgetter)

    assert (passes, store.database.data_version()) == (1, before)


def test_the_catalogue_tells_the_same_of_an_asset_whose_history_is_forgotten(
    store: Store, forgetter: Forgetter
) -> None:
    asset, *others = store.see(store.root(), *(image(name) for name in "abc"))
    for one in (asset, *others):
        store.move(one, *DONE)
    before = Catalogue(store.database).histories([asset.id])

    forget(forgetter)

    assert told(store, "a") == []
    assert Catalogue(store.database).histories([asset.id]) == before


def test_the_totals_stay_when_their_events_are_forgotten(
    store: Store, forgetter: Forgetter
) -> None:
    for asset in store.see(store.root(), *(image(name) for name in "abc")):
        store.move(asset, *DONE)
    totals = store.query("SELECT name, label, value FROM total ORDER BY name, label")

    forget(forgetter)

    assert store.query("SELECT name, label, value FROM total ORDER BY name, label") == totals
