"""Reads a table at Earth Engine, to compare its rows with those of a file."""

from __future__ import annotations

from collections.abc import Iterator

from geesync.adapters.direct.source import Source
from geesync.adapters.direct.table_fetching import page_of
from geesync.adapters.tables.row_sums import Rows, RowSums
from geesync.adapters.transfer.curl_loop import run
from geesync.domain.direct.choice import PAGE_ROWS
from geesync.domain.failures.shared_failures import stopped
from geesync.domain.json import Json
from geesync.errors import Cause, RemoteError

#: Rows of a page are too much for Earth Engine: then so many are asked for.
_PAGES = (PAGE_ROWS, PAGE_ROWS // 32, 1)


def sums_there(source: Source, name: str, read: Rows) -> RowSums:
    """Return what all rows of a table come to.

    Raises RemoteError; PLAN if no page is small enough.
    """
    for page_rows in _PAGES:
        try:
            return read.sums(_rows(source, name, page_rows))
        except RemoteError as error:
            if error.cause != Cause.PLAN or page_rows == 1:
                raise
    raise AssertionError


def _rows(source: Source, name: str, page_rows: int) -> Iterator[Json]:
    token = ""
    while True:
        asked = page_of(source, name, token, page_rows)
        answers = run([asked], stopping=lambda: not source.keep_on())
        if not source.keep_on():
            raise stopped()
        for page, _requests in answers:
            yield from page.get("features", [])
            token = str(page.get("nextPageToken") or "")
        if not token:
            return
