"""Whether all is here that is wanted, and if not, every reason why not.

The one answer that status, page, notices and exit codes give.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from geesync.domain.assets.names import display_id, is_within, parent_of
from geesync.domain.messages.words import counted
from geesync.domain.mirror.lifecycle import State
from geesync.errors import Cause
from geesync.store.tables.states import ASSET_MOVING, PAUSED, PAUSED_BELOW, WITHIN
from geesync.store.views.making import making


@dataclass(frozen=True)
class Completeness:
    """Whether all roots, one root, or an asset with all below it are complete."""

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


#: Why a folder is not the mirror that it should be; "" if it is, or where nobody looks.
MirrorTrouble = Callable[[str], str]


def unseen(_folder: str) -> str:
    """Say of each folder that nobody looked."""
    return ""


def completeness(
    connection: sqlite3.Connection, name: str | None = None, trouble: MirrorTrouble = unseen
) -> Completeness:
    """Return whether all is here: of all watched roots, or of what has this canonical name."""
    roots = [
        root
        for root in connection.execute("SELECT * FROM root WHERE removed_at IS NULL")
        if name is None or is_within(name, root["name"]) or is_within(root["name"], name)
    ]
    whole = name is None or [root["name"] for root in roots] == [name]  # no other has a part of it
    found = _of_roots(connection, roots) if whole else _below(connection, str(name))
    found = _with_pauses(connection, found, roots, name)
    out = making(connection) if name is None else []
    reasons = _of_mirrors(roots, trouble)
    reasons += [] if out and not roots else _of_scans(roots, name)
    reasons += _of_counts(found)
    if name is not None:
        reasons += _of_asset(connection, name)
    reasons += (reason for work in out for reason in work.reasons)
    return replace(found, reasons=tuple(reasons))


def completeness_of_root(
    connection: sqlite3.Connection, root: sqlite3.Row, trouble: MirrorTrouble
) -> Completeness:
    """Return the same of what one root itself has taken, by counters only; root: its row."""
    found = _of_roots(connection, [root])
    found = _with_pauses(connection, found, [root], root["name"])
    reasons = (*_of_mirrors([root], trouble), *_of_scans([root], root["name"]), *_of_counts(found))
    return replace(found, reasons=reasons)


def _of_roots(connection: sqlite3.Connection, roots: list[sqlite3.Row]) -> Completeness:
    """Count by the counters: as quick for a million assets as for one."""
    ids = [root["id"] for root in roots]
    marks = ", ".join("?" * len(ids))
    on_the_way, quarantined = connection.execute(
        f"SELECT total(assets * (state IN ({ASSET_MOVING}))), total(assets * (state = ?))"  # noqa: S608 # our own words
        f" FROM tally WHERE root_id IN ({marks})",
        (State.QUARANTINED, *ids),
    ).fetchone()
    unread, unreadable_copies, unreadable = connection.execute(
        "SELECT total(state = ? AND cause = ?), total(state = ?), count(*)"  # noqa: S608 # ? only
        f" FROM unreadable CROSS JOIN asset ON asset.id = asset_id WHERE root_id IN ({marks})",
        (State.QUARANTINED, Cause.UNREADABLE, State.VERIFIED, *ids),
    ).fetchone()
    (left_out,) = connection.execute(
        f"SELECT total(assets) FROM trouble WHERE kind = 'left_out' AND state IN ({marks})",  # noqa: S608 # ? only
        list(map(str, ids)),
    ).fetchone()
    return Completeness(
        left_out=int(left_out),
        quarantined=int(quarantined - unread),
        unreadable=unreadable,
        unreadable_copies=int(unreadable_copies),
        on_the_way=int(on_the_way),
    )


def _below(connection: sqlite3.Connection, name: str) -> Completeness:
    """Count an asset and all below it, reading each row."""
    on_the_way, quarantined, unreadable, left_out = connection.execute(
        f"SELECT total(state IN ({ASSET_MOVING})), total(state = :state AND cause IS NOT :cause),"  # noqa: S608 # our own words
        " count(why), count(left_out) FROM asset LEFT JOIN unreadable ON asset_id = asset.id"
        f" WHERE {WITHIN}",
        {"name": name, "state": State.QUARANTINED, "cause": Cause.UNREADABLE},
    ).fetchone()
    return Completeness(
        left_out=left_out,
        quarantined=int(quarantined),
        unreadable=unreadable,
        on_the_way=int(on_the_way),
    )


def pauses(connection: sqlite3.Connection) -> list[str]:
    """Return what is paused by name, with all below it; "" is everything, and comes first."""
    rows = connection.execute(
        "SELECT key FROM setting WHERE key = ? OR key BETWEEN ? AND ? ORDER BY key",
        (PAUSED, PAUSED_BELOW, f"{PAUSED};"),  # ; follows :
    )
    return [row["key"].removeprefix(PAUSED_BELOW).removeprefix(PAUSED) for row in rows]


def _with_pauses(
    connection: sqlite3.Connection, found: Completeness, roots: list[sqlite3.Row], name: str | None
) -> Completeness:
    """Return of what is on the way how much waits for the end of a pause."""
    paused = min(_count_paused(connection, roots, name, found.on_the_way), found.on_the_way)
    return replace(found, paused=paused, on_the_way=found.on_the_way - paused)


def _count_paused(
    connection: sqlite3.Connection, roots: list[sqlite3.Row], name: str | None, moving: int
) -> int:
    named = pauses(connection)
    around = any(not pause or (name is not None and is_within(name, pause)) for pause in named)
    if around or (roots and all(root["paused_at"] for root in roots)):
        return moving
    ids = [root["id"] for root in roots if root["paused_at"]]
    (count,) = connection.execute(
        "SELECT coalesce(sum(assets), 0) FROM tally"  # noqa: S608 # our own words
        f" WHERE state IN ({ASSET_MOVING}) AND root_id IN ({', '.join('?' * len(ids))})",
        ids,
    ).fetchone()
    for pause in named:
        if (name is None or is_within(pause, name)) and not _is_inside_another(pause, named):
            (below,) = connection.execute(
                "SELECT count(*) FROM asset JOIN root ON root.id = root_id"  # noqa: S608 # our own words
                f" WHERE {WITHIN}"
                f" AND state IN ({ASSET_MOVING}) AND paused_at IS NULL AND removed_at IS NULL",
                {"name": pause},
            ).fetchone()
            count += below
    return int(count)


def _is_inside_another(name: str, names: Iterable[str]) -> bool:
    return any(name != other and is_within(name, other) for other in names)


def _of_mirrors(roots: list[sqlite3.Row], trouble: MirrorTrouble) -> list[str]:
    """Return why what is written down of mirrors is not there to be seen."""
    return [why for dest in sorted({root["dest"] for root in roots}) if (why := trouble(dest))]


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


def _of_counts(found: Completeness) -> Iterator[str]:
    if found.paused:
        yield f"{counted(found.paused, 'asset waits', 'assets wait')} for the end of the pause"
    if found.on_the_way:
        yield f"{counted(found.on_the_way, 'asset is', 'assets are')} on the way"
    if found.quarantined:
        yield f"{counted(found.quarantined, 'asset is', 'assets are')} quarantined"
    if found.unreadable:
        what = counted(found.unreadable, "asset or folder", "assets or folders")
        yield f"{what} cannot be read at Earth Engine, geesync ls --unreadable"


def _of_asset(connection: sqlite3.Connection, name: str) -> Iterator[str]:
    """Yield the reasons that concern the asset itself, and the containers above it."""
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
