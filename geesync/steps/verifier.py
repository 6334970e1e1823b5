"""Reads every file through, compares it with Earth Engine's metadata, and gives it its name.

Until then a file bears a name that says it is unproved. Sidecars are written first, so that a file
under its final name is never without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pydantic_core import to_json

from geesync.adapters import tables
from geesync.adapters.disk import Folder
from geesync.adapters.landing import unproved
from geesync.adapters.proving import proofs, prove
from geesync.adapters.versions import set_aside
from geesync.domain.assets import Json, SourceAsset
from geesync.domain.checking import KeptFile
from geesync.domain.layout import ASSET_JSON, GEESYNC_JSON, IAM_JSON, file_stem, is_unfinished
from geesync.domain.lifecycle import CheckFailed, CheckPassed, State
from geesync.domain.planning import Plan
from geesync.domain.sidecar import TakenFile, TakenPart, sidecar
from geesync.errors import WORLDLY, Cause, RemoteError
from geesync.steps.claims import claim
from geesync.steps.drafting import Drafting, Drafts
from geesync.steps.making import make
from geesync.steps.planner import Planner
from geesync.steps.step import Tally, Workshop, is_small, moves_of, stopped
from geesync.store.checks import Sidecars
from geesync.store.exports import Export, Exports, part_id
from geesync.store.ledger import LedgerAsset
from geesync.store.staging import Staged, Staging

#: Answers that say that an asset's policy is not for us; they never hold up its proof.
_NOT_READABLE = frozenset({Cause.PERMISSION, Cause.GONE})


@dataclass(frozen=True)
class _Job:
    """One asset to be proved."""

    asset: LedgerAsset
    source: SourceAsset
    plan: Plan
    staged: list[Staged]
    known: set[KeptFile]  #: what was ever put into its folder
    #: Who may do what with it; words say why we may not know; None was not asked for.
    policy: Json | str | Exception | None

    def exports(self) -> list[tuple[Export, list[Staged]]]:
        """Return each export with its files."""
        by_id = {one.export.id: one.export for one in self.staged}
        return [
            (export, [one for one in self.staged if one.export.id == export_id])
            for export_id, export in by_id.items()
        ]

    def missing(self) -> set[str]:
        """Return the parts of which there is no copy; one may just have been given up."""
        staged = {part_id(one.export.part) for one in self.staged}
        return {part_id(part) for part in self.plan.parts} - staged


class _UnprovedError(RemoteError):
    """Files of an export that are not what they must be.

    ``damaged`` are those whose bytes are not what the bucket had: they are fetched again if it
    still has them.
    ``found`` is what they taught for the next plan.
    """

    def __init__(
        self,
        error: RemoteError,
        export: Export,
        damaged: Iterable[Staged] = (),
        found: Json | None = None,
    ) -> None:
        super().__init__(error.cause, str(error))
        self.export = export
        self.damaged = list(damaged)
        self.found = found


@dataclass
class Verifier:
    """Proves downloaded assets."""

    name: ClassVar[str] = "verifier"

    workshop: Workshop
    exports: Exports
    staging: Staging
    planner: Planner
    sidecars: Sidecars
    policy_of: Callable[[str], Json] | None = None  #: asks for IAM policies; None leaves them out

    def run_once(self) -> Tally:
        """Prove the next assets."""
        now = self.workshop.clock()
        due = self.workshop.ledger.due(State.DOWNLOADED, now=now, limit=self.workshop.chunk)
        if not due:
            return Tally()
        sources = self.workshop.ledger.sources_of(due)
        plans = self.planner.plans(due, sources)
        ids = [asset.id for asset in due]
        staged, known = self.staging.staged(ids), self.sidecars.known(ids)
        if any(staged.values()):
            self.workshop.hands.require()
        policies = self._policies(due)
        jobs = [
            _Job(
                *(asset, sources[asset.id], plans[asset.id], staged[asset.id], known[asset.id]),
                policies.get(asset.id),
            )
            for asset in due
        ]
        with Drafting(due) as drafting:
            proved = self.workshop.each(
                jobs, partial(self._prove, drafting), is_little=self._is_little
            )
            outcomes = drafting.publish(proved, _give_names)
        written = {job.asset.id: one.written for job, one in outcomes if isinstance(one, Drafts)}
        self.sidecars.note(written, anew=True)
        self._give_up([error for _, error in outcomes if isinstance(error, _UnprovedError)])
        events = (
            (job.asset, CheckPassed() if isinstance(one, Drafts) else one) for job, one in outcomes
        )
        moved = self.workshop.record(moves_of(events, CheckFailed))
        return Tally(moved=moved, busy=len(due) == self.workshop.chunk)

    def _policies(self, due: list[LedgerAsset]) -> dict[int, Json | str | Exception]:
        """Ask for policies by asset id; often only owners may read one: then say so, in words."""
        if (policy_of := self.policy_of) is None:
            return {}

        def ask(asset: LedgerAsset) -> Json | str:
            try:
                return policy_of(asset.name)
            except RemoteError as error:
                if error.cause not in _NOT_READABLE:
                    raise
                return str(error)

        return {asset.id: policy for asset, policy in self.workshop.each(due, ask)}

    def _is_little(self, job: _Job) -> bool:
        return self.workshop.is_alone and is_small(job.staged)

    def _give_up(self, errors: Iterable[_UnprovedError]) -> None:
        """Note what must be fetched again, and what must be exported again."""
        now = self.workshop.clock()
        for error in errors:
            if error.damaged and not any(one.swept for one in error.damaged):
                self.staging.mark("landed_at", [one.id for one in error.damaged], None)
            else:
                self.exports.disprove({error.export.id: error}, now, found=error.found)

    def _prove(self, drafting: Drafting, job: _Job) -> Drafts:
        """Prove an asset's files, and write what is to stand beside them."""
        if isinstance(job.policy, Exception):
            raise job.policy
        if missing := job.missing():
            raise RemoteError(Cause.INTEGRITY, f"no copy of {', '.join(sorted(missing))}")
        with drafting.folder(job.asset) as place:
            found = []
            for export, files in job.exports():
                if not self.workshop.keep_on():
                    raise stopped()
                found += [(export, one) for one in self._prove_or_tell(place, job, export, files)]
            table = _table(found)
            claim(place, job.asset.name, job.known, job.staged)
            self._set_aside(place, job)
            taken = self._taken(job)
            made = self._make(place, job, taken, table)
            _draft(place, ASSET_JSON, job.source.json)
            _draft(place, GEESYNC_JSON, sidecar(job.source, job.plan, taken, made, table))
            _draft_policy(place, job.policy)
            return Drafts.of(job.asset, place)

    def _prove_or_tell(
        self, place: Folder, job: _Job, export: Export, files: list[Staged]
    ) -> list[tables.Contents]:
        """Have an export's files read through; return what tables hold.

        A failure says whether it is the disk's or the export's.
        """
        try:
            names = {one.file: _present(place, one) for one in files}
            asset, part = job.asset, export.part
            todo = proofs(asset.dest, asset.path, job.source, part, stem=export.stem, names=names)
            proved = self.workshop.hand_over([partial(prove, one) for one in todo], risky=True)
            return [contents for contents in proved if contents is not None]
        except RemoteError as error:
            if error.cause in WORLDLY:
                raise
            damaged = [one for one in files if not place.holds(_name(place, one), one.obj)]
            for one in damaged:
                place.remove(_name(place, one))
            raise _UnprovedError(error, export, damaged) from error

    def _set_aside(self, place: Folder, job: _Job) -> None:
        set_aside(
            place,
            job.source.revision,
            names={one.file for one in job.staged},
            there={one.file for one in job.staged if _name(place, one) == one.file},
            keep=self.planner.chosen(job.asset).keep_versions,
        )

    def _make(
        self, place: Folder, job: _Job, taken: list[TakenPart], table: Json | None
    ) -> list[KeptFile]:
        files = {one.file: one for one in job.staged}
        return make(
            place,
            taken,
            self.planner.chosen(job.asset),
            table=table,
            stem=lambda key: file_stem(job.asset.path, key),
            present=lambda file: _name(place, files[file]),
        )

    def _taken(self, job: _Job) -> list[TakenPart]:
        return [
            TakenPart(
                part=export.part,
                attempt=export.attempt,
                operation=export.operation or "",
                bucket=export.bucket,
                request=self.planner.request(job.asset, export),
                files=tuple(TakenFile(one.file, one.obj) for one in files),
            )
            for export, files in job.exports()
        ]


