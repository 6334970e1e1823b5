"""Finds what is in the account: new, changed and vanished assets of every root.

A scan that breaks half-way concludes nothing about what it did not see, and a root that suddenly
looks empty is an alarm: revoked access looks just like deletion.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from geesync.adapters.google.earth_engine import EarthEngine
from geesync.domain.assets.asset import CONTAINERS, IMAGE_COLLECTION, SourceAsset
from geesync.domain.assets.names import display_id
from geesync.domain.choices.options import Options
from geesync.domain.mirror.lifecycle import SourceGone
from geesync.domain.tasks.refusals import stopped
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import Tally, Workshop
from geesync.store.ledger.ledger import LedgerAsset, Move
from geesync.store.ledger.listing import Listing
from geesync.store.ledger.roots import Root, Roots

log = get_logger()

_PAGE = 500

#: After a scan that broke: soon, but not at once.
_RETRY = timedelta(minutes=5)


@dataclass
class Discoverer:
    """Scans the roots that are due."""

    name: ClassVar[str] = "discoverer"

    workshop: Workshop
    earth_engine: EarthEngine
    listing: Listing
    roots: Roots
    interval: timedelta
    options: Options  #: of roots that chose nothing else

    def run_once(self) -> Tally:
        """Scan every root whose time has come; a broken scan is tried again soon."""
        tally = Tally()
        now = self.workshop.clock()
        for root in self.roots.working():
            if self.workshop.stopping() or (root.next_scan_at and root.next_scan_at > now):
                continue
            try:
                tally.moved += self._scan(root)
            except RemoteError as error:
                if self.workshop.stopping():
                    break  # the scan is still due
                log.warning("scan_broken", root=root.name, cause=error.cause, error=str(error))
                self._finish(root, alarm=f"the scan broke: {error}", wait=_RETRY)
        return tally

    def _scan(self, root: Root) -> int:
        log.info("scan_started", root=root.name)
        scan = _Scan(self, root)
        try:
            top = self.earth_engine.get_asset(root.name)
        except RemoteError as error:
            if error.cause != Cause.GONE:
                raise
            self._finish(root, alarm=f"{display_id(root.name)} is absent or not ours to see")
            return 0
        scan.take([top])
        if top.is_container and not scan.walk_root(top):
            self._finish(root, alarm="it lists nothing, though assets are known below it")
        else:
            now = self.workshop.clock()
            quota = json.dumps(top.json["quota"]) if "quota" in top.json else None
            self._finish(root, alarm=None, scanned_at=now, excluded=scan.excluded, quota=quota)
            log.info(
                "scan_finished",
                root=root.name,
                changes=scan.changes,
                assets=scan.seen,
                excluded=scan.excluded,
            )
        return scan.changes

    def _finish(
        self, root: Root, *, alarm: str | None, wait: timedelta | None = None, **values: object
    ) -> None:
        if alarm:
            log.warning("scan_alarm", root=root.name, alarm=alarm)
        due = self.workshop.clock() + (wait or root.interval or self.interval)
        self.roots.update(root.id, alarm=alarm, next_scan_at=due, **values)


class _Scan:
    """One walk through one root."""

    def __init__(self, step: Discoverer, root: Root) -> None:
        self._step = step
        self._root = root
        self._options = step.options.over(root.options)
        self.changes = 0
        self.seen = 0
        self.excluded = 0  #: by the root's filters; what lies in an excluded folder is not listed
        step.listing.prioritise(root.id, root.name, self._options.priority)

    def take(self, listed: list[SourceAsset]) -> list[SourceAsset]:
        """Take in assets that are known whole; return those that the root's filters let pass."""
        reasons = [(source, self._options.leaves_out(source, self._root.name)) for source in listed]
        wanted = [source for source, why in reasons if not why]
        left = [(source, why) for source, why in reasons if why]
        listing, now = self._step.listing, self._step.workshop.clock()
        observed = listing.observe(self._root.id, wanted, now, priority=self._options.priority)
        self.changes += observed.new + observed.changed
        self.changes += listing.leave_out(self._root.id, left, now)
        self.seen += len(listed)
        self.excluded += len(left)
        return wanted

    def walk_root(self, top: SourceAsset) -> bool:
        """Walk the root; False if it is empty against all that is known."""
        with ThreadPoolExecutor(1, thread_name_prefix="geesync-listing") as asker:
            self._asker = asker
            inner = self._list(top, self._ask(top), is_root=True)
            if inner is None:
                return False
            self._walk(inner)
            return True

    def _walk(self, containers: list[SourceAsset]) -> None:
        # A stack, not recursion: an account may nest deeper than Python does.
        coming: dict[str, Iterator[list[SourceAsset]]] = {}
        while containers:
            container = containers.pop()
            pages = coming.pop(container.name, None) or self._ask(container)
            if containers and not coming:
                coming[containers[-1].name] = self._ask(containers[-1])
            containers.extend(self._list(container, pages) or ())

    def _ask(self, container: SourceAsset) -> Iterator[list[SourceAsset]]:
        """Ask for the container's first page now; each further one while one is worked on."""
        pages = self._step.earth_engine.list_children(container.name)
        return _following(self._asker, pages, self._asker.submit(next, pages, None))

    def _list(
        self,
        container: SourceAsset,
        pages: Iterator[list[SourceAsset]],
        *,
        is_root: bool = False,
    ) -> list[SourceAsset] | None:
        """List one container; return the containers in it, None for a suspicious root."""
        inner = []
        count = 0
        with self._step.listing.sightings() as sightings:
            for page in pages:
                if not self._step.workshop.keep_on():
                    raise stopped()
                sightings.see(asset.name for asset in page)
                count += len(page)
                wanted = self.take(self._complete(container, page))
                inner += [asset for asset in wanted if asset.is_container]
            page_after = ""
            while unseen := sightings.unseen(
                self._root.id, container.name, after=page_after, limit=_PAGE
            ):
                if is_root and not count:
                    return None
                self._prove_gone(unseen)
                page_after = unseen[-1].name
        return inner

    def _complete(self, container: SourceAsset, page: list[SourceAsset]) -> list[SourceAsset]:
        """Return the page with everything: a folder only names its children."""
        if container.type == IMAGE_COLLECTION:
            return page
        get = self._step.earth_engine.get_asset
        answers = self._step.workshop.each((asset.name for asset in page), get)
        whole = []
        for name, answer in answers:
            if isinstance(answer, SourceAsset):
                whole.append(answer)
            elif not (isinstance(answer, RemoteError) and answer.cause == Cause.GONE):
                raise answer  # vanished between the list and the get is fine, anything else is not
            else:
                log.info("asset_vanished_while_listed", asset=name)
        return whole

    def _prove_gone(self, unseen: list[LedgerAsset]) -> None:
        """Ask for each asset that a complete listing did not show; only a 404 is a proof."""
        get = self._step.earth_engine.get_asset
        answers = self._step.workshop.each(unseen, lambda asset: get(asset.name))
        gone = []
        for asset, answer in answers:
            if isinstance(answer, RemoteError) and answer.cause == Cause.GONE:
                gone.append(asset)
            elif isinstance(answer, Exception):
                raise answer
        self.changes += self._step.workshop.record(
            [Move(asset, SourceGone("no longer listed, and not found")) for asset in gone]
        )
        for asset in gone:
            if asset.type in CONTAINERS:
                self._prove_children_gone(asset)

    def _prove_children_gone(self, container: LedgerAsset) -> None:
        after = ""
        while children := self._step.listing.children(
            self._root.id, container.name, after=after, limit=_PAGE
        ):
            self._prove_gone(children)
            after = children[-1].name


def _following(
    asker: Executor,
    pages: Iterator[list[SourceAsset]],
    coming: Future[list[SourceAsset] | None],
) -> Iterator[list[SourceAsset]]:
    while (page := coming.result()) is not None:
        coming = asker.submit(next, pages, None)
        yield page
