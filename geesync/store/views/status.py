"""Answers to questions, read-only and quick: a million assets are answered from counters.

Speaks SQLite directly: a command that only asks should not wait for SQLAlchemy to be imported.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from geesync.domain.assets.names import candidates
from geesync.domain.json import from_seconds
from geesync.domain.mirror.lifecycle import RESTING, UNWANTED, State
from geesync.domain.state_machine import LONGEST_WAIT
from geesync.domain.tasks.lifecycle import ASSETS
from geesync.store.file.soundness import reading
from geesync.store.tables.states import (
    ASSET_MOVING,
    ASSET_STORE,
    IS_PAUSED,
    IS_UNSEEN,
    TASK_IN_FLIGHT,
    TASK_STORE,
    TASK_UNSENT,
)
from geesync.store.views.completeness import (
    Completeness,
    MirrorTrouble,
    completeness,
    completeness_of_root,
    pauses,
    unseen,
)
from geesync.store.views.heartbeat import read_beat
from geesync.store.views.making import MakingStatus, is_making_soon, making
from geesync.store.views.pace import Pace, pace
from geesync.store.views.troubles import Trouble, troubles

#: Brakes that hold until something is done about them, or a month ends; others come and go.
_LASTING = ("disk", "eecu")


@dataclass(frozen=True)
class RootStatus:
    """One root: how many assets stand where."""

    name: str
    dest: str
    counts: dict[str, int]  #: by state
    size_bytes: int  #: as Earth Engine counts them
    verified_bytes: int
    scanned_at: datetime | None
    excluded: int  #: assets that its filters leave out
    alarm: str | None
    watched: bool
    quota: dict[str, str] | None = None  #: as of the last scan; own roots only
    paused: bool = False
    completeness: Completeness = field(default_factory=Completeness)  #: of what it has taken

    @property
    def assets(self) -> int:
        """Every asset that is or was below the root."""
        return sum(self.counts.values())

    @property
    def wanted(self) -> int:
        """Assets that are to be kept: neither gone nor excluded."""
        return self.assets - sum(self.counts.get(state, 0) for state in UNWANTED)

    @property
    def good(self) -> int:
        """Assets that are verified, and are still what Earth Engine lets us read."""
        return self.counts.get(State.VERIFIED, 0) - self.completeness.unreadable_copies

    @property
    def moving(self) -> int:
        """Assets that are not yet where they rest."""
        return self.assets - sum(self.counts.get(state, 0) for state in RESTING)


@dataclass(frozen=True)
class Status:
    """How it stands."""

    roots: list[RootStatus]
    operations: dict[str, int]  #: our exports by state
    queue: dict[str, int]  #: the project's, as last seen: queued, running, foreign
    staged_bytes: int
    troubles: list[Trouble]
    left_out: int  #: assets of which something cannot be taken as files
    pace: Pace
    pauses: list[str]  #: what is paused, with all below it; "" is everything
    daemon: dict[str, Any] | None  #: the daemon's heartbeat, or None if it gives none
    completeness: Completeness = field(default_factory=Completeness)
    making: list[MakingStatus] = field(default_factory=list)  #: what goes out again

    @property
    def watched(self) -> list[RootStatus]:
        """The roots of which new assets are still looked for."""
        return [root for root in self.roots if root.watched]

    @property
    def counts(self) -> Counter[str]:
        """Assets by state, over all watched roots."""
        return sum((Counter(root.counts) for root in self.watched), Counter())

    @property
    def moving(self) -> int:
        """Assets that are not yet where they rest."""
        return sum(root.moving for root in self.roots)

    @property
    def paused(self) -> bool:
        """Whether everything is."""
        return "" in self.pauses

    @property
    def halted(self) -> list[str]:
        """Which destinations are refused, and why."""
        halts = (self.daemon or {}).get("halts", [])
        return list(dict.fromkeys(f"{halt['store']}: {halt['reason']}" for halt in halts))

    @property
    def stands_still(self) -> str:
        """Why nothing new is begun, for people; "" if it is."""
        if self.paused or (self.watched and all(root.paused for root in self.watched)):
            return "paused, geesync resume goes on"
        full = [brake for brake in (self.daemon or {}).get("brakes", []) if brake["holds"]]
        lasting = [brake["text"] for brake in full if brake["name"] in _LASTING]
        # While something comes, what is refused is not all.
        return "; ".join([*([] if self.pace.per_hour else self.halted), *lasting])

    @property
    def eta(self) -> timedelta | None:
        """How long it will take; None if nobody can know, or if it stands still."""
        unknown = any(root.scanned_at is None or root.alarm for root in self.watched)
        held = self.stands_still or self.halted or self.completeness.paused or unknown
        return None if held or not self.moving else self.pace.left


def status(
    path: Path, *, now: datetime, root: str | None = None, trouble: MirrorTrouble = unseen
) -> Status:
    """Return how all roots (or one, by name) stand."""
    with reading(path) as connection:
        settings = {row["key"]: row for row in connection.execute("SELECT * FROM setting")}
        return Status(
            roots=_roots(connection, root, trouble),
            operations=dict(
                connection.execute(
                    "SELECT state, count(*) FROM task"  # noqa: S608 # our own words
                    f" WHERE state IN ({TASK_IN_FLIGHT}) GROUP BY state"
                ).fetchall()
            ),
            queue=json.loads(settings["queue"]["value"]) if "queue" in settings else {},
            staged_bytes=int(
                connection.execute(
                    "SELECT total(CASE name WHEN 'staged_bytes' THEN value ELSE -value END)"
                    " FROM total WHERE name IN ('staged_bytes', 'unstaged_bytes')"
                ).fetchone()[0]
            ),
            troubles=troubles(connection),
            left_out=connection.execute(
                "SELECT coalesce(sum(assets), 0) FROM trouble WHERE kind = 'left_out'"
            ).fetchone()[0],
            pace=pace(connection, now, root),
            pauses=pauses(connection),
            daemon=read_beat(settings.get("heartbeat"), now),
            completeness=completeness(connection, root, trouble),
            making=[] if root else making(connection, now),
        )


def _roots(
    connection: sqlite3.Connection, name: str | None, trouble: MirrorTrouble
) -> list[RootStatus]:
    tallies: dict[int, dict[str, tuple[int, int]]] = {}
    for row in connection.execute(
        "SELECT root_id, state, sum(assets) AS assets, sum(size_bytes) AS size_bytes"
        " FROM tally GROUP BY root_id, state HAVING sum(assets) > 0"
    ):
        tallies.setdefault(row["root_id"], {})[row["state"]] = (row["assets"], row["size_bytes"])
    roots = connection.execute(
        "SELECT * FROM root WHERE ?1 IS NULL OR name = ?1 ORDER BY id", (name,)
    )
    return [
        _root(row, tallies.get(row["id"], {}), completeness_of_root(connection, row, trouble))
        for row in roots
    ]


def _root(
    row: sqlite3.Row, tally: dict[str, tuple[int, int]], completeness: Completeness
) -> RootStatus:
    return RootStatus(
        completeness=completeness,
        name=row["name"],
        dest=row["dest"],
        counts={state: tally[state][0] for state in State if state in tally},
        size_bytes=sum(size for _, size in tally.values()),
        verified_bytes=tally.get(State.VERIFIED, (0, 0))[1],
        scanned_at=from_seconds(row["scanned_at"]),
        excluded=row["excluded"],
        alarm=row["alarm"],
        watched=row["removed_at"] is None,
        quota=json.loads(row["quota"]) if row["quota"] else None,
        paused=row["paused_at"] is not None,
    )


#: A wait that is longer than this is no reason for ``sync --once`` to stay.
_LONG_WAIT = timedelta(minutes=5)


def is_quiet(
    path: Path, *, now: datetime, halted: Collection[str] = (), held: bool = False
) -> bool:
    """Whether nothing is in flight, and nothing will be due soon.

    halted: stores, or "direct", that are refused for long: what waits for them counts for nothing.
    held: nor does what is due, as something else has held it up for long, such as a full disk.
    """
    soon_at = now + _LONG_WAIT
    refused = ", ".join("?" for _ in halted)
    with reading(path) as connection:
        in_flight, soon = connection.execute(
            "SELECT (SELECT count(*) FROM task"  # noqa: S608 # our own words
            f"  WHERE state IN ({TASK_IN_FLIGHT})"
            f"   AND NOT (state IN ({TASK_UNSENT}) AND {TASK_STORE} IN ({refused}))),"
            " (SELECT count(*) FROM asset JOIN root ON root.id = root_id"
            f"  WHERE state IN ({ASSET_MOVING})"
            "  AND root.removed_at IS NULL AND coalesce(not_before, 0) NOT BETWEEN ? AND ?"
            "  AND root.paused_at IS NULL"
            f"  AND NOT {IS_PAUSED} AND NOT {IS_UNSEEN}"
            "  AND NOT (state IN ('discovered', 'in_bucket')"
            f"   AND coalesce({ASSET_STORE}, asset.way, '') IN ({refused})))",
            # What waits for longer was written while the clock was ahead, and is due.
            (*halted, soon_at.timestamp(), (now + LONGEST_WAIT).timestamp(), *halted),
        ).fetchone()
        making_soon = ASSETS not in halted and is_making_soon(connection, soon_at)
        return not in_flight and (held or not (soon or making_soon))


def made_named(path: Path, given: str) -> str | None:
    """Return the name of the job, or of the root that is restored to, that is meant, if one is."""
    names = {given, *(candidates(given) if "/" in given else ())}
    with reading(path) as connection:
        return next((work.name for work in making(connection) if work.name in names), None)


def completeness_of(
    path: Path, name: str | None = None, trouble: MirrorTrouble = unseen
) -> Completeness:
    """Return whether all is here: of all watched roots, or of what has this canonical name."""
    with reading(path) as connection:
        return completeness(connection, name, trouble)


def is_known(path: Path, name: str) -> bool:
    """Whether an asset of this canonical name is in the ledger."""
    with reading(path) as connection:
        found = connection.execute("SELECT 1 FROM asset WHERE name = ?", (name,)).fetchone()
        return found is not None
