"""Listings of pages: they end, or somebody repeats himself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from geesync.errors import Cause, RemoteError

Item = TypeVar("Item")

#: The same page asked for again and again.
_SAME_PAGES = 20

#: Pages one after another that tell nothing new: a filter may leave many empty.
_IDLE_PAGES = 1000

#: Ten million of anything.
_MOST_PAGES = 20_000


def pages(
    ask: Callable[[str], tuple[list[Item], str]], identity: Callable[[Item], object]
) -> Iterator[list[Item]]:
    """Yield the pages of a listing.

    ask: return the page of a token, "" for the first, and the token of the next one. identity: what
    tells an item from all others. Raises RemoteError TRANSIENT if they seem to have no end.
    """
    seen, token = Pages(), ""
    while True:
        items, token = ask(token)
        yield items
        seen.check(identity(items[0]) if items else None, token)
        if not token:
            return


class Pages:
    """The pages of one listing, as they come."""

    def __init__(self) -> None:
        self._first: set[object] = {None}
        self._token: str | None = None
        self._same = self._idle = self._count = 0

    def check(self, first: object, token: str | None) -> None:
        """Take note of a page. Raises RemoteError TRANSIENT if the listing seems to have no end.

        first: what tells its first item from all others; None if it is empty. token: of the next.
        """
        self._count += 1
        self._same = self._same + 1 if token == self._token else 0
        self._idle = self._idle + 1 if first in self._first else 0
        self._first.add(first)
        self._token = token
        endless = self._same >= _SAME_PAGES or self._idle >= _IDLE_PAGES
        if token and (endless or self._count >= _MOST_PAGES):
            raise RemoteError(Cause.TRANSIENT, "an unreadable answer: pages without end")
