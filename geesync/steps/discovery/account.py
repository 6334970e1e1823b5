"""Reads what a root holds, and says whose fault it is that something in it does not answer.

One asset never stops the rest: where the root itself still answers, the world is well, and what
was answered concerns that one asset only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.assets.asset import IMAGE_COLLECTION, SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.failures.google_errors import may_be_absent
from geesync.domain.failures.shared_failures import NotTriedError
from geesync.errors import Cause, RemoteError

#: Does the work for all names at once; an exception is an answer too.
Each = Callable[
    [Iterable[str], Callable[[str], SourceAsset]], list[tuple[str, SourceAsset | Exception]]
]

#: Returns the revision of each of these assets that is known, by name.
Known = Callable[[list[str]], Mapping[str, str]]


@dataclass(frozen=True)
class Unreadable:
    """An asset that is known to be there, and what was answered when it was asked for."""

    source: SourceAsset  #: as it is listed: type and name only
    error: RemoteError

    @property
    def why(self) -> str:
        """Return what was answered, for people."""
        status = f"HTTP {self.error.status}: " if self.error.status else ""
        return f"{status}{self.error}"

    @property
    def may_be_absent(self) -> bool:
        """Whether the same would be answered if it were not there."""
        return may_be_absent(self.error)

    @property
    def may_pass(self) -> bool:
        """Whether it is worth asking again soon."""
        return self.error.cause == Cause.TRANSIENT


@dataclass(frozen=True)
class ReadAssets:
    """What was answered for some assets."""

    whole: list[SourceAsset] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    def __add__(self, other: ReadAssets) -> ReadAssets:
        return ReadAssets(self.whole + other.whole, self.unreadable + other.unreadable)

    def over(self, page: list[SourceAsset]) -> ReadAssets:
        """Return a page that came complete, with what was answered in place of what it says."""
        asked = {source.name: source for source in self.whole}
        left = {refused.source.name for refused in self.unreadable}
        whole = [asked.get(source.name, source) for source in page if source.name not in left]
        return ReadAssets(whole, self.unreadable)


@dataclass(frozen=True)
class Page:
    """A page of a listing."""

    names: list[str]
    answers: ReadAssets


@dataclass(frozen=True)
class Surveyed:
    """One asset that a survey came by."""

    source: SourceAsset  #: its name and type only, where it is unreadable
    excluded: str = ""  #: why a filter leaves it out
    unreadable: str = ""  #: what was answered instead of it, or of a list of what lies in it

    @property
    def is_open(self) -> bool:
        """Whether what lies in it is to be looked at."""
        return self.source.is_container and not self.excluded and not self.unreadable


class ListingBrokenError(RemoteError):
    """A container's listing came to no end."""

    def __init__(self, error: RemoteError) -> None:
        super().__init__(error.cause, str(error), status=error.status)


