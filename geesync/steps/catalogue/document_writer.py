"""Documents of a pass, made durable with one another where there are many.

A document is written under another name, synced, and only then given its own; the names are synced
before the ledger hears of any.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.group_sync import WORTH_IT_FROM, GroupSync
from geesync.adapters.mirror_files.mirror import is_mirror
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.layout import PARTIAL
from geesync.errors import GeesyncError, MirrorError, RemoteError
from geesync.store.ledger.ledger import LedgerAsset

Item = TypeVar("Item")


@dataclass(frozen=True)
class Documents:
    """What was written for one asset, and is yet to be published."""

    dest: str  #: the mirror
    path: str  #: the asset's folder, relative to it
    drafts: tuple[KeptFile, ...]
    written: tuple[KeptFile, ...]  #: these, and what has its name already
    known: Container[KeptFile] | None  #: what may be overwritten by them

    @classmethod
    def of(cls, asset: LedgerAsset, place: Folder) -> Self:
        """Return what was written into an asset's folder while it was open."""
        return cls(asset.dest, asset.path, tuple(place.drafts), tuple(place.written), place.known)


class DocumentWriter:
    """The disks of a pass, from before its first document is written."""

    def __init__(
        self, assets: Iterable[LedgerAsset], trouble: Callable[[str], str] = lambda _: ""
    ) -> None:
        counts = Counter(asset.dest for asset in assets)
        self._folders = {dest: Folders(Path(dest)) for dest in counts}
        self._trouble = {dest: trouble(dest) for dest in counts}
        self._with_many = [dest for dest, count in counts.items() if count >= WORTH_IT_FROM]
        self._disks: dict[str, GroupSync] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for dest in self._with_many:
            if is_mirror(Path(dest)) and not self._trouble[dest]:
                self._disks[dest] = self._open.enter_context(GroupSync(self._folders[dest]))
        for folders in self._folders.values():
            self._open.callback(folders.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @contextmanager
    def folder(self, asset: LedgerAsset, *, create: bool = True) -> Iterator[Folder]:
        """Open an asset's folder, as ``disk.folder`` does, to write drafts into it.

        Raises MirrorError if it lies in no mirror of this ledger.
        """
        if self._trouble[asset.dest]:
            raise MirrorError(self._trouble[asset.dest])
        with self._folders[asset.dest].folder(asset.path, create=create, durable=False) as place:
            place.syncs_drafts = asset.dest not in self._disks
            yield place

    def publish(
        self,
        written: Iterable[tuple[Item, Documents | Exception]],
        finish: Callable[[Item, Folder], None] = lambda _item, _place: None,
    ) -> list[tuple[Item, Documents | Exception]]:
        """Give drafts their names, durably; return them with what failed in the place of some.

        finish: what else is to be done in the folder before its names are synced.
        """
        results: list[tuple[Item, Documents | Exception]] = []
        by_mirror: dict[str, list[tuple[Item, Documents]]] = defaultdict(list)
        for item, documents in written:
            if isinstance(documents, Exception):
                results.append((item, documents))
            else:
                by_mirror[documents.dest].append((item, documents))
        for dest, of_mirror in by_mirror.items():
            try:
                self._sync(dest)
                published = [
                    (item, self._publish(documents, partial(finish, item)))
                    for item, documents in of_mirror
                ]
                self._sync(dest)
            except RemoteError as error:
                # The kernel may have dropped what it could not write, of any of them, and would
                # call a second sync a success.
                for _, documents in of_mirror:
                    self._discard(documents)
                published = [(item, error) for item, _ in of_mirror]
            results += published
        return results

    def _sync(self, dest: str) -> None:
        if dest in self._disks:
            self._disks[dest].sync()

    def _publish(
        self, documents: Documents, finish: Callable[[Folder], None]
    ) -> Documents | Exception:
        folders = self._folders[documents.dest]
        try:
            with folders.folder(documents.path, create=False) as place:
                place.known = documents.known
                place.publish(documents.drafts)
                finish(place)
            if documents.dest not in self._disks:
                folders.sync_way(documents.path)
        except Exception as error:  # noqa: BLE001 # one asset's surprise must not stop the others
            return error
        return documents

    def _discard(self, documents: Documents) -> None:
        folders = self._folders[documents.dest]
        with suppress(GeesyncError, OSError), folders.folder(documents.path, create=False) as place:
            for draft in documents.drafts:
                place.remove(draft.name + PARTIAL)
