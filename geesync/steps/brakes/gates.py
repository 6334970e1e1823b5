"""The gates of work that goes to several stores, or comes from them: one for each.

A bucket that is refused, or a Drive that is full, holds nothing that goes elsewhere. Only what is
refused to the account or project closes all gates; each is probed, and opens, by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from geesync.domain.failures.shared_failures import UNKNOWN, SharedFailures, Tried, concerns_all
from geesync.domain.tasks.lifecycle import SubjectKind, store_name
from geesync.errors import Cause
from geesync.steps.brakes.gate import Gate
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.ledger.roots import Roots
from geesync.store.tasks.task_rows import Task

#: What nobody knows of how a task ended, and of a download.
_UNKNOWN_ENDINGS = {Cause.FAILED, Cause.TRANSIENT}
_UNKNOWN_DOWNLOADS = {*UNKNOWN, Cause.INTEGRITY, Cause.GONE, Cause.UNSUPPORTED}


Item = TypeVar("Item")


@dataclass(frozen=True)
class Halt:
    """Why a store takes or gives nothing."""

    work: str
    store: str  #: as people call it
    reason: str

    def __str__(self) -> str:
        return f"{self.store}: {self.reason}"


class Find(Protocol):
    """Looks for assets that are due."""

    def __call__(
        self, *, limit: int, of: Collection[str] = (), not_of: Collection[str] = ()
    ) -> list[LedgerAsset]:
        """Return so many; of, not_of: stores."""


@dataclass
class Gates:
    """One class of work."""

    work: str  #: its name in the log
    clock: Callable[[], datetime]
    memory: Roots
    #: Those that are known; the first one's gate has the name that there was when one was for all.
    stores: Sequence[str]
    calls: Collection[Cause]  #: of failures that may be the world's
    endings: Collection[Cause] = ()
    #: Whether a task for a store runs that was asked for since then: a probe.
    is_running_since: Callable[[datetime, str], bool] = lambda *_: False
    is_used: Callable[[str], bool] = lambda _: True  #: whether anything is to go to a store
    _gates: dict[str, Gate] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for store in self.stores:
            self.at(store)

    def at(self, store: str) -> Gate:
        """Return the gate of a store, as it was left."""
        if store not in self._gates:
            work = self.work if store == self.stores[0] else f"{self.work}:{store}"
            judges = SharedFailures(self.calls), SharedFailures(self.endings)
            gate = Gate(work, self.clock, self.memory, *judges)
            for other in self._gates.values():
                _spread(other, gate)
            self._gates[store] = gate
        return self._gates[store]

    def halts(self) -> list[Halt]:
        """Return what is halted."""
        return [
            Halt(self.work, store_name(store), self._gates[store].reason) for store in self.closed()
        ]

    def reasons(self) -> list[str]:
        """Return what is halted, and why, for people."""
        return list(map(str, self.halts()))

    def closed(self, *, lasting: bool = False) -> list[str]:
        """Return the stores that are halted; lasting: for minutes."""
        return [
            store for store, gate in self._gates.items() if (gate.lasts if lasting else gate.reason)
        ]

    def room(self, store: str, most: int) -> int:
        """Return how many may be tried now: as many as asked, one as a probe, or none."""
        gate = self.at(store)
        if (since := gate.waits_for) and self.is_running_since(since, store):
            return 0  # the probe
        return gate.room(most)

    def due(self, most: int, find: Find) -> list[LedgerAsset]:
        """Return what may be tried: as many as asked where nothing is halted, and the probes."""
        closed = self.closed()
        found = find(limit=most, not_of=closed)
        for store in closed:
            if self.room(store, 1):
                probe = find(limit=1, of=[store])
                if not probe and not self.is_used(store):
                    self.at(store).open()
                found += probe
        return found

    def let_through(self, found: Iterable[Item], store_of: Callable[[Item], str]) -> list[Item]:
        """Return of what was found, before it was known where it goes, what may be tried now."""
        probes = {store: self.room(store, 1) for store in self.closed()}
        through = []
        for item in found:
            store = store_of(item)
            if probes.get(store, 1):
                through.append(item)
            if store in probes:
                probes[store] = 0
        return through

    def judge(self, tried: Sequence[Tried]) -> list[object]:
        """Return the answers to what was tried; see ``Gate.judge``."""
        return self._each(tried, Gate.judge)

    def learn(self, answers: Iterable[tuple[str, object]]) -> None:
        """Learn from what was tried, each with its store; see ``Gate.learn``."""
        by_store: dict[str, list[object]] = defaultdict(list)
        for store, answer in answers:
            by_store[store].append(answer)
        for store, own in by_store.items():
            with self._learning(store) as gate:
                gate.learn(own)

    def learn_endings(self, ended: Sequence[Tried]) -> list[object]:
        """Learn how tasks ended; see ``Gate.learn_endings``."""
        return self._each(ended, Gate.learn_endings)

    def wronged_assets(self) -> set[int]:
        """Return the assets that were blamed for what was the world's, since the last call."""
        return {asset_id for gate in self._gates.values() for asset_id in gate.wronged_assets()}

    def _each(
        self, tried: Sequence[Tried], learn: Callable[[Gate, Collection[Tried]], list[object]]
    ) -> list[object]:
        answers: dict[int, object] = {}
        for store in dict.fromkeys(attempt.store for attempt in tried):
            numbers = [number for number, attempt in enumerate(tried) if attempt.store == store]
            with self._learning(store) as gate:
                own = learn(gate, [tried[number] for number in numbers])
            answers |= dict(zip(numbers, own, strict=True))
        return [answers[number] for number in range(len(tried))]

    @contextmanager
    def _learning(self, store: str) -> Iterator[Gate]:
        """Have what closes one gate close the others, if it concerns all.

        Not again and again: another that was probed since, and opened, knows better.
        """
        gate = self.at(store)
        was_open = not gate.reason
        yield gate
        for other in self._gates.values() if was_open else ():
            _spread(gate, other)


def _spread(gate: Gate, other: Gate) -> None:
    """Close a gate, if it is open, for what closed another, if that concerns all."""
    if gate.refusal and not other.refusal and concerns_all(gate.refusal):
        other.close(gate.refusal, by_ending=gate.by_ending)


def tried(task: Task, answer: object) -> Tried:
    """Return what came of a task, or of the call for it."""
    to = task.destination
    asset_id, place = task.subject.id, to.place
    if task.subject.kind != SubjectKind.ASSET:
        asset_id, place = -asset_id, task.kind
    return Tried(asset_id, task.subject.name, place, answer, to.store, task.intended_at)


def gates_of_exports(
    clock: Callable[[], datetime],
    memory: Roots,
    stores: Sequence[str],
    is_used: Callable[[str], bool],
    is_running_since: Callable[[datetime, str], bool],
) -> Gates:
    """Return the gates of all that needs a task; stores: that are known, the usual one first."""
    judged = UNKNOWN, _UNKNOWN_ENDINGS
    return Gates("exports", clock, memory, stores, *judged, is_running_since, is_used)


def gates_of_downloads(
    clock: Callable[[], datetime],
    memory: Roots,
    stores: Sequence[str],
    is_used: Callable[[str], bool] = lambda _: True,
) -> Gates:
    """Return the gates of what is downloaded; stores: as for exports."""
    return Gates("downloads", clock, memory, stores, _UNKNOWN_DOWNLOADS, is_used=is_used)
