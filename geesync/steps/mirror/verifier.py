"""Reads every file through, compares it with Earth Engine's metadata, and gives it its name.

Until then a file bears a name that says it is unproved. Sidecars are written first, so that a file
under its final name is never without them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar

from pydantic_core import to_json

from geesync.adapters.formats.proving import Proof, Proved, prove_all
from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.landing import unproved
from geesync.adapters.mirror_files.versions import kept_versions, set_aside
from geesync.domain.assets.names import is_derived
from geesync.domain.json import Json
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.layout import (
    ASSET_JSON,
    GEESYNC_JSON,
    IAM_JSON,
    file_stem,
    is_unfinished,
)
from geesync.domain.mirror.lifecycle import CheckFailed, CheckPassed, State
from geesync.domain.mirror.sidecar import TakenFile, TakenPart, sidecar
from geesync.domain.stac import links as stac_links
from geesync.errors import Cause, RemoteError
from geesync.steps.catalogue.document_writer import Documents, DocumentWriter
from geesync.steps.dispatch import ItemResults
from geesync.steps.mirror.derived_files import make
from geesync.steps.mirror.overwrite_guard import claim
from geesync.steps.mirror.unproved_copy import UnprovedCopy, UnprovedError, name_now
from geesync.steps.step import Tally, Workshop, moves_of
from geesync.steps.tasks.planner import NOTHING, Planner
from geesync.store.copies.sidecars import Sidecars
from geesync.store.copies.staging import Staged, Staging
from geesync.store.ledger.ledger import LedgerAsset

#: So many assets are published with one another; the first of them waits no longer than this.
_GROUP = 64
_LATE_S = 5.0

Outcome = tuple[UnprovedCopy, Documents | Exception]

#: Answers that say that an asset's policy is not for us; they never hold up its proof.
_NOT_READABLE = frozenset({Cause.PERMISSION, Cause.GONE})


@dataclass
class Verifier:
    """Proves downloaded assets."""

    name: ClassVar[str] = "verifier"

    workshop: Workshop
    staging: Staging
    planner: Planner
    sidecars: Sidecars
    policy_of: Callable[[str], Json] | None = None  #: asks for IAM policies; None leaves them out

    def run_once(self) -> Tally:
        """Prove the next assets."""
        now = self.workshop.clock()
        due = self.workshop.ledger.due(State.DOWNLOADED, now=now, limit=self.workshop.chunk)
        if not due:
            self.workshop.executor.rest()
            return Tally()
        sources = self.workshop.ledger.sources_of(due)
        plans = self.planner.known(due)
        ids = [asset.id for asset in due]
        staged, known = self.staging.staged(ids), self.sidecars.known(ids)
        if any(staged.values()):
            self.workshop.executor.require()
        policies = self._policies(due)
        candidates = [
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
        moved = 0
        with (
            DocumentWriter(due, self.workshop.mirror_trouble) as drafting,
            closing(self._drafted(drafting, candidates)) as coming,
        ):
            for drafted in coming:
                moved += self._conclude(drafting.publish(drafted, _give_names))
        return Tally(moved=moved, busy=len(due) == self.workshop.chunk)

    def _conclude(self, outcomes: list[Outcome]) -> int:
        """Remember what is proved, what must be fetched again, and what must be exported again."""
        proved = [(one, told) for one, told in outcomes if isinstance(told, Documents)]
        self.sidecars.note_proved(
            {one.asset.id: told.written for one, told in proved},
            {one.asset.id: one.versions for one, _ in proved},
        )
        self.staging.note_sums({key: sums for one, _ in proved for key, sums in one.sums.items()})
        self._give_up([told for _, told in outcomes if isinstance(told, UnprovedError)])
        events = (
            (one.asset, CheckPassed() if isinstance(told, Documents) else told)
            for one, told in outcomes
        )
        return self.workshop.record(moves_of(events, CheckFailed))

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

        return {asset.id: policy for asset, policy in self.workshop.each(wanted, ask)}

    def _give_up(self, errors: Iterable[UnprovedError]) -> None:
        now = self.workshop.clock()
        for error in errors:
            if error.damaged and all(one.is_staged for one in error.damaged):
                self.staging.mark("landed_at", [one.id for one in error.damaged], None)
            else:
                self.staging.disprove([(error.of_part, error)], now, found=error.found)

    def _drafted(
        self, drafting: DocumentWriter, candidates: list[UnprovedCopy]
    ) -> Generator[list[Outcome]]:
        """Have all files read through; yield what is to stand beside those of an asset, or why not.

        Some assets at a time, those that were read meanwhile.
        """
        begun = [(one, self._begin(drafting, one)) for one in candidates]
        reading = {proof: one for one, error in begun if not error for proof in one.todo}
        ready = [
            (one, error or self._draft(drafting, one))
            for one, error in begun
            if error or not one.todo
        ]
        since = time.monotonic()
        with closing(
            self.workshop.dispatch(
                list(reading), prove_all, size_bytes=lambda one: reading[one].size_bytes(one)
            )
        ) as proving:
            for told in proving:
                ready += self._read(drafting, reading, told)
                if len(ready) >= _GROUP or (ready and time.monotonic() > since + _LATE_S):
                    yield ready
                    ready, since = [], time.monotonic()
        yield ready

    def _read(
        self,
        drafting: DocumentWriter,
        reading: Mapping[Proof, UnprovedCopy],
        told: ItemResults[Proof, Proved],
    ) -> Iterator[Outcome]:
        """Take what files showed; yield the assets of which it was the last one."""
        for proof, answer in told:
            one = reading[proof]
            one.found[proof] = answer
            if one.is_read:
                yield one, self._draft(drafting, one)

    def _begin(self, drafting: DocumentWriter, one: UnprovedCopy) -> Exception | None:
        try:
            with drafting.folder(one.asset) as place:
                one.begin(place)
        except Exception as error:  # noqa: BLE001 # one asset's surprise must not stop the others
            return error
        return None

    def _draft(self, drafting: DocumentWriter, one: UnprovedCopy) -> Documents | Exception:
        """Write what is to stand beside an asset's files, if these are what they must be."""
        try:
            return self._write(drafting, one)
        except Exception as error:  # noqa: BLE001 # one asset's surprise must not stop the others
            return error

    def _write(self, drafting: DocumentWriter, one: UnprovedCopy) -> Documents:
        with drafting.folder(one.asset) as place:
            table = one.table(place)
            claim(place, one.asset.name, one.known, one.staged)
            self._set_aside(place, one)
            self._remove_strange(place, one)
            one.versions = kept_versions(place) if one.was_proved else []
            taken = self._taken(one)
            made = self._make(place, one, taken, table)
            _draft(place, ASSET_JSON, one.source.json)
            _draft(place, GEESYNC_JSON, sidecar(one.source, one.plan, taken, made, table))
            assert not isinstance(one.policy, Exception)  # it did not begin with one
            _draft_policy(place, one.policy)
            return Documents.of(one.asset, place)

    def _set_aside(self, place: Folder, job: UnprovedCopy) -> None:
        set_aside(
            place,
            job.source.revision,
            names={one.file for one in job.staged},
            there={one.file for one in job.staged if name_now(place, one) == one.file},
            keep=self.planner.chosen(job.asset).keep_versions,
        )

    def _remove_strange(self, place: Folder, job: UnprovedCopy) -> None:
        """Remove what we wrote into the catalogue for an asset of another type of this name."""
        strange = stac_links.strange_documents(job.source.type, (one.name for one in job.known))
        for one in job.known:
            if one.name in strange and place.size_of(one.name) == one.size_bytes:
                place.remove(one.name)

    def _make(
        self, place: Folder, job: UnprovedCopy, taken: list[TakenPart], table: Json | None
    ) -> list[KeptFile]:
        files = {one.file: one for one in job.staged}
        return make(
            place,
            taken,
            self.planner.chosen(job.asset),
            table=table,
            stem=lambda key: file_stem(job.asset.path, key),
            present=lambda file: name_now(place, files[file]),
        )

    def _taken(self, job: UnprovedCopy) -> list[TakenPart]:
        return [self._taken_part(files) for files in job.parts().values()]

    def _taken_part(self, files: list[Staged]) -> TakenPart:
        task = files[0].task
        taken = tuple(TakenFile(one.file, one.obj) for one in files)
        if task is None:
            return TakenPart(part=files[0].part, files=taken, **files[0].origin)
        return TakenPart(
            part=files[0].part,
            attempt=task.attempt,
            operation=task.operation or "",
            bucket=task.destination.place,
            request=self.planner.request(task),
            files=taken,
        )


def _draft(place: Folder, name: str, document: Json) -> None:
    place.draft(name, to_json(document, indent=2, inf_nan_mode="constants"))


def _draft_policy(place: Folder, policy: Json | str | None) -> None:
    if isinstance(policy, str) and place.size_of(IAM_JSON) is not None:
        place.keep(IAM_JSON)  # what could be read once is worth more
    elif policy is not None:
        told = {"not_readable": policy} if isinstance(policy, str) else policy
        _draft(place, IAM_JSON, told)


def _give_names(job: UnprovedCopy, place: Folder) -> None:
    """Give proved files their names, beside the documents that have theirs."""
    for one in job.staged:
        name = unproved(one.file, one.token)
        if place.size_of(name) is not None:
            place.claim(KeptFile(one.file, one.obj.size_bytes, one.obj.crc32c))
            place.rename(name, one.file)
    if job.staged:
        _clear(place)


def _clear(place: Folder) -> None:
    """Remove what exports that were given up left on their way; all that counts has its name."""
    for name in place.names():
        if is_unfinished(name):
            place.remove(name)
