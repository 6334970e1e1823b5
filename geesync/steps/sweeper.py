"""Deletes staged objects whose copy is proved: by generation, and only of verified assets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

import structlog

from geesync.adapters.bucket import Storage
from geesync.domain.coverage import StoredObject
from geesync.errors import RemoteError
from geesync.steps.gate import NotTriedError
from geesync.steps.step import Tally, Workshop
from geesync.store.staging import Staged, Staging

log = structlog.get_logger()

#: Between two looks for what ended exports left behind; an object that could not be deleted (a
#: hold, a retention policy) rests as long, so that it does not stand before the others.
_LEFTOVERS_EVERY = timedelta(hours=1)

#: Tokens that are looked up in one question.
_TOKENS = 500


@dataclass
class Sweeper:
    """Empties the staging folder behind the verifier."""

    name: ClassVar[str] = "sweeper"

    workshop: Workshop
    storage: Storage
    staging: Staging
    prefix: str  #: the folder of the bucket below which everything is ours
    _held: set[int] = field(default_factory=set, init=False)
    _leftovers_at: datetime | None = field(default=None, init=False)

    def run_once(self) -> Tally:
        """Delete the next staged objects; what is not there any more counts as deleted."""
        due = self.staging.sweepable(limit=self.workshop.chunk, held=self._held)
        swept = []
        for staged, answer in self.workshop.each(due, self._delete):
            if not isinstance(answer, Exception):
                swept.append(staged.id)
            elif not isinstance(answer, NotTriedError):
                log.warning("object_not_deleted", object=staged.obj.name, error=str(answer))
                self._held.add(staged.id)
        self.staging.mark("swept_at", swept, self.workshop.clock())
        now = self.workshop.clock()
        if not due and (self._leftovers_at is None or now >= self._leftovers_at):
            self._leftovers_at = now + _LEFTOVERS_EVERY
            self._held.clear()
            self._sweep_leftovers()
        return Tally(moved=len(swept), busy=len(swept) == self.workshop.chunk)

    def _delete(self, staged: Staged) -> bool:
        return self.storage.delete(staged.export.bucket, staged.obj)

    def _sweep_leftovers(self) -> None:
        """Delete what failed or abandoned exports of ours left of assets that are verified now."""
        for bucket in self.staging.buckets():
            try:
                listed = self.storage.list_objects(bucket, f"{self.prefix}/")
            except RemoteError as error:
                log.warning("bucket_not_listed", bucket=bucket, error=str(error))
                continue
            delete = partial(self.storage.delete, bucket)
            for obj, answer in self.workshop.each(self._leftovers(listed), delete):
                log.info("leftover_swept", object=obj.name, error=_told(answer))

    def _leftovers(self, listed: Iterable[StoredObject]) -> Iterable[StoredObject]:
        by_token: dict[str, list[StoredObject]] = {}
        for obj in listed:
            by_token.setdefault(obj.name.split("/")[1], []).append(obj)
        tokens = list(by_token)
        for first in range(0, len(tokens), _TOKENS):
            for token in self.staging.superseded(tokens[first : first + _TOKENS]):
                yield from by_token[token]


def _told(answer: object) -> str | None:
    return str(answer) if isinstance(answer, Exception) else None
