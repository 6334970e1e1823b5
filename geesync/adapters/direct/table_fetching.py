"""Brings tables to disk, page by page: each page that is on disk is not asked for again.

Beside the rows a journal says how far they go, and which page is the next one. It is replaced when
the rows are durable, so that it is right at every moment; what is beyond it is cut off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from pathlib import Path

import google_crc32c

from geesync.adapters.direct.brought import Brought
from geesync.adapters.direct.source import Source
from geesync.adapters.executors.executor import Results
from geesync.adapters.mirror_files.disk import Folder, write_all
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.landing import make_durable, unproved
from geesync.adapters.tables.table_writing import BEGINNING, END, columns, rows, write_csv
from geesync.adapters.transfer.curl_loop import outcome
from geesync.domain.failures.shared_failures import Calls
from geesync.domain.json import Json
from geesync.domain.messages.words import counted
from geesync.domain.mirror.layout import PARTIAL
from geesync.errors import Cause, RemoteError

#: So many times the token of a page may be that of the one before: a page may be empty.
_SAME_PAGES = 20


@dataclass(frozen=True)
class TableJob:
    """One table that is to be read directly."""

    asset: str  #: canonical name
    path: str  #: its folder, relative to the mirror
    files: tuple[tuple[str, str], ...]  #: final names, NAME.geojson or .csv, with their tokens
    count: int | None  #: of its rows, where Earth Engine says so
    page_rows: int  #: how many are asked for at a time


@dataclass
class _Journal:
    """How far the rows on disk go."""

    size_bytes: int = 0
    crc32c: int = 0
    rows: int = 0
    columns: list[str] = field(default_factory=list)
    page_token: str = ""  #: of the next page
    is_whole: bool = False


def fetch_tables(
    source: Source, mirror: str, jobs: Sequence[TableJob]
) -> Iterator[Results[Brought]]:
    """Bring tables to one mirror's disk; yield what came of each, as ``fetch_images`` does."""
    calls = Calls()
    with closing(Folders(Path(mirror))) as folders:
        tables = [_Table(source, folders, job) for job in jobs]
        tried = takewhile(lambda _: source.keep_on() and not calls.refusal(), tables)
        works = (outcome(table.fetch(), calls) for table in tried)
        for ended in source.turns(works):
            yield list(ended)


async def page_of(source: Source, asset: str, token: str, rows: int) -> tuple[Json, int]:
    """Return the next page of a table that has rows, or is the last; and the requests it took.

    Raises RemoteError.
    """
    for requests in range(1, _SAME_PAGES + 1):
        page = await source.features(asset, token, rows)
        following = page.get("nextPageToken")
        if page.get("features") or not following:
            return page, requests
        token = str(following)
    raise RemoteError(Cause.TRANSIENT, "an unreadable answer: empty pages without end")


@dataclass
class _Table:
    source: Source
    folders: Folders
    job: TableJob
    _rows: str = ""  #: the name of what has the rows
    _requests: int = 0
    _answer_bytes: int = 0

    async def fetch(self) -> Brought:
        """Bring all rows to disk, and make the files of them."""
        job = self.job
        with self.folders.folder(job.path, durable=False) as place:
            self._rows = self._rows_in(place)
            names = [unproved(*one) for one in job.files]
            if not all(place.size_of(name) is not None for name in names):
                journal = self._begin(place)
                while not journal.is_whole:
                    journal = await self._next_page(place, journal)
                names = list(self._make(place, journal))
            finals = (file for file, _ in job.files)
            files = [(file, place.look(name)) for file, name in zip(finals, names, strict=True)]
        fewer, restricted = self.source.fewer, self.source.restricted[0]
        return Brought(files, self._requests, self._answer_bytes, 0, fewer, restricted)

    def _name(self, what: str) -> str:
        token = dict(self.job.files).get(what) or self.job.files[0][1]
        return f"{what}.{token}{PARTIAL}"

    def _rows_in(self, place: Folder) -> str:
        """Return the name of what has the rows: the GeoJSON itself, if that is wanted."""
        files = [one for one in self.job.files if one[0].endswith(".geojson")]
        wanted, token = files[0] if files else ("rows.geojson", self.job.files[0][1])
        whole = unproved(wanted, token)
        return self._name(wanted) if place.size_of(whole) is None else whole

    def _begin(self, place: Folder) -> _Journal:
        """Return how far the rows on disk go; what is beyond is cut off, what rotted is dropped."""
        journal = _Journal(len(BEGINNING), google_crc32c.value(BEGINNING))
        name = self._name("rows.journal")
        if place.size_of(name) is not None:
            known = _Journal(**json.loads(place.read(name)))
            if (place.size_of(self._rows) or 0) >= known.size_bytes:
                with place.opened(self._rows, os.O_WRONLY) as descriptor:
                    os.ftruncate(descriptor, known.size_bytes)
                if place.checksum(self._rows) == known.crc32c:
                    return known
        with place.opened(self._rows, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as descriptor:
            write_all(descriptor, BEGINNING)
        return journal

    async def _next_page(self, place: Folder, journal: _Journal) -> _Journal:
        page, requests = await page_of(
            self.source, self.job.asset, journal.page_token, self.job.page_rows
        )
        self._requests += requests
        features = page.get("features", [])
        content_of_page = rows(features, first=not journal.rows)
        token = str(page.get("nextPageToken") or "")
        content = content_of_page if token else content_of_page + END
        with place.opened(self._rows, os.O_WRONLY | os.O_APPEND) as descriptor:
            write_all(descriptor, content)
            os.fsync(descriptor)
        journal = _Journal(
            size_bytes=journal.size_bytes + len(content),
            crc32c=google_crc32c.extend(journal.crc32c, content),
            rows=journal.rows + len(features),
            columns=list(dict.fromkeys(journal.columns) | columns(features)),
            page_token=token,
            is_whole=not token,
        )
        place.write(self._name("rows.journal"), json.dumps(asdict(journal)).encode())
        self._answer_bytes += len(content)
        return journal

    def _make(self, place: Folder, journal: _Journal) -> Iterator[str]:
        """Make the files; yield their names for now. Raises RemoteError if rows are missing."""
        if self.job.count is not None and journal.rows != self.job.count:
            for name in (self._rows, self._name("rows.journal")):
                place.remove(name)
            counted_rows = counted(journal.rows, "row")
            raise RemoteError(
                Cause.INTEGRITY, f"{counted_rows} came, Earth Engine says {self.job.count:,}"
            )
        for file, _ in self.job.files:
            name = self._rows
            if file.endswith(".csv"):
                name = self._name(file)
                write_csv(place.path / self._rows, place.path / name, journal.columns)
                make_durable(place, name)
            yield name
