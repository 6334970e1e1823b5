"""Whether all is here that is wanted, and if not, every reason why not.

The one answer that status, page, notices and exit codes give.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from geesync.domain.assets.names import display_id, is_within, parent_of
from geesync.domain.messages.words import counted
from geesync.domain.mirror.lifecycle import RESTING, State
from geesync.errors import Cause
from geesync.store.tables.states import ASSET_MOVING, PAUSED, PAUSED_BELOW
from geesync.store.views.making import making


@dataclass(frozen=True)
class Completeness:
    """What is to be said of all roots, of one, or of an asset with all below it."""

    reasons: tuple[str, ...] = ()  #: why it is not complete; none if it is
    left_out: int = 0  #: assets of which something has no form as a file
    quarantined: int = 0  #: not counting those that could not even be read
    unreadable: int = 0  #: assets that cannot be read, and containers that cannot be listed
    unreadable_copies: int = 0  #: of these, those of which a verified copy is here
    on_the_way: int = 0  #: assets that move, and are not paused
    paused: int = 0  #: assets that would move

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing that could be here."""
        return not self.reasons

    @property
    def line(self) -> str:
        """Return the answer in one line."""
        if self.reasons:
            return f"not complete: {'; '.join(self.reasons)}"
        if not self.left_out:
            return "complete"
        assets = counted(self.left_out, "asset")
        return f"complete, but for what no file can hold of {assets}: geesync ls --left-out"


@dataclass
class _Counts:
    moving: int = 0
    paused: int = 0  #: of these, those that wait for the end of a pause
    quarantined: int = 0
    unreadable: int = 0
    unreadable_copies: int = 0
    left_out: int = 0
    states: dict[str, int] = field(default_factory=dict)


def completeness(connection: sqlite3.Connection, name: str | None = None) -> Completeness:
    """Return whether all is here: of all watched roots, or of what has this canonical name."""
    roots = [
        root
        for root in connection.execute("SELECT * FROM root WHERE removed_at IS NULL")
        if name is None or is_within(name, root["name"]) or is_within(root["name"], name)
    ]
    whole = name is None or [root["name"] for root in roots] == [name]  # no other has a part of it
    ids = [root["id"] for root in roots]
    counts = _of_roots(connection, ids) if whole else _below(connection, str(name))
    counts.paused = _count_paused(connection, roots, name, counts.moving)
    out = making(connection) if name is None else []
    reasons = [] if out and not roots else list(_of_scans(roots, name))
    reasons += _of_counts(counts)
    if name is not None:
        reasons += _of_asset(connection, name)
    reasons += (reason for one in out for reason in one.reasons)
    return _completeness(counts, reasons)


def completeness_of_root(connection: sqlite3.Connection, root: sqlite3.Row) -> Completeness:
    """Return the same of what one root itself has taken, by counters only; root: its row."""
    counts = _of_roots(connection, [root["id"]])
    counts.paused = _count_paused(connection, [root], root["name"], counts.moving)
    return _completeness(counts, [*_of_scans([root], root["name"]), *_of_counts(counts)])


def _completeness(counts: _Counts, reasons: Iterable[str]) -> Completeness:
    return Completeness(
        tuple(reasons),
        counts.left_out,
        counts.quarantined,
        counts.unreadable,
        counts.unreadable_copies,
        counts.moving - counts.paused,
        counts.paused,
    )


def _of_roots(connection: sqlite3.Connection, ids: list[int]) -> _Counts:
    """Return what counters say: as quick for a million assets as for one."""
    marks = ", ".join("?" * len(ids))
    counts = _Counts()
    for state, assets in connection.execute(
        f"SELECT state, sum(assets) FROM tally WHERE root_id IN ({marks}) GROUP BY state",  # noqa: S608 # ? only
        ids,
    ):
        counts.states[state] = assets
    unread, counts.unreadable_copies, counts.unreadable = connection.execute(
        "SELECT coalesce(sum(state = ? AND cause = ?), 0), coalesce(sum(state = ?), 0), count(*)"  # noqa: S608 # ? only
        f" FROM unreadable CROSS JOIN asset ON asset.id = asset_id WHERE root_id IN ({marks})",
        (State.QUARANTINED, Cause.UNREADABLE, State.VERIFIED, *ids),
    ).fetchone()
    (counts.left_out,) = connection.execute(
        "SELECT coalesce(sum(assets), 0) FROM trouble WHERE kind = 'left_out'"  # noqa: S608 # ? only
        f" AND state IN ({marks})",
        [str(root_id) for root_id in ids],
    ).fetchone()
    return _summed(counts, unread)


