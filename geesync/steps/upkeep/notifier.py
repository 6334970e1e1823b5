"""Sends notices to people who do not look: complete, stuck, quarantined, disk low, and so on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from geesync.adapters.host.messenger import Messenger
from geesync.adapters.mirror_files.mirror import free_bytes
from geesync.domain.assets.names import display_id
from geesync.domain.messages.notices import LastSent, Notice, due, remembered
from geesync.domain.messages.words import counted, duration, next_action, size
from geesync.domain.mirror.lifecycle import State
from geesync.errors import Cause
from geesync.steps.brakes.gates import Gates, Halt
from geesync.steps.step import StepContext, Tally
from geesync.store.ledger.roots import Roots
from geesync.store.views import status as views
from geesync.store.views.samples import moved_at

_EVERY = timedelta(minutes=1)
_SETTING = "notified"


@dataclass
class Notifier:
    """Looks at how it stands, and sends notices of what is worth one; moves nothing."""

    name: ClassVar[str] = "notifier"

    context: StepContext
    roots: Roots
    ledger: Path
    messenger: Messenger
    again: timedelta  #: between two notices of the same
    stuck: timedelta  #: without a move, while there is work
    disk_low_bytes: int  #: free on a mirror's file system
    gates: Sequence[Gates] = ()
    _next: datetime | None = field(default=None, init=False)

    def run_once(self) -> Tally:
        """Send notices of what has begun, or lasts and was not sent for long."""
        now = self.context.clock()
        if self._next is None or now >= self._next:
            self._next = now + _EVERY
            self.notify()
        return Tally()

    def notify(self) -> None:
        """Look now, however short a while ago the last look was."""
        now = self.context.clock()
        status = views.status(self.ledger, now=now, trouble=self.context.mirror_trouble)
        halts = [halt for gates in self.gates for halt in gates.halts()]
        found = [*_by_root(status), *_by_failures(status, halts), *self._disks(status)]
        found += _going_out(status)
        found += self._stuck(status, now)
        last_sent = self._last_sent()
        sent = {
            notice.key: self.messenger.send(notice)
            for notice in due(found, last_sent, now, self.again)
        }
        kept = remembered(found, last_sent, sent, now, self.again)
        if kept != last_sent:
            document = {
                key: [last.at.timestamp(), last.count, last.lasting] for key, last in kept.items()
            }
            self.roots.put(_SETTING, json.dumps(document), now)

    def _last_sent(self) -> dict[str, LastSent]:
        kept = json.loads(self.roots.get(_SETTING) or "{}")
        return {
            key: LastSent(datetime.fromtimestamp(at, UTC), count, lasting)
            for key, (at, count, lasting) in kept.items()
        }

    def _stuck(self, status: views.Status, now: datetime) -> Iterator[Notice]:
        last = moved_at(self.ledger)
        waiting = status.completeness.on_the_way
        if waiting and last and now - last > self.stuck:
            yield Notice(
                "stuck",
                "",
                f"geesync: nothing has moved for {duration(now - last)}",
                f"{counted(waiting, 'asset waits', 'assets wait')}. geesync status says what for.",
            )

    def _disks(self, status: views.Status) -> Iterator[Notice]:
        for dest in sorted({root.dest for root in status.watched}):
            if trouble := self.context.mirror_trouble(dest):
                yield Notice("disk", dest, "geesync: the mirror is not there", trouble)
            elif (free := free_bytes(Path(dest))) is not None and free < self.disk_low_bytes:
                text = f"{size(free)} are left at {dest}. Make room; geesync goes on by itself."
                yield Notice("disk", dest, "geesync: the disk is low", text)


def _by_root(status: views.Status) -> Iterator[Notice]:
    for root in status.watched:
        name = display_id(root.name)
        if root.alarm:
            yield Notice("alarm", name, f"geesync: the scan of {name} was not believed", root.alarm)
        elif root.wanted and root.completeness.is_complete:
            proved = counted(root.counts.get(State.VERIFIED, 0), "asset is", "assets are")
            text = f"{proved} on disk and proved. {root.completeness.line.capitalize()}."
            yield Notice("complete", name, f"geesync: {name} is complete", text)
        if root.completeness.unreadable:
            what = counted(root.completeness.unreadable, "asset or folder", "assets or folders")
            yield Notice(
                "unreadable",
                name,
                f"geesync: {what} of {name} cannot be read",
                "Earth Engine lists them and does not let them be read. Each scan asks again;"
                " geesync ls --unreadable tells what was answered.",
                root.completeness.unreadable,
            )


def _going_out(status: views.Status) -> Iterator[Notice]:
    for work in status.making:
        lines = [f"{lost.count:,} {lost.cause}: {lost.reason}" for lost in work.troubles]
        if not work.moving:
            counts = " · ".join(f"{count:,} {state}" for state, count in work.counts.items())
            what = f"geesync: the {work.title} is finished"
            yield Notice("finished", work.title, what, "\n".join([counts, *lines]))
        if count := work.counts.get("quarantined", 0):
            assets = counted(count, "asset")
            title = f"geesync: quarantined: {assets} of the {work.title}"
            yield Notice("quarantined", work.title, title, "\n".join([*lines, work.command]), count)
        halted = [lost for lost in work.troubles if lost.cause == Cause.PERMISSION]
        if halted and work.moving:
            text = f"{halted[0].reason}\n{next_action(Cause.PERMISSION, halted[0].state)}"
            yield Notice("permission", work.title, f"geesync: the {work.title} is refused", text)


def _by_failures(status: views.Status, halts: Sequence[Halt]) -> Iterator[Notice]:
    quarantined = [trouble for trouble in status.troubles if trouble.state == State.QUARANTINED]
    if quarantined:
        count = sum(trouble.count for trouble in quarantined)
        lines = [
            f"{trouble.count:,} {trouble.cause}: {display_id(trouble.example)}: {trouble.reason}"
            for trouble in quarantined
        ]
        assets = counted(count, "asset is", "assets are")
        yield Notice("quarantined", "", f"geesync: {assets} quarantined", "\n".join(lines), count)
    for halt in halts:
        title = f"geesync: {halt.work} halted: {halt.store}"
        yield Notice("halted", f"{halt.work}, {halt.store}", title, halt.reason)
    refused = [trouble for trouble in status.troubles if trouble.cause == Cause.PERMISSION]
    if refused and not halts:
        action = next_action(Cause.PERMISSION, State.DISCOVERED)
        yield Notice(
            "permission",
            "",
            "geesync: Google refuses the account",
            f"{refused[0].reason}\n{action}",
        )
