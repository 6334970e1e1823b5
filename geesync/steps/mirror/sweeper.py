"""Deletes staged objects whose copy is proved: by generation, and only of verified assets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

from geesync.adapters.storage.bucket import DELETED_AT_ONCE
from geesync.adapters.storage.stores import Stores
from geesync.domain.failures.shared_failures import NotTriedError
from geesync.domain.messages.words import counted
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.tasks.exports import Way
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import StepContext, Tally
from geesync.store.copies.staging import Staged, Staging

log = get_logger()

#: Between two looks for what ended exports left behind; an object that could not be deleted (a
#: hold, a retention policy) rests as long, so that it does not stand before the others.
_LEFTOVERS_EVERY = timedelta(hours=1)

#: What to do about what is left.
_MAY_NOT = "let geesync list and delete there (real-account.md), or set storage.sweep = false"
_LATER = "geesync sync --once tries again"

#: Tokens that are looked up in one question.
_TOKENS = 500


@dataclass
class Sweeper:
    """Empties the staging folder behind the verifier."""

    name: ClassVar[str] = "sweeper"

    context: StepContext
    stores: Stores
    staging: Staging
    prefix: str  #: the folder of the bucket below which everything is ours
    ways: Collection[Way]  #: of what is swept; what came by another is left
    _held: set[int] = field(default_factory=set, init=False)
    _leftovers_at: datetime | None = field(default=None, init=False)

    def run_once(self) -> Tally:
        """Delete the next staged objects; what is not there any more counts as deleted."""
        due = self.staging.sweepable(limit=self.context.chunk, ways=self.ways, held=self._held)
        refused = self._sweep(due)
        self._held |= {
            key
            for key, error in refused.items()
            if not isinstance(error, NotTriedError) and _cause(error) != Cause.TRANSIENT
        }
        swept = len(due) - len(refused)
        now = self.context.clock()
        if not due and (self._leftovers_at is None or now >= self._leftovers_at):
            self._leftovers_at = now + _LEFTOVERS_EVERY
            self._held.clear()
            self.sweep_leftovers()
        return Tally(moved=swept, busy=swept == self.context.chunk)

    def finish(self) -> str:
        """Sweep all once more, as nobody comes later; return what is left, and what to do."""
        due = self.staging.sweepable(limit=None, ways=self.ways)
        refused = list(self._sweep(due).values())
        more, unlisted = self.sweep_leftovers()
        refused += more
        what = [f"{counted(len(refused), 'object')} left in the bucket"] if refused else []
        what += [f"{place} not looked into" for place in unlisted]
        if not what:
            return ""
        why = [*refused, *unlisted.values()][0]
        is_refused = _cause(why) == Cause.PERMISSION
        return f"{', '.join(what)} ({why}): {_MAY_NOT if is_refused else _LATER}"

    def _sweep(self, due: Sequence[Staged]) -> dict[int, Exception]:
        """Delete objects; return why some were not, by id."""
        refused: dict[int, Exception] = {}
        by_bucket: dict[str, dict[StoredObject, int]] = {}
        for staged in due:
            by_bucket.setdefault(staged.bucket, {})[staged.obj] = staged.id
        for bucket, ids in by_bucket.items():
            for obj, answer in self._delete(bucket, list(ids)):
                if isinstance(answer, Exception):
                    refused[ids[obj]] = answer
                    if not isinstance(answer, NotTriedError):
                        log.warning("object_not_deleted", object=obj.name, error=str(answer))
        swept = [staged.id for staged in due if staged.id not in refused]
        self.staging.mark("swept_at", swept, self.context.clock())
        return refused

    def _delete(
        self, bucket: str, objects: Sequence[StoredObject]
    ) -> Iterator[tuple[StoredObject, bool | Exception]]:
        """Yield what became of each object; a request that failed failed for all of its own."""
        batches = [
            objects[first : first + DELETED_AT_ONCE]
            for first in range(0, len(objects), DELETED_AT_ONCE)
        ]
        for batch, answers in self.context.each(batches, partial(self._ask, bucket)):
            if isinstance(answers, Exception):
                yield from ((obj, answers) for obj in batch)
            else:
                yield from zip(batch, answers, strict=True)

    def _ask(self, bucket: str, batch: Sequence[StoredObject]) -> list[bool | RemoteError]:
        """Delete a batch; what is refused to all of it concerns the others, too."""
        answers = self.stores.at(bucket).delete(bucket, batch)
        refusals = [answer for answer in answers if isinstance(answer, RemoteError)]
        if len(refusals) == len(batch):
            raise refusals[0]
        return answers

    def sweep_leftovers(self) -> tuple[list[Exception], dict[str, RemoteError]]:
        """Delete what exports of ours left that can serve nobody any more.

        Returns why objects were not, and why places could not be listed.
        """
        self.staging.give_up_cancelled(self.context.clock())
        refused: list[Exception] = []
        unlisted: dict[str, RemoteError] = {}
        for bucket in self.staging.places(self.ways):
            try:
                listed = self.stores.at(bucket).list_objects(bucket, f"{self.prefix}/")
            except RemoteError as error:
                log.warning("bucket_not_listed", bucket=bucket, error=str(error))
                unlisted[bucket] = error
                continue
            for obj, answer in self._delete(bucket, list(self._leftovers(listed))):
                refusal = answer if isinstance(answer, Exception) else None
                log.info("leftover_swept", object=obj.name, error=refusal and str(refusal))
                refused += [refusal] if refusal else []
        return refused, unlisted

    def _leftovers(self, listed: Iterable[StoredObject]) -> Iterable[StoredObject]:
        by_token: dict[str, list[StoredObject]] = {}
        for obj in listed:
            by_token.setdefault(obj.name.split("/")[1], []).append(obj)
        tokens = list(by_token)
        for first in range(0, len(tokens), _TOKENS):
            for token in self.staging.superseded(tokens[first : first + _TOKENS]):
                yield from by_token[token]


def _cause(error: Exception) -> Cause | None:
    return error.cause if isinstance(error, RemoteError) else None