def _table(found: list[tuple[Export, tables.Contents]]) -> Json | None:
    """Return what a table holds. The GeoJSON has each row's own columns, a CSV must have them all.

    Raises _UnprovedError for a CSV that lacks some: its columns are those of its first row, unless
    they are asked for.
    """
    if not found:
        return None
    export, told = max(found, key=lambda one: one[0].part.extension == "geojson")
    for export, csv in found:
        wanted = ("system:index", *told.columns, ".geo")
        if export.part.extension == "csv" and told.rows and not csv.columns.keys() >= set(wanted):
            error = RemoteError(Cause.PLAN, "the CSV lacks columns that other rows have")
            raise _UnprovedError(error, export, found={"columns": list(dict.fromkeys(wanted))})
    return {"rows": told.rows, "columns": told.columns, "geometries": told.geometries}


def _name(place: Folder, staged: Staged) -> str:
    """Return the name under which the file is there: unproved, or final after a power cut."""
    name = unproved(staged.file, staged.export.token)
    return name if place.size_of(name) is not None else staged.file


def _present(place: Folder, staged: Staged) -> str:
    name = _name(place, staged)
    if name == staged.file and not place.holds(name, staged.obj):
        raise RemoteError(Cause.INTEGRITY, f"{name} is not on disk any more")
    return name


def _draft(place: Folder, name: str, document: Json) -> None:
    place.draft(name, to_json(document, indent=2, inf_nan_mode="constants"))


def _draft_policy(place: Folder, policy: Json | str | None) -> None:
    if isinstance(policy, str) and place.size_of(IAM_JSON) is not None:
        place.keep(IAM_JSON)  # what could be read once is worth more
    elif policy is not None:
        told = {"not_readable": policy} if isinstance(policy, str) else policy
        _draft(place, IAM_JSON, told)


def _give_names(job: _Job, place: Folder) -> None:
    """Give proved files their names, beside the documents that have theirs."""
    for one in job.staged:
        name = unproved(one.file, one.export.token)
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
