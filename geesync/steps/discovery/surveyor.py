"""Looks through an account without a ledger: what a scan would find, and what it would leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.assets.asset import IMAGE_COLLECTION, SourceAsset
from geesync.domain.choices.options import Options
from geesync.errors import RemoteError
from geesync.steps.discovery.account import (
    Account,
    ListingBrokenError,
    ReadAssets,
    Surveyed,
    Unreadable,
)


@dataclass(frozen=True)
class Surveyor:
    """Walks roots; holds the containers that are still to be listed, and one page."""

    earth_engine: EarthEngine
    pool: Executor

    def survey(self, root: str, options: Options, top: str = "") -> Iterator[list[Surveyed]]:
        """Yield pages of assets; a container that cannot be listed comes a second time.

        top: where to begin, in the root; else at the root. Raises RemoteError if that cannot be
        listed, or if Earth Engine answers no more.
        """
        account = Account(self.earth_engine, root, self._each)
        source = self.earth_engine.get_asset(top or root)
        first = Surveyed(source, options.leaves_out(source, root))
        yield [first]
        waiting = [source] if first.is_open else []
        while waiting:
            container = waiting.pop()
            try:
                for page in account.pages(container.name):
                    surveyed = list(_sorted(_complete(account, container, page), options, root))
                    yield surveyed
                    waiting += [one.source for one in surveyed if one.is_open]
            except ListingBrokenError as error:
                if container is source:
                    raise
                account.check_world()
                yield [Surveyed(container, unreadable=Unreadable(container, error).why)]

    def _each(
        self, names: Iterable[str], get: Callable[[str], SourceAsset]
    ) -> list[tuple[str, SourceAsset | Exception]]:
        def ask(name: str) -> tuple[str, SourceAsset | Exception]:
            try:
                return name, get(name)
            except RemoteError as error:
                return name, error

        return list(self.pool.map(ask, names))


def _complete(account: Account, container: SourceAsset, page: list[SourceAsset]) -> ReadAssets:
    """Return the page with everything: a folder only names its children."""
    return ReadAssets(page) if container.type == IMAGE_COLLECTION else account.read(page)


def _sorted(answers: ReadAssets, options: Options, root: str) -> Iterator[Surveyed]:
    for source in answers.whole:
        yield Surveyed(source, options.leaves_out(source, root))
    for refused in answers.unreadable:
        excluded = options.leaves_out(refused.source, root)
        yield Surveyed(refused.source, excluded, "" if excluded else refused.why)
