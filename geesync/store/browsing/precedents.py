"""What a dry run asks of a ledger that may not be there: choices, copies and exports so far."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from geesync.domain.direct.costs import AnswerCost
from geesync.domain.json import Json
from geesync.domain.tasks.estimate import Ended
from geesync.domain.tasks.lifecycle import SubjectKind, TaskState
from geesync.store.file.soundness import reading
from geesync.store.ledger.usage import ANSWER_COST, answer_cost

Read = TypeVar("Read")

#: The last exports show the present pace; their number bounds the query.
_RECENT = 2000


def _select(
    ledger: Path, read: Callable[[sqlite3.Row], Read], query: str, *values: object
) -> list[Read]:
    """Return what is read of each row of a query; nothing of a ledger that is not there."""
    if not ledger.exists():
        return []
    with reading(ledger) as connection:
        return [read(row) for row in connection.execute(query, values)]


def options(ledger: Path) -> dict[str, Json]:
    """Return what was chosen for each root, by canonical name."""
    query = "SELECT name, options FROM root"
    return dict(_select(ledger, lambda row: (row["name"], json.loads(row["options"])), query))


def verified_revisions(ledger: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the revisions of those of these assets whose verified copy is on disk."""
    query = (
        "SELECT name, verified_revision FROM asset WHERE state = 'verified'"
        " AND name IN (SELECT value FROM json_each(?))"
    )
    return dict(_select(ledger, tuple, query, json.dumps(names)))


def cost_of_answers(ledger: Path, estimate_s: float) -> AnswerCost:
    """Return what an answer costs: as the ledger has learnt it, or else the estimate."""
    noted = _select(
        ledger,
        lambda row: str(row["value"]),
        "SELECT value FROM setting WHERE key = ?",
        ANSWER_COST,
    )
    return answer_cost(noted[0] if noted else None, estimate_s)


def ended_tasks(ledger: Path, kind: SubjectKind = SubjectKind.ASSET) -> list[Ended]:
    """Return the last tasks for subjects of a kind that succeeded; of assets these are exports."""
    query = (
        "SELECT intended_at, ended_at, eecu_s FROM task"
        " WHERE subject_kind = ? AND state = ? AND ended_at IS NOT NULL ORDER BY id DESC LIMIT ?"
    )
    return _select(ledger, lambda row: Ended(*row), query, kind, TaskState.SUCCEEDED, _RECENT)
