"""Looks through an account without a ledger: what a scan would find, and what it would leave."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from geesync.adapters.google.earth_engine import EarthEngine
from geesync.domain.assets.asset import IMAGE_COLLECTION, SourceAsset
from geesync.domain.choices.options import Options
from geesync.errors import Cause, RemoteError


@dataclass(frozen=True)
class Surveyor:
    """Walks roots; holds the containers that are still to be listed, and one page."""

    earth_engine: EarthEngine
    pool: Executor

    def survey(
        self, root: str, options: Options, top: str = ""
    ) -> Iterator[list[tuple[SourceAsset, str]]]:
        """Yield pages of assets, each with the reason why a filter leaves it out, or "".

        top: where to begin, in the root; else at the root. Raises RemoteError if a listing breaks.
        """
        first = self.earth_engine.get_asset(top or root)
        why = options.leaves_out(first, root)
        yield [(first, why)]
        waiting = [first] if first.is_container and not why else []
        while waiting:
            container = waiting.pop()
            for page in self.earth_engine.list_children(container.name):
                told = [
                    (one, options.leaves_out(one, root)) for one in self._whole(container, page)
                ]
                yield told
                waiting += [one for one, why in told if one.is_container and not why]

    def _whole(self, container: SourceAsset, page: list[SourceAsset]) -> list[SourceAsset]:
        """Return the page with everything: a folder only names its children."""
        if container.type == IMAGE_COLLECTION:
            return page
        found = self.pool.map(self._get, (asset.name for asset in page))
        return [asset for asset in found if asset is not None]

    def _get(self, name: str) -> SourceAsset | None:
        try:
            return self.earth_engine.get_asset(name)
        except RemoteError as error:
            if error.cause == Cause.GONE:
                return None  # it vanished after it was listed
            raise
