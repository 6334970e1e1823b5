"""The shape that all steps share: take assets of one state, report what happened to each.

A step never sets a state, sleeps or schedules, and is safe to repeat at any moment.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from geesync.adapters.executors.executor import (
    SMALL_BYTES,
    Answer,
    ByteExecutor,
    Item,
    ThreadExecutor,
    Work,
    plain,
)
from geesync.adapters.mirror_files.mirror import unmarked
from geesync.domain.failures.shared_failures import Calls, NotTriedError, stopped
from geesync.domain.mirror.lifecycle import ON_ITS_WAY, State
from geesync.domain.state_machine import Delayed, Event, Excused, Setback
from geesync.errors import WORLDLY, Cause, LedgerError
from geesync.logger import get_logger
from geesync.steps.dispatch import Dispatch, ItemResults
from geesync.store.copies.staging import Staged
from geesync.store.ledger.ledger import Ledger, LedgerAsset, Move
from geesync.store.making.making import AnyToMake, Making, MakingMove

log = get_logger()

Clock = Callable[[], datetime]
#: How long an asset waits after the world's failure, before it is looked at again.
_WAITS = {
    Cause.QUEUE_FULL: timedelta(minutes=1),
    Cause.OVER_QUOTA: timedelta(minutes=30),
    Cause.DRIVE_FULL: timedelta(minutes=10),
    Cause.MAYBE_STARTED: timedelta(seconds=30),
    Cause.PERMISSION: timedelta(minutes=10),
    Cause.DISK: timedelta(minutes=1),
    Cause.FOREIGN: timedelta(minutes=10),
    Cause.BUG: timedelta(hours=1),  # till then nobody has mended it
}
_SHORT_WAIT = timedelta(seconds=30)

#: Between two looks for an asset that Earth Engine did not find: the scan decides what is true.
UNSEEN_WAIT = timedelta(hours=1)

#: Where an asset may stand some time after a failure of its own.
_EXCUSABLE = (State.DISCOVERED, State.EXPORTING, State.IN_BUCKET)


def utc_now() -> datetime:
    """Return the time; the only clock of a step outside tests."""
    return datetime.now(UTC)


@dataclass
class Tally:
    """What one pass of a step did."""

    moved: int = 0  #: assets that changed, or objects that were deleted
    busy: bool = False  #: there is more to do at once
    waiting: str = ""  #: the brake that held the pass back, for people


class Step(Protocol):
    """One kind of work; the daemon runs one pass after another, never two at a time."""

    context: StepContext

    @property
    def name(self) -> str:
        """Its name in logs and schedules."""

    def run_once(self) -> Tally:
        """Do one chunk of what is due."""


@dataclass
class StepContext:
    """What a step works with; each step has its own, so that its signs of life are its own."""

    ledger: Ledger
    pool: Executor
    clock: Clock = utc_now
    chunk: int = 250  #: assets of one pass, and of one transaction
    stopping: Callable[[], bool] = field(default=lambda: False)
    executor: ByteExecutor = field(default_factory=ThreadExecutor)  #: who moves and reads bytes
    mirror_trouble: Callable[[str], str] = unmarked
    """Returns why a folder is not the mirror that the ledger knows."""
    beaten_at: float = field(default_factory=time.monotonic, init=False)  #: last sign of life

    def beat(self) -> None:
        """Give a sign of life: something came, was written, or was decided."""
        self.beaten_at = time.monotonic()

    def keep_on(self) -> bool:
        """Asked between two pieces of long work: give a sign of life; False if it is to end."""
        self.beat()
        return not self.stopping()

    def check_stop(self) -> None:
        """Give a sign of life; raise RemoteError if the work is to end."""
        if not self.keep_on():
            raise stopped()

    def each(
        self,
        items: Iterable[Item],
        work: Callable[[Item], Answer],
        *,
        is_little: Callable[[Item], bool] = lambda _: False,
        unknown_too: bool = False,
        apart: Callable[[Item], str] = lambda _: "",
    ) -> list[tuple[Item, Answer | Exception]]:
        """Do the work for all items at once; an exception is an answer too.

        is_little: whether it is only some of Python's time, which threads of the pool would take
        from one another: it is done by the one that asks. Answers come in no order then.
        After a refusal that concerns all, or in an outage, the rest are answered NotTriedError.
        unknown_too: what no rule knows may be an outage, too. apart: whom an item asks, whose
        refusals concern nobody else.
        """
        items = list(items)
        calls = {whom: Calls(unknown_too=unknown_too) for whom in map(apart, items)}

        def attempt(item: Item) -> tuple[Item, Answer | Exception]:
            own = calls[apart(item)]
            if refusal := own.refusal() if self.keep_on() else stopped():
                return item, refusal
            answer: Answer | Exception
            try:
                answer = work(item)
            except Exception as error:  # noqa: BLE001 # one asset's surprise must not stop the others
                answer = error
            own.note(answer)
            self.beat()
            return item, answer

        little: list[Item] = []
        large: list[Item] = []
        for item in items:
            (little if is_little(item) else large).append(item)
        in_pool = self.pool.map(attempt, large)
        return [*map(attempt, little), *in_pool]

    def dispatch(
        self,
        items: Sequence[Item],
        work: Work[Item, Answer],
        *,
        size_bytes: Callable[[Item], int],
        at_once: int = sys.maxsize,
    ) -> Generator[ItemResults[Item, Answer]]:
        """Have work on bytes done by the executor; yield as ``Dispatch.answers`` does."""
        dispatch = Dispatch(self.executor, work, items, self.keep_on, at_once)
        return dispatch.answers([size_bytes(item) for item in items])

    def excuse(self, asset_ids: Collection[int]) -> int:
        """Make amends to assets that were blamed for what turned out to be the world's."""
        wronged = [
            asset
            for asset in (self.ledger.assets(asset_ids) if asset_ids else ())
            if asset.standing.failures
            and asset.standing.cause not in WORLDLY
            and asset.standing.state in _EXCUSABLE
        ]
        return self.record([Move(asset, Excused()) for asset in wronged])

    def record(self, moves: list[Move]) -> int:
        """Record moves and log them; return how many assets moved."""
        if self.stopping():
            # What is held up because we stop has met no failure: it goes on at the next start.
            moves = [move for move in moves if not isinstance(move.event, Delayed)]
        moved = self.ledger.record(moves, self.clock())
        bound_log = log.bind()  # once: the proxy would look its configuration up for each line
        for move in moves:
            fields = {
                "asset": move.asset.name,
                "event_name": move.event.name,
                "reason": move.event.reason or None,
            }
            if isinstance(move.event, ON_ITS_WAY) and not move.event.reason:
                bound_log.debug("asset_moved", **fields)  # info has that it is proved
            else:
                bound_log.info("asset_moved", **fields)
        return moved


