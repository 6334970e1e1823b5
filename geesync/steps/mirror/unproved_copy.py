"""A downloaded asset that is to be proved: which files are to be read, and what that showed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from geesync.adapters.formats.proving import Proof, Proved, proofs
from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.landing import unproved
from geesync.adapters.tables import table_reading as tables
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.layout import GEESYNC_JSON, file_stem
from geesync.domain.mirror.plan import Plan
from geesync.errors import Cause, RemoteError
from geesync.store.copies.staging import Staged
from geesync.store.ledger.ledger import LedgerAsset


class UnprovedError(RemoteError):
    """Files of a part that are not what they must be.

    ``damaged`` are those whose bytes are not what the bucket had: they are fetched again if it
    still has them.
    ``found`` is what they taught for the next plan.
    """

    def __init__(
        self,
        error: RemoteError,
        of_part: Staged,
        damaged: Iterable[Staged] = (),
        found: Json | None = None,
    ) -> None:
        super().__init__(error.cause, str(error))
        self.of_part = of_part  #: one of its files
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

    checksums: set[str] = field(default_factory=set, init=False)  #: where its bytes come from
    versions: list[str] = field(default_factory=list, init=False)  #: folders of older copies

    @property
    def was_proved(self) -> bool:
        """Whether an older copy was proved: its sidecar is noted last."""
        return any(file.name == GEESYNC_JSON for file in self.known)

    def parts(self) -> dict[str, list[Staged]]:
        """Return the files of each part, by its id."""
        parts: dict[str, list[Staged]] = {}
        for file in self.staged:
            parts.setdefault(file.part_id, []).append(file)
        return parts

    def begin(self, place: Folder) -> None:
        """Find what is to be read. Raises RemoteError if that is not all, or not there."""
        if isinstance(self.policy, Exception):
            raise self.policy
        parts = self.parts()
        if missing := {part.id for part in self.plan.parts} - parts.keys():
            raise RemoteError(Cause.INTEGRITY, f"no copy of {', '.join(sorted(missing))}")
        for files in parts.values():
            self.todo |= self._proofs(place, files)

    @property
    def sums(self) -> dict[int, tuple[int, str]]:
        """The CRC32C and hexadecimal SHA-256 of what was read, by the object's id."""
        return {
            self.todo[proof].id: (found.crc32c, found.sha256)
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

    def _proofs(self, place: Folder, files: list[Staged]) -> dict[Proof, Staged]:
        try:
            by_name = {_present(place, file): file for file in files}
            now = {file.file: (name, file.obj) for name, file in by_name.items()}
            dest, path, part = self.asset.dest, self.asset.path, files[0].part
            stem = file_stem(path, part.key)
            todo = proofs(dest, path, self.source, part, stem=stem, files=now)
            return {proof: by_name[proof.name] for proof in todo}
        except RemoteError as error:
            raise self._unproved(place, files[0], error) from error

    def table(self, place: Folder) -> Json | None:
        """Return what a table holds, of anything else None: all is proved then.

        Raises RemoteError, saying whether the disk or the export is why it is not.
        """
        contents = []
        for proof, file in self.todo.items():
            found = self.found[proof]
            if isinstance(found, RemoteError) and not found.costs_time_only:
                raise self._unproved(place, file, found) from found
            if isinstance(found, Exception):
                raise found
            if found.table is not None:
                contents.append((file, found.table))
        table = _table(contents)
        sums = self.sums  # of some the CRC32C is known only now
        self.checksums = {file.obj.checksum for file in self.staged}
        self.staged = [
            replace(file, obj=replace(file.obj, crc32c=sums[file.id][0])) for file in self.staged
        ]
        return table

    def _unproved(self, place: Folder, of_part: Staged, error: RemoteError) -> RemoteError:
        if error.costs_time_only:
            return error
        files = self.parts()[of_part.part_id]
        damaged = [file for file in files if not place.holds(name_now(place, file), file.obj)]
        for file in damaged:
            place.remove(name_now(place, file))
        if error.cause == Cause.CRASHED and not damaged:
            return error  # another export would bring the same bytes
        return UnprovedError(error, of_part, damaged)


def _table(found: list[tuple[Staged, tables.Contents]]) -> Json | None:
    """Return what a table holds. The GeoJSON has each row's own columns, a CSV must have them all.

    Raises UnprovedError for a CSV that lacks some: its columns are those of its first row, unless
    they are asked for.
    """
    if not found:
        return None
    _, geojson = max(found, key=lambda pair: pair[0].part.extension == "geojson")
    for file, table in found:
        if table.rows != geojson.rows:  # which of the two lacks some, nobody can tell
            counts = f"{geojson.rows:,} rows in one format, {table.rows:,} in another"
            raise UnprovedError(RemoteError(Cause.INTEGRITY, counts), file)
        wanted = ("system:index", *geojson.columns, ".geo")
        is_csv = file.part.extension == "csv"
        if is_csv and geojson.rows and not table.columns.keys() >= set(wanted):
            error = RemoteError(Cause.PLAN, "the CSV lacks columns that other rows have")
            raise UnprovedError(error, file, found={"columns": list(dict.fromkeys(wanted))})
    return {"rows": geojson.rows, "columns": geojson.columns, "geometries": geojson.geometries}


def name_now(place: Folder, staged: Staged) -> str:
    """Return the name under which a file is there: unproved, or final after a power cut."""
    name = unproved(staged.file, staged.token)
    return name if place.size_of(name) is not None else staged.file


def _present(place: Folder, staged: Staged) -> str:
    name = name_now(place, staged)
    if name == staged.file and not place.holds(name, staged.obj):
        raise RemoteError(Cause.INTEGRITY, f"{name} is not on disk any more")
    return name