@dataclass(frozen=True)
class Account:
    """What lies below one root, as Earth Engine lists it."""

    earth_engine: EarthEngine
    root: str
    each: Each
    check_stop: Callable[[], None] = lambda: None  #: raises RemoteError where work is to end

    def pages(self, container: str) -> Iterator[list[SourceAsset]]:
        """Yield pages of what a container holds. Raises ListingBrokenError."""
        try:
            yield from self.earth_engine.list_children(container)
        except RemoteError as error:
            raise ListingBrokenError(error) from error

    def read(self, listed: Iterable[SourceAsset]) -> ReadAssets:
        """Ask for assets with everything that is said of them, each once more if it may help.

        Raises RemoteError if it is the world that does not answer.
        """
        found = ReadAssets()
        waiting = {asset.name: asset for asset in listed}
        failed_once: set[str] = set()
        while waiting:
            answers = self.each(list(waiting), self._get)
            self.check_stop()
            self._blame(answer for _, answer in answers if isinstance(answer, Exception))
            left = {}
            for name, answer in answers:
                if isinstance(answer, SourceAsset):
                    found.whole.append(answer)
                elif _is_worth_asking(name, answer, failed_once):
                    left[name] = waiting[name]
                elif isinstance(answer, RemoteError):
                    found.unreadable.append(Unreadable(waiting[name], answer))
            waiting = left
        return found

    def _get(self, name: str) -> SourceAsset:
        found = self.earth_engine.get_asset(name)
        if found.name != name:  # as for what is called ``..``
            raise RemoteError(Cause.INTEGRITY, f"what is answered is {found.name}")
        return found

    def whole_pages(self, container: SourceAsset, known: Known) -> Iterator[Page]:
        """Yield pages of what a container holds, each asset with everything: a folder only names.

        A collection's listing may have another ``updateTime`` than the asset; only the asset's is
        what an export is compared with. Images of another revision than is known are asked for; of
        those of which nothing is known the first speaks for all others, if it is as it is listed.
        """
        is_believed = False
        for page in self.pages(container.name):
            self.check_stop()
            names = [asset.name for asset in page]
            if container.type != IMAGE_COLLECTION:
                yield Page(names, self.read(page))
                continue
            revisions = known(names)
            new = [asset for asset in page if asset.name not in revisions]
            doubtful = [
                asset
                for asset in page
                if revisions.get(asset.name, asset.revision) != asset.revision
            ]
            answers = self.read(doubtful if is_believed else [*doubtful, *new[:1]])
            if new and not is_believed:
                is_believed = new[0].revision in {
                    asset.revision for asset in answers.whole if asset.name == new[0].name
                }
                answers += self.read([] if is_believed else new[1:])
            yield Page(names, answers.over(page))

    def still_listed(self, container: str, absent: list[Unreadable]) -> list[Unreadable]:
        """Return those that are listed although they are said not to be there.

        What vanished between the listing and the question is listed no more.
        """
        names = {refused.source.name for refused in absent}
        listed: set[str] = set()
        with suppress(ListingBrokenError):  # the next scan finds out
            for page in self.pages(container) if absent else ():
                listed |= names.intersection(asset.name for asset in page)
            names = listed
        return [refused for refused in absent if refused.source.name in names]

    def _blame(self, errors: Iterable[Exception]) -> None:
        """Return if each error is its own asset's; raise what is to be said of all."""
        is_doubtful = False
        for error in errors:
            if not isinstance(error, RemoteError):
                raise error
            is_doubtful |= error.cause != Cause.GONE
        if is_doubtful:
            self.check_world()

    def check_world(self) -> None:
        """Raise RemoteError if not even the root answers: then nothing is one asset's fault."""
        self.check_stop()
        self.earth_engine.get_asset(self.root)


def _is_worth_asking(name: str, error: Exception, failed_once: set[str]) -> bool:
    if isinstance(error, NotTriedError):
        return True
    if name in failed_once or not isinstance(error, RemoteError) or error.cause != Cause.TRANSIENT:
        return False
    failed_once.add(name)
    return True


def following(
    asker: Executor, pages: Iterator[Page], coming: Future[Page | None]
) -> Iterator[Page]:
    """Yield pages, each while the next is asked for; coming: the first."""
    while (page := coming.result()) is not None:
        coming = asker.submit(next, pages, None)
        yield page


def survey(
    earth_engine: EarthEngine, pool: Executor, root: str, options: Options, top: str = ""
) -> Iterator[list[Surveyed]]:
    """Yield pages of what a scan would find, and leave out; a ledger is not needed.

    A container that cannot be listed comes a second time. top: where to begin, in the root; else at
    the root. Raises RemoteError if that cannot be listed, or if Earth Engine answers no more.
    """

    def ask(name: str, get: Callable[[str], SourceAsset]) -> tuple[str, SourceAsset | Exception]:
        try:
            return name, get(name)
        except RemoteError as error:
            return name, error

    account = Account(
        earth_engine, root, lambda names, get: list(pool.map(partial(ask, get=get), names))
    )
    source = earth_engine.get_asset(top or root)
    first = Surveyed(source, options.leaves_out(source, root))
    yield [first]
    waiting = [source] if first.is_open else []
    while waiting:
        container = waiting.pop()
        try:
            for page in account.pages(container.name):
                # A folder only names its children.
                is_whole = container.type == IMAGE_COLLECTION
                answers = ReadAssets(page) if is_whole else account.read(page)
                surveyed = list(_sorted(answers, options, root))
                yield surveyed
                waiting += [asset.source for asset in surveyed if asset.is_open]
        except ListingBrokenError as error:
            if container is source:
                raise
            account.check_world()
            yield [Surveyed(container, unreadable=Unreadable(container, error).why)]


def _sorted(answers: ReadAssets, options: Options, root: str) -> Iterator[Surveyed]:
    for source in answers.whole:
        yield Surveyed(source, options.leaves_out(source, root))
    for refused in answers.unreadable:
        excluded = options.leaves_out(refused.source, root)
        yield Surveyed(refused.source, excluded, "" if excluded else refused.why)
