"""What ever happened, added up by the ledger's triggers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from geesync.store.views.status import reading


@dataclass(frozen=True)
class Totals:
    """Sums since the ledger was made; they only grow."""

    values: dict[tuple[str, str], float]  #: by (name, label), as the triggers write them

    def by_label(self, name: str) -> dict[str, float]:
        """Return one total's parts by label."""
        return {label: value for (key, label), value in self.values.items() if key == name}

    def sum_of(self, name: str) -> float:
        """Return one total."""
        return sum(self.by_label(name).values())

    def moves(self) -> dict[tuple[str, str], float]:
        """Return how often assets moved, by (from, to); from "" is their first sight."""
        split = ((label.partition(">"), value) for label, value in self.by_label("moves").items())
        return {(before, after): value for (before, _, after), value in split}


def totals(path: Path) -> Totals:
    """Return everything that was added up."""
    with reading(path) as connection:
        rows = connection.execute("SELECT name, label, value FROM total").fetchall()
        return Totals({(row["name"], row["label"]): row["value"] for row in rows})


#: Events looked at for the last move: bounds the question, whatever the history.
_LATEST_EVENTS = 5_000


def moved_at(path: Path) -> datetime | None:
    """Return when an asset last changed its state; None if none did lately."""
    with reading(path) as connection:
        at = connection.execute(
            "SELECT at FROM event WHERE from_state IS NOT to_state"
            " AND id > (SELECT coalesce(max(id), 0) FROM event) - ? ORDER BY id DESC LIMIT 1",
            (_LATEST_EVENTS,),
        ).fetchone()
        return None if at is None else datetime.fromtimestamp(at[0], UTC)