def _below(connection: sqlite3.Connection, name: str) -> _Counts:
    """Return what the assets of a tree say, each of them."""
    counts, unread = _Counts(), 0
    for row in connection.execute(
        "SELECT state, coalesce(cause = ?, 0) AS unread, why IS NOT NULL AS unreadable,"
        " left_out IS NOT NULL AS left_out, count(*) AS assets"
        " FROM asset LEFT JOIN unreadable ON asset_id = asset.id"
        " WHERE name = ? OR (name > ? AND name < ?) GROUP BY 1, 2, 3, 4",
        (Cause.UNREADABLE, name, f"{name}/", f"{name}0"),  # 0 follows /
    ):
        counts.states[row["state"]] = counts.states.get(row["state"], 0) + row["assets"]
        counts.unreadable += row["assets"] * row["unreadable"]
        counts.left_out += row["assets"] * row["left_out"]
        unread += row["assets"] * (row["state"] == State.QUARANTINED and row["unread"])
    return _summed(counts, unread)


def _summed(counts: _Counts, unread: int) -> _Counts:
    counts.moving = sum(n for state, n in counts.states.items() if state not in RESTING)
    counts.quarantined = counts.states.get(State.QUARANTINED, 0) - unread
    return counts


def pauses(connection: sqlite3.Connection) -> list[str]:
    """Return what is paused by name, with all below it; "" is everything, and comes first."""
    rows = connection.execute(
        "SELECT key FROM setting WHERE key = ? OR key BETWEEN ? AND ? ORDER BY key",
        (PAUSED, PAUSED_BELOW, f"{PAUSED};"),  # ; follows :
    )
    return [row["key"].removeprefix(PAUSED_BELOW).removeprefix(PAUSED) for row in rows]


def _count_paused(
    connection: sqlite3.Connection, roots: list[sqlite3.Row], name: str | None, moving: int
) -> int:
    """Return how many assets wait for the end of a pause; moving: all that are not at rest."""
    named = pauses(connection)
    around = any(not one or (name is not None and is_within(name, one)) for one in named)
    if around or (roots and all(root["paused_at"] for root in roots)):
        return moving
    ids = [root["id"] for root in roots if root["paused_at"]]
    (count,) = connection.execute(
        "SELECT coalesce(sum(assets), 0) FROM tally"  # noqa: S608 # our own words
        f" WHERE state IN ({ASSET_MOVING}) AND root_id IN ({', '.join('?' * len(ids))})",
        ids,
    ).fetchone()
    for one in named:
        if (name is None or is_within(one, name)) and not _is_inside_another(one, named):
            (below,) = connection.execute(
                "SELECT count(*) FROM asset JOIN root ON root.id = root_id"  # noqa: S608 # our own words
                " WHERE (asset.name = :name OR asset.name BETWEEN :name || '/' AND :name || '0')"
                f" AND state IN ({ASSET_MOVING}) AND paused_at IS NULL AND removed_at IS NULL",
                {"name": one},
            ).fetchone()
            count += below
    return min(int(count), moving)


def _is_inside_another(name: str, names: Iterable[str]) -> bool:
    return any(name != other and is_within(name, other) for other in names)


def _of_scans(roots: list[sqlite3.Row], name: str | None) -> Iterator[str]:
    if not roots and name is None:
        yield "nothing is watched, geesync enqueue ROOT"
    elif not roots:
        yield "it is not watched any more, geesync enqueue ROOT"
    for root in roots:
        if root["alarm"]:
            yield f"the last scan of {display_id(root['name'])} was not believed: {root['alarm']}"
        elif root["scanned_at"] is None:
            yield f"{display_id(root['name'])} is not yet scanned"


def _of_counts(counts: _Counts) -> Iterator[str]:
    if counts.paused:
        yield f"{counted(counts.paused, 'asset waits', 'assets wait')} for the end of the pause"
    if moving := counts.moving - counts.paused:
        yield f"{counted(moving, 'asset is', 'assets are')} on the way"
    if counts.quarantined:
        yield f"{counted(counts.quarantined, 'asset is', 'assets are')} quarantined"
    if counts.unreadable:
        what = counted(counts.unreadable, "asset or folder", "assets or folders")
        yield f"{what} cannot be read at Earth Engine, geesync ls --unreadable"


def _of_asset(connection: sqlite3.Connection, name: str) -> Iterator[str]:
    """Yield what the asset itself says, and the containers that it lies in."""
    row = connection.execute(
        "SELECT state, reason, verified_revision FROM asset WHERE name = ?", (name,)
    ).fetchone()
    if row and row["state"] == State.EXCLUDED:
        yield f"a filter leaves it out: {row['reason'] or 'it was not yet on its way'}"
    if row and row["state"] == State.GONE and row["verified_revision"] is None:
        yield "it went from Earth Engine before it was here"
    above = name
    while above := parent_of(above):
        if connection.execute(
            "SELECT 1 FROM asset JOIN unreadable ON asset_id = asset.id WHERE name = ?", (above,)
        ).fetchone():
            yield f"{display_id(above)}, which it lies in, cannot be listed at Earth Engine"
