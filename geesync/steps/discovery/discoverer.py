"""Finds what is in the account: new, changed and vanished assets of every root.

What cannot be read, or listed, is noted and named, and the rest is taken: nothing is concluded
about what a scan did not see. A root that suddenly looks empty is an alarm: revoked access looks
just like deletion.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import display_id, is_derived
from geesync.domain.choices.options import Options
from geesync.domain.mirror.lifecycle import is_coming_home
from geesync.errors import RemoteError
from geesync.logger import get_logger
from geesync.steps.discovery.account import (
    Account,
    ListingBrokenError,
    Page,
    Unreadable,
    following,
)
from geesync.steps.step import StepContext, Tally
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.ledger.listing import Listing, Sightings
from geesync.store.ledger.roots import Root, Roots

log = get_logger()

_PAGE = 500

#: After a scan that broke: soon, but not at once.
_RETRY = timedelta(minutes=5)


@dataclass
class Discoverer:
    """Scans the roots that are due."""

    name: ClassVar[str] = "discoverer"

    context: StepContext
    earth_engine: EarthEngine
    listing: Listing
    roots: Roots
    interval: timedelta
    options: Options  #: of roots that chose nothing else

    def run_once(self) -> Tally:
        """Scan every root whose time has come; a broken scan is tried again soon."""
        tally = Tally()
        now = self.context.clock()
        for root in self.roots.working():
            if self.context.stopping() or not self._has_come(root, now):
                continue
            if is_derived(root.name):  # a job's own scan finds what is new for it
                continue
            try:
                tally.moved += self._scan(root)
            except RemoteError as error:
                if self.context.stopping():
                    break  # the scan is still due
                log.warning("scan_broken", root=root.name, cause=error.cause, error=str(error))
                self._finish(root, alarm=f"the scan broke: {error}", wait=_RETRY)
        return tally

    def _has_come(self, root: Root, now: datetime) -> bool:
        """Whether a root is to be scanned; a clock that was ahead must not put that off."""
        longest = max(root.interval or self.interval, _RETRY)
        return not (root.next_scan_at and now < root.next_scan_at <= now + longest)

    def _scan(self, root: Root) -> int:
        log.info("scan_started", root=root.name)
        scan = _Scan(self, root)
        top = self.earth_engine.find_asset(root.name)
        if top is None:
            self._finish(root, alarm=f"{display_id(root.name)} is absent or not ours to see")
            return 0
        scan.take([top])
        if top.is_container and not scan.walk_root(top):
            self._finish(root, alarm="it lists nothing, though assets are known below it")
            return scan.changes
        quota = json.dumps(top.json["quota"]) if "quota" in top.json else None
        self._finish(
            root,
            alarm=None,
            wait=_RETRY if scan.ask_soon else None,
            scanned_at=self.context.clock(),
            excluded=scan.excluded,
            quota=quota,
        )
        log.info(
            "scan_finished",
            root=root.name,
            changes=scan.changes,
            assets=scan.seen,
            excluded=scan.excluded,
            unreadable=scan.unreadable,
        )
        return scan.changes

    def _finish(
        self, root: Root, *, alarm: str | None, wait: timedelta | None = None, **values: object
    ) -> None:
        if alarm:
            log.warning("scan_alarm", root=root.name, alarm=alarm)
        due = self.context.clock() + (wait or root.interval or self.interval)
        self.roots.update(root.id, alarm=alarm, next_scan_at=due, **values)


class _Scan:
    """One walk through one root."""

    def __init__(self, step: Discoverer, root: Root) -> None:
        self._context, self._listing = step.context, step.listing
        self._root = root
        self._options = step.options.over(root.options)
        self._others = {
            other.id: (other.name, step.options.over(other.options))
            for other in step.roots.all()
            if other.id != root.id
        }
        self.changes = 0
        self.seen = 0
        self.excluded = 0  #: by the root's filters; what lies in an excluded folder is not listed
        self.unreadable = 0
        self._unlisted: set[str] = set()  # containers of which that was true until now
        self.ask_soon = False  #: what could not be read for the first time may be readable soon
        self._account = Account(
            step.earth_engine, root.name, step.context.each, step.context.check_stop
        )
        step.listing.prioritise(root.id, root.name, self._options.priority)

    def take(self, listed: list[SourceAsset]) -> list[SourceAsset]:
        """Take in assets that are known whole; return those that the root's filters let pass."""
        wanted, now = self._filtered(listed), self._context.clock()
        priority = self._options.priority
        observed = self._listing.observe(
            *(self._root.id, wanted, now), priority=priority, given_up=self._is_given_up
        )
        self.changes += observed.new + observed.changed
        self._unlisted |= observed.unreadable
        for name in observed.emptied:
            self._prove_children_gone(name)
        self.seen += len(listed)
        self.excluded += len(listed) - len(wanted)
        return wanted

    def _is_given_up(self, root_id: int, source: SourceAsset) -> bool:
        other = self._others.get(root_id)  # one that came since the scan began gives up nothing
        return bool(other and other[1].leaves_out(source, other[0]))

    def _filtered(self, sources: Iterable[SourceAsset]) -> list[SourceAsset]:
        """Return what the root's filters let pass; note of the rest why it is left out."""
        wanted, left = [], []
        for source in sources:
            why = self._options.leaves_out(source, self._root.name)
            left += [(source, why)] if why else []
            wanted += [] if why else [source]
        self.changes += self._listing.leave_out(self._root.id, left, self._context.clock())
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
        coming: dict[str, Iterator[Page]] = {}

        def look_ahead() -> None:
            if containers and not coming:
                coming[containers[-1].name] = self._ask(containers[-1])

        while containers:
            container = containers.pop()
            pages = coming.pop(container.name, None) or self._ask(container)
            containers += self._list(container, pages, look_ahead) or ()

    def _ask(self, container: SourceAsset) -> Iterator[Page]:
        """Ask for the container's first page now; each further one while one is worked on."""
        pages = self._account.whole_pages(container, self._listing.revisions)
        return following(self._asker, pages, self._asker.submit(next, pages, None))

    def _list(
        self,
        container: SourceAsset,
        pages: Iterator[Page],
        look_ahead: Callable[[], None] = lambda: None,
        *,
        is_root: bool = False,
    ) -> list[SourceAsset] | None:
        """List one container; return the containers in it, None for a suspicious root.

        look_ahead: called when its next page is asked for, to ask for another one's after that.
        """
        inner: list[SourceAsset] = []
        absent: list[Unreadable] = []
        count = 0
        with self._listing.sightings() as sightings:
            try:
                for page in pages:
                    look_ahead()
                    sightings.see(page.names)
                    count += len(page.names)
                    answers = page.answers
                    inner += [asset for asset in self.take(answers.whole) if asset.is_container]
                    self._note([one for one in answers.unreadable if not one.may_be_absent])
                    absent += [one for one in answers.unreadable if one.may_be_absent]
            except ListingBrokenError as error:
                if is_root:
                    raise
                self._account.check_world()
                self._note([*absent, Unreadable(container, error)])
                return inner
            if is_root and not count and self._children(container.name, limit=1):
                return None
            self._prove_unseen(container, sightings)
        self._note(self._account.still_listed(container.name, absent))
        if container.name in self._unlisted:
            self._listing.note_readable(self._root.id, [container.name])
        return inner

    def _note(self, unreadable: list[Unreadable]) -> None:
        """Take in what cannot be read, or listed; the root's filters leave out here, too."""
        wanted = self._filtered(refused.source for refused in unreadable)
        names = {source.name for source in wanted}
        kept = [refused for refused in unreadable if refused.source.name in names]
        now = self._context.clock()
        for some in (kept[start : start + _PAGE] for start in range(0, len(kept), _PAGE)):
            newly = self._listing.note_unreadable(
                self._root.id,
                [(refused.source, refused.why) for refused in some],
                now,
                priority=self._options.priority,
            )
            for refused in some:
                if refused.source.name in newly:
                    log.warning("asset_unreadable", asset=refused.source.name, error=refused.why)
                    self.ask_soon |= refused.may_pass
        self.unreadable += len(kept)

    def _children(
        self, container: str, after: str = "", *, limit: int = _PAGE
    ) -> list[LedgerAsset]:
        return self._listing.children(self._root.id, container, after=after, limit=limit)

    def _prove_unseen(self, container: SourceAsset, sightings: Sightings) -> None:
        after = ""
        while unseen := sightings.unseen(self._root.id, container.name, after=after, limit=_PAGE):
            self._prove_gone(unseen)
            after = unseen[-1].name

    def _prove_gone(self, unseen: list[LedgerAsset]) -> None:
        """Ask for each asset that a complete listing did not show.

        Only if that, too, says that it may not be there it is gone.
        """
        answers = self._account.read(
            SourceAsset({"name": asset.name, "type": asset.type}) for asset in unseen
        )
        absent = {refused.source.name for refused in answers.unreadable if refused.may_be_absent}
        gone = [asset for asset in unseen if asset.name in absent]
        for asset in gone:
            if asset.is_container:
                self._prove_children_gone(asset.name)
        gone = [asset for asset in gone if not self._is_coming_home(asset)]
        self.changes += self._context.record(self._listing.absences(gone))
        self._note([refused for refused in answers.unreadable if not refused.may_be_absent])
        self._listing.note_readable(self._root.id, [source.name for source in answers.whole])

    def _is_coming_home(self, asset: LedgerAsset) -> bool:
        """Whether the last copy of it, or of what lies in it, is yet to come: it is gone after."""
        if not asset.is_container:
            return is_coming_home(asset.standing)
        return any(map(self._is_coming_home, self._children(asset.name)))

    def _prove_children_gone(self, container: str) -> None:
        after = ""
        while children := self._children(container, after):
            self._prove_gone(children)
            after = children[-1].name
