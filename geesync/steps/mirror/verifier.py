"""Reads every file through, compares it with Earth Engine's metadata, and gives it its name.

For each asset, in this order: its files are read; what tells of them is written; all of it gets its
name, durably; the ledger says verified. Until then a file bears a name that says it is unproved,
and under its final name it is never without its sidecars.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import ClassVar

from geesync.adapters.formats.proving import Proof, Proved, prove_all, same_bytes
from geesync.domain.assets.names import is_derived
from geesync.domain.json import Json
from geesync.domain.mirror.lifecycle import CheckFailed, CheckPassed, State
from geesync.errors import Cause, RemoteError
from geesync.steps.catalogue.document_writer import Documents, DocumentWriter
from geesync.steps.dispatch import ItemResults
from geesync.steps.mirror.proved_copy import CopyWriter, give_names
from geesync.steps.mirror.unproved_copy import UnprovedCopy, UnprovedError
from geesync.steps.step import StepContext, Tally, is_small, moves_of
from geesync.steps.tasks.planner import NOTHING, Planner
from geesync.store.copies.sidecars import Sidecars
from geesync.store.copies.staging import Staging
from geesync.store.ledger.ledger import LedgerAsset

#: So many assets are published with one another; the first of them waits no longer than this.
_GROUP = 64
_LATE_S = 5.0

#: A copy with what was written of it, or with why it is not proved.
Result = tuple[UnprovedCopy, Documents | Exception]

#: Answers that say that an asset's policy is not for us; they never hold up its proof.
_NOT_READABLE = frozenset({Cause.PERMISSION, Cause.GONE})


@dataclass
class Verifier:
    """Proves downloaded assets."""

    name: ClassVar[str] = "verifier"

    context: StepContext
    staging: Staging
    planner: Planner
    sidecars: Sidecars
    policy_of: Callable[[str], Json] | None = None  #: asks for IAM policies; None leaves them out

    def run_once(self) -> Tally:
        """Prove the next assets."""
        now = self.context.clock()
        due = self.context.ledger.due(State.DOWNLOADED, now=now, limit=self.context.chunk)
        if not due:
            self.context.executor.rest()
            return Tally()
        copies = self._copies(due)
        if any(copy.staged for copy in copies):
            self.context.executor.require()
        moved = 0
        with (
            DocumentWriter(due, self.context.mirror_trouble) as writer,
            closing(self._written(writer, copies)) as groups,
        ):
            for group in groups:
                moved += self._record(writer.publish(group, give_names))
        return Tally(moved=moved, busy=len(due) == self.context.chunk)

    def _copies(self, due: list[LedgerAsset]) -> list[UnprovedCopy]:
        sources = self.context.ledger.sources_of(due)
        plans = self.planner.known(due)
        ids = [asset.id for asset in due]
        staged, known = self.staging.staged(ids), self.sidecars.known(ids)
        policies = self._policies(due)
        return [
            UnprovedCopy(
                asset,
                sources[asset.id],
                plans[asset.id].plan if asset.id in plans else NOTHING,
                staged[asset.id],
                known[asset.id],
                policies.get(asset.id),
            )
            for asset in due
        ]

    def _policies(self, due: list[LedgerAsset]) -> dict[int, Json | str | Exception]:
        """Ask for policies by asset id; often only owners may read one: then say so, in words."""
        if (policy_of := self.policy_of) is None:
            return {}

        wanted = [asset for asset in due if not is_derived(asset.name)]

        def ask(asset: LedgerAsset) -> Json | str:
            try:
                return policy_of(asset.name)
            except RemoteError as error:
                if error.cause not in _NOT_READABLE:
                    raise
                return str(error)

        return {asset.id: policy for asset, policy in self.context.each(wanted, ask)}

    def _written(
        self, writer: DocumentWriter, copies: list[UnprovedCopy]
    ) -> Generator[list[Result]]:
        """Have all files read, and what tells of them written; yield groups, as they are ready."""
        begun = [(copy, self._begin(writer, copy)) for copy in copies]
        reading = {
            proof: copy
            for copy, error in begun
            if not error and not copy.is_read
            for proof in copy.todo
        }
        ready: list[Result] = [
            (copy, error or self._write(writer, copy))
            for copy, error in begun
            if error or copy.is_read
        ]
        since = time.monotonic()
        with closing(
            self.context.dispatch(
                list(reading), prove_all, size_bytes=lambda proof: reading[proof].size_bytes(proof)
            )
        ) as proving:
            for results in proving:
                read = self._read(reading, results)
                ready += [(copy, self._write(writer, copy)) for copy in read]
                if len(ready) >= _GROUP or (ready and time.monotonic() > since + _LATE_S):
                    yield ready
                    ready, since = [], time.monotonic()
        yield ready

    def _begin(self, writer: DocumentWriter, copy: UnprovedCopy) -> Exception | None:
        try:
            with writer.folder(copy.asset) as place:
                copy.begin(place)
                if is_small(copy.staged) and all(proof.is_of_bytes for proof in copy.todo):
                    # Sooner done than told to who works beside, and reads again what differs.
                    with suppress(RemoteError):
                        copy.found = {
                            proof: Proved(*same_bytes(place, proof)) for proof in copy.todo
                        }
        except Exception as error:  # noqa: BLE001 # one asset's surprise must not stop the others
            return error
        return None

    def _read(
        self, reading: Mapping[Proof, UnprovedCopy], results: ItemResults[Proof, Proved]
    ) -> Iterator[UnprovedCopy]:
        """Take what files showed; yield the copies of which one was the last."""
        for proof, result in results:
            copy = reading[proof]
            copy.found[proof] = result
            if copy.is_read:
                yield copy

    def _write(self, writer: DocumentWriter, copy: UnprovedCopy) -> Documents | Exception:
        """Write what is to stand beside an asset's files, if these are what they must be."""
        try:
            with writer.folder(copy.asset) as place:
                CopyWriter(self.planner).write(place, copy)
                return Documents.of(copy.asset, place)
        except Exception as error:  # noqa: BLE001 # one asset's surprise must not stop the others
            return error

    def _record(self, results: list[Result]) -> int:
        """Remember what is proved, what must be fetched again, and what must be exported again."""
        proved = [(copy, docs) for copy, docs in results if isinstance(docs, Documents)]
        self.sidecars.note_proved(
            {copy.asset.id: docs.written for copy, docs in proved},
            {copy.asset.id: copy.versions for copy, _ in proved},
        )
        self.staging.note_sums({key: sums for copy, _ in proved for key, sums in copy.sums.items()})
        self._give_up([error for _, error in results if isinstance(error, UnprovedError)])
        events = (
            (copy.asset, CheckPassed() if isinstance(result, Documents) else result)
            for copy, result in results
        )
        return self.context.record(moves_of(events, CheckFailed))

    def _give_up(self, errors: Iterable[UnprovedError]) -> None:
        now = self.context.clock()
        for error in errors:
            if error.damaged and all(file.is_staged for file in error.damaged):
                self.staging.mark("landed_at", [file.id for file in error.damaged], None)
            else:
                self.staging.disprove([(error.of_part, error)], now, found=error.found)