def is_small(staged: Iterable[Staged]) -> bool:
    """Whether files are read faster than others can take Python from one another."""
    return sum(file.obj.size_bytes for file in staged) <= SMALL_BYTES


def event_of(error: Exception, setback: type[Setback]) -> Event:
    """Return what a failure means: the world's delays, the asset's own sets it back.

    An exception that is nobody's word is our own bug: it delays, loudly, and is never counted.
    """
    if isinstance(error, LedgerError):
        raise error  # nothing is to be remembered in it
    remote = plain(error)
    if remote is not error and remote.cause == Cause.BUG:
        log.error("bug", error=repr(error), exc_info=error)
    if not remote.costs_time_only:
        return setback(str(remote), cause=remote.cause)
    wait = _WAITS.get(remote.cause, _SHORT_WAIT)
    asked = timedelta(seconds=remote.retry_after_s or 0)
    return Delayed(str(remote), cause=remote.cause, wait=max(wait, asked))


def delay_of(error: Exception, wait: timedelta) -> Event:
    """Return what a failure means that is never the asset's own; wait: where no other is known."""
    event = event_of(error, Setback)
    if isinstance(event, Setback):
        return Delayed(event.reason, cause=event.cause, wait=wait)
    return event


def unseen(error: Exception) -> Event:
    """Return what it means for an asset that Earth Engine did not find it."""
    return Delayed(str(error), cause=Cause.GONE, wait=UNSEEN_WAIT)


def moves_of(
    outcomes: Iterable[tuple[LedgerAsset, Event | Exception]], setback: type[Setback]
) -> list[Move]:
    """Return the moves that outcomes mean; what was not tried does not move."""
    return [
        Move(asset, outcome if isinstance(outcome, Event) else event_of(outcome, setback))
        for asset, outcome in outcomes
        if not isinstance(outcome, NotTriedError)
    ]


def record_outcomes(
    context: StepContext,
    making: Making[AnyToMake, Any],
    outcomes: Iterable[tuple[AnyToMake, Event | Exception | None]],
) -> int:
    """Move assets as the outcomes of work on them mean; return how many.

    What was not tried, or has no news, does not move.
    """
    moves = []
    for asset, outcome in outcomes:
        if outcome is None or isinstance(outcome, NotTriedError):
            continue
        event = outcome if isinstance(outcome, Event) else event_of(outcome, Setback)
        log.info(
            "target_moved",
            target=asset.target,
            kind=making.kind,
            event_name=event.name,
            reason=event.reason or None,
        )
        moves.append(MakingMove(asset, event))
    return making.record(moves, context.clock())
