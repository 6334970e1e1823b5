"""What a dry run asks of a ledger that may not be there: choices, copies and exports so far."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from geesync.domain.direct.costs import AnswerCost
from geesync.domain.json import Json
from geesync.domain.tasks.estimate import Ended
from geesync.domain.tasks.lifecycle import SubjectKind, TaskState
from geesync.store.file.soundness import reading
from geesync.store.ledger.usage import ANSWER_COST, answer_cost

#: The last exports tell the present pace, and bound the question.
_RECENT = 2000


def options(ledger: Path) -> dict[str, Json]:
    """Return what was chosen for each root, by canonical name."""
    if not ledger.exists():
        return {}
    with reading(ledger) as connection:
        rows = connection.execute("SELECT name, options FROM root")
        return {row["name"]: json.loads(row["options"]) for row in rows}


def verified_revisions(ledger: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the revisions of those of these assets whose verified copy is on disk."""
    if not ledger.exists():
        return {}
    with reading(ledger) as connection:
        rows = connection.execute(
            "SELECT name, verified_revision FROM asset WHERE state = 'verified'"
            " AND name IN (SELECT value FROM json_each(?))",
            (json.dumps(names),),
        )
        return {row["name"]: row["verified_revision"] for row in rows}


def cost_of_answers(ledger: Path, estimate_s: float) -> AnswerCost:
    """Return what an answer costs: as the ledger has learnt it, or else the estimate."""
    if not ledger.exists():
        return AnswerCost(estimate_s)
    with reading(ledger) as connection:
        query = "SELECT value FROM setting WHERE key = ?"
        noted = connection.execute(query, (ANSWER_COST,)).fetchone()
    return answer_cost(noted and noted["value"], estimate_s)


def ended_tasks(ledger: Path, kind: SubjectKind = SubjectKind.ASSET) -> list[Ended]:
    """Return the last tasks for subjects of a kind that succeeded; of assets these are exports."""
    if not ledger.exists():
        return []
    with reading(ledger) as connection:
        rows = connection.execute(
            "SELECT intended_at, ended_at, eecu_s FROM task"
            " WHERE subject_kind = ? AND state = ? AND ended_at IS NOT NULL"
            " ORDER BY id DESC LIMIT ?",
            (kind, TaskState.SUCCEEDED, _RECENT),
        )
        return [Ended(row["intended_at"], row["ended_at"], row["eecu_s"]) for row in rows]
