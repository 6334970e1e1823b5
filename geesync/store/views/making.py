"""The progress of restores, and of the results of jobs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted
from geesync.domain.tasks.lifecycle import SubjectKind
from geesync.store.tables.states import MAKING_MOVING, is_making_paused
from geesync.store.views.troubles import Trouble

#: How long finished work is still listed.
_LISTED_FOR = timedelta(days=1)

#: Of each asset that is to be made: what it belongs to, and how far it is.
_ALL = f"""
    SELECT '{SubjectKind.RESTORE}' AS kind, target_root AS name, target, state, cause, reason,
        not_before, moved_at, {is_making_paused("target", "target")} AS paused
    FROM restored JOIN restoration ON restoration.id = restoration_id
    UNION ALL
    SELECT '{SubjectKind.DERIVED}', job, target, state, cause, reason, not_before, moved_at,
        {is_making_paused("target", "job")}
    FROM derived
"""  # noqa: S608 # our own words


@dataclass(frozen=True)
class MakingStatus:
    """A restore below one root, or a job: how many assets stand where."""

    kind: str
    name: str  #: of the root that a restore goes to, or of the job
    counts: dict[str, int]  #: by state, in no order
    paused: bool
    moved_at: datetime  #: the last one that did
    troubles: list[Trouble]

    @property
    def title(self) -> str:
        """Its name, for people."""
        if self.kind == SubjectKind.RESTORE:
            return f"restore to {display_id(self.name)}"
        return f"job {self.name}"

    @property
    def moving(self) -> int:
        """Assets that are not yet where they rest."""
        return sum(count for state, count in self.counts.items() if f"'{state}'" in MAKING_MOVING)

    @property
    def is_finished(self) -> bool:
        """Whether nothing of it is left to do, neither for us nor for a person."""
        return not self.moving and not self.counts.get("quarantined")

    @property
    def reasons(self) -> Iterator[str]:
        """Why it is not finished; none if it is."""
        if self.moving and self.paused:
            yield self._phrase(self.moving, "waits", "wait") + " for the end of the pause"
        elif self.moving:
            yield self._phrase(self.moving, "is", "are") + " on the way"
        if quarantined := self.counts.get("quarantined"):
            yield self._phrase(quarantined, "is", "are") + f" quarantined, {self.command}"

    def _phrase(self, count: int, singular: str, plural: str) -> str:
        of_it = f"of the {self.title}"
        return counted(count, f"asset {of_it} {singular}", f"assets {of_it} {plural}")

    @property
    def command(self) -> str:
        """The command that shows more of it."""
        if self.kind == SubjectKind.RESTORE:
            return f"geesync restores {display_id(self.name)}"
        return f"geesync derive status {self.name}"


def making(connection: sqlite3.Connection, now: datetime | None = None) -> list[MakingStatus]:
    """Return all restores and jobs, in the order of their names.

    now: leaves out those that were finished more than a day before.
    """
    counts: dict[tuple[str, str], dict[str, int]] = {}
    paused, moved_at = set(), dict[tuple[str, str], float]()
    for row in connection.execute(
        f"SELECT kind, name, state, count(*) AS assets, max(paused) AS paused,"  # noqa: S608 # our own words
        f" max(moved_at) AS moved_at FROM ({_ALL})"
        " WHERE state <> 'cancelled' GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3"
    ):
        key = row["kind"], row["name"]
        counts.setdefault(key, {})[row["state"]] = row["assets"]
        paused |= {key} if row["paused"] else set()
        moved_at[key] = max(moved_at.get(key, 0), row["moved_at"])
    troubles = _troubles(connection) if counts else {}
    found = [
        MakingStatus(
            *(*key, states, key in paused, datetime.fromtimestamp(moved_at[key], UTC)),
            troubles.get(key, []),
        )
        for key, states in counts.items()
    ]
    if now is None:
        return found
    return [work for work in found if not work.is_finished or now - work.moved_at < _LISTED_FOR]


def _troubles(connection: sqlite3.Connection) -> dict[tuple[str, str], list[Trouble]]:
    found: dict[tuple[str, str], list[Trouble]] = {}
    for row in connection.execute(
        "SELECT kind, name, cause, state, count(*) AS assets, min(target) AS example, reason"  # noqa: S608 # our own words
        f" FROM ({_ALL}) WHERE cause IS NOT NULL AND state <> 'cancelled' GROUP BY 1, 2, 3, 4"
    ):
        trouble = Trouble(
            row["cause"], row["assets"], row["example"], row["reason"] or "", row["state"]
        )
        found.setdefault((row["kind"], row["name"]), []).append(trouble)
    return found


def is_making_soon(connection: sqlite3.Connection, until: datetime) -> bool:
    """Whether something that is not paused is to be made, and its time comes before a moment."""
    soon = connection.execute(
        f"SELECT 1 FROM ({_ALL}) WHERE state IN ({MAKING_MOVING})"  # noqa: S608 # our own words
        " AND coalesce(not_before, 0) < ? AND NOT paused LIMIT 1",
        (until.timestamp(),),
    ).fetchone()
    return soon is not None
