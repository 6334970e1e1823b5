"""A downloaded asset that is to be proved: which files are to be read, and what that showed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from geesync.adapters.formats import tables
from geesync.adapters.formats.proving import Proof, Proved, proofs
from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.landing import unproved
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.planning import Plan
from geesync.errors import Cause, RemoteError
from geesync.store.copies.staging import Staged
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.ledger.tasks import Task, part_id


class UnprovedError(RemoteError):
    """Files of an export that are not what they must be.

    ``damaged`` are those whose bytes are not what the bucket had: they are fetched again if it
    still has them.
    ``found`` is what they taught for the next plan.
    """

    def __init__(
        self,
        error: RemoteError,
        task: Task,
        damaged: Iterable[Staged] = (),
        found: Json | None = None,
    ) -> None:
        super().__init__(error.cause, str(error))
        self.task = task
        self.damaged = list(damaged)
        self.found: Json = found or {}


@dataclass
class UnprovedCopy:
    """One asset to be proved, as far as that has come."""

    asset: LedgerAsset
    source: SourceAsset
    plan: Plan
    staged: list[Staged]
    known: set[KeptFile]  #: what was ever put into its folder
    #: Who may do what with it; words say why we may not know; None was not asked for.
    policy: Json | str | Exception | None
    todo: dict[Proof, Staged] = field(default_factory=dict, init=False)  #: what is to be read
    #: What that showed, or why it is not what it must be.
    found: dict[Proof, Proved | Exception] = field(default_factory=dict, init=False)

    def tasks(self) -> list[tuple[Task, list[Staged]]]:
        """Return each task with its files."""
        by_id = {one.task.id: one.task for one in self.staged}
        return [
            (task, [one for one in self.staged if one.task.id == task_id])
            for task_id, task in by_id.items()
        ]

    def begin(self, place: Folder) -> None:
        """Find what is to be read. Raises RemoteError if that is not all, or not there."""
        if isinstance(self.policy, Exception):
            raise self.policy
        staged = {part_id(one.task.part) for one in self.staged}
        if missing := {part_id(part) for part in self.plan.parts} - staged:
            raise RemoteError(Cause.INTEGRITY, f"no copy of {', '.join(sorted(missing))}")
        for task, files in self.tasks():
            self.todo |= self._proofs(place, task, files)

    @property
    def sha256(self) -> dict[int, str]:
        """The hexadecimal SHA-256 of what was read, by the object's id."""
        return {
            self.todo[proof].id: found.sha256
            for proof, found in self.found.items()
            if isinstance(found, Proved)
        }

    def size_bytes(self, proof: Proof) -> int:
        """Return the size of a file that is to be read."""
        return self.todo[proof].obj.size_bytes

    @property
    def is_read(self) -> bool:
        """Whether all that is to be read was."""
        return self.found.keys() == self.todo.keys()

    def _proofs(self, place: Folder, task: Task, files: list[Staged]) -> dict[Proof, Staged]:
        try:
            by_name = {_present(place, one): one for one in files}
            now = {one.file: (name, one.obj.crc32c) for name, one in by_name.items()}
            dest, path, part = self.asset.dest, self.asset.path, task.part
            todo = proofs(dest, path, self.source, part, stem=task.stem, files=now)
            return {proof: by_name[proof.name] for proof in todo}
        except RemoteError as error:
            raise self._unproved(place, task, error) from error

    def table(self, place: Folder) -> Json | None:
        """Return what a table holds, of anything else None: all is proved then.

        Raises RemoteError, saying whether the disk or the export is why it is not.
        """
        contents = []
        for proof, one in self.todo.items():
            answer = self.found[proof]
            if isinstance(answer, RemoteError) and not answer.costs_time_only:
                raise self._unproved(place, one.task, answer) from answer
            if isinstance(answer, Exception):
                raise answer
            if answer.table is not None:
                contents.append((one.task, answer.table))
        return _table(contents)

    def _unproved(self, place: Folder, task: Task, error: RemoteError) -> RemoteError:
        if error.costs_time_only:
            return error
        files = [one for one in self.staged if one.task.id == task.id]
        damaged = [one for one in files if not place.holds(name_now(place, one), one.obj)]
        for one in damaged:
            place.remove(name_now(place, one))
        if error.cause == Cause.CRASHED and not damaged:
            return error  # another export would bring the same bytes
        return UnprovedError(error, task, damaged)


def _table(found: list[tuple[Task, tables.Contents]]) -> Json | None:
    """Return what a table holds. The GeoJSON has each row's own columns, a CSV must have them all.

    Raises UnprovedError for a CSV that lacks some: its columns are those of its first row, unless
    they are asked for.
    """
    if not found:
        return None
    task, told = max(found, key=lambda one: one[0].part.extension == "geojson")
    for task, csv in found:
        wanted = ("system:index", *told.columns, ".geo")
        if task.part.extension == "csv" and told.rows and not csv.columns.keys() >= set(wanted):
            error = RemoteError(Cause.PLAN, "the CSV lacks columns that other rows have")
            raise UnprovedError(error, task, found={"columns": list(dict.fromkeys(wanted))})
    return {"rows": told.rows, "columns": told.columns, "geometries": told.geometries}


def name_now(place: Folder, staged: Staged) -> str:
    """Return the name under which a file is there: unproved, or final after a power cut."""
    name = unproved(staged.file, staged.task.token)
    return name if place.size_of(name) is not None else staged.file


def _present(place: Folder, staged: Staged) -> str:
    name = name_now(place, staged)
    if name == staged.file and not place.holds(name, staged.obj):
        raise RemoteError(Cause.INTEGRITY, f"{name} is not on disk any more")
    return name
