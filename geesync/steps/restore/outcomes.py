"""What the outcome of work on a restored asset means for it: the world's failures delay."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from geesync.adapters.executors.executor import plain
from geesync.domain.restore.lifecycle import RestoreDelayed, RestoreEvent, RestoreSetback
from geesync.domain.tasks.refusals import NotTriedError
from geesync.errors import WORLDLY, BugError
from geesync.logger import get_logger
from geesync.store.ledger.restores import Restored, RestoreMove

log = get_logger()

_WAIT = timedelta(minutes=1)


def restore_moves(
    outcomes: Iterable[tuple[Restored, RestoreEvent | Exception | None]],
) -> list[RestoreMove]:
    """Return the moves that outcomes mean; what was not tried, or has no news, does not move."""
    moves = []
    for asset, outcome in outcomes:
        if outcome is None or isinstance(outcome, NotTriedError):
            continue
        event = outcome if isinstance(outcome, RestoreEvent) else _failure(outcome)
        log.info(
            "restore_moved",
            target=asset.wanted.target,
            event_name=event.name,
            reason=event.reason or None,
        )
        moves.append(RestoreMove(asset, event))
    return moves


def _failure(error: Exception) -> RestoreEvent:
    """Return what a failure means: a bug of ours and the world's failures cost time only."""
    told = plain(error)
    if isinstance(told, BugError):
        log.error("bug", error=repr(error), exc_info=error)
    if isinstance(told, BugError) or told.cause in WORLDLY:
        asked = timedelta(seconds=min(told.retry_after_s or 0, 3600))
        return RestoreDelayed(str(told), cause=told.cause, wait=max(_WAIT, asked))
    return RestoreSetback(str(told), cause=told.cause)
