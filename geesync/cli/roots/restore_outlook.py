"""What a restore would take: losses, room, time and warnings, before the first byte moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from geesync.checks.restore_plan import RestorePlan, quota_of
from geesync.checks.surroundings import GUIDE, look_at_bucket
from geesync.cli.context import now, print_json, say
from geesync.domain.assets.names import display_id
from geesync.domain.messages.findings import Finding, warn
from geesync.domain.messages.words import counted, duration, size
from geesync.domain.restore.losses import ALWAYS, HARMLESS
from geesync.domain.tasks.estimate import pace_of
from geesync.domain.tasks.lifecycle import SubjectKind
from geesync.errors import UserError
from geesync.store.browsing.precedents import ended_tasks

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.adapters.storage.stores import Stores
    from geesync.config import Config
    from geesync.domain.json import Json

#: Losses that are listed one by one; the rest is counted.
_LISTED = 20


@dataclass(frozen=True)
class Room:
    """The room that an account has left."""

    top: str
    assets: int
    size_bytes: int

    def holds(self, plan: RestorePlan) -> bool:
        """Whether all that a plan makes has room."""
        return len(plan.wanted) <= self.assets and plan.room_bytes <= self.size_bytes

    def __str__(self) -> str:
        room = f"{counted(self.assets, 'asset')} and {size(self.size_bytes)}"
        return f"{display_id(self.top)} has room for {room}"


@dataclass(frozen=True)
class Outlook:
    """What is known of a restore before it begins."""

    plan: RestorePlan
    root: str
    time: timedelta  #: of its tasks
    room: Room | None  #: None: Earth Engine does not say
    warnings: Sequence[Finding]

    def print(self, *, as_json: bool) -> None:
        """Print it."""
        if as_json:
            print_json(self._document())
            return
        plan = self.plan
        kinds = ", ".join(
            counted(count, kind.lower().replace("_", " "))
            for kind, count in sorted(plan.counts.items())
        )
        say(f"to {display_id(self.root)}: {kinds}")
        uploads, tasks = counted(plan.uploads, "file"), counted(plan.tasks, "task")
        takes = f": about {duration(self.time)}, without the upload" if plan.tasks else ""
        say(f"{uploads} to upload, {size(plan.upload_bytes)}; {tasks}{takes}")
        if self.room:
            say(f"{self.room}; this takes {size(plan.room_bytes)}")
        lost = [loss for loss in plan.losses() if loss[1] not in HARMLESS]
        for name, kind, what in lost[:_LISTED]:
            say(f"  lost  {display_id(name)}  {kind}: {what}")
        if len(lost) > _LISTED:
            say(f"  … {len(lost):,} in all: --json lists every one")
        say(f"of everything: {ALWAYS}")
        for warning in self.warnings:
            say(f"warning: {warning.name}: {warning.text}: {warning.mend}")

    def _document(self) -> Json:
        plan, room = self.plan, self.room
        return {
            "to": self.root,
            "assets": plan.counts,
            "uploads": plan.uploads,
            "size_bytes": plan.upload_bytes,
            "tasks": plan.tasks,
            "estimated_s": self.time.total_seconds(),
            "room": room and {"assets": room.assets, "size_bytes": room.size_bytes},
            "losses": [{"asset": n, "kind": k, "what": w} for n, k, w in plan.losses()],
            "warnings": [{"what": warning.text, "mend": warning.mend} for warning in self.warnings],
        }

    def require_room(self, type_of: Callable[[str], str | None]) -> None:
        """Raise UserError if the account has not the room for what is not there yet.

        type_of: what is at a place, which takes a request; so it is asked only where room is short.
        """
        room = self.room
        if room is None or room.holds(self.plan):
            return
        missing = (one for one in self.plan.wanted if type_of(one.target) is None)
        if not room.holds(replace(self.plan, wanted=tuple(missing))):
            raise UserError(str(room), hint="free some, or restore elsewhere")


def look_ahead(
    config: Config, earth_engine: EarthEngine, stores: Stores, plan: RestorePlan, root: str
) -> Outlook:
    """Return what a restore would take; its tasks as long as this ledger's last, or as exports."""
    pace = pace_of(ended_tasks(config.ledger, SubjectKind.RESTORE))
    top = "/".join(root.split("/")[: 5 if root.startswith("projects/earthengine-legacy") else 3])
    quota = quota_of(earth_engine.get_asset(top))
    room = Room(top, *quota) if quota else None
    return Outlook(plan, root, pace.time_for(plan.tasks), room, _warnings(config, stores, plan))


def _warnings(config: Config, stores: Stores, plan: RestorePlan) -> list[Finding]:
    """Return what the bucket would do to what is staged."""
    if not plan.folders:
        return []
    if config.bucket is None:
        return [warn("bucket", "none is set, and files are to be staged in one", GUIDE)]
    return list(look_at_bucket(stores.storage, config.bucket, now().date(), plan.folders))
