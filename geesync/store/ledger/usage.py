"""How much is used of what is limited: operations, the queue, the bucket, the disk, the budget."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from geesync.domain.direct.costs import AnswerCost
from geesync.domain.mirror.lifecycle import State
from geesync.domain.tasks.lifecycle import TaskState
from geesync.store.file.database import Records
from geesync.store.ledger.ledger import STORE
from geesync.store.ledger.roots import Roots
from geesync.store.tables import notes, schema
from geesync.store.tables.states import TASK_STORE

#: The setting in which the project's queue is noted, as it was last seen.
QUEUE = "queue"

#: The totals in which answers are counted that were read directly: ever, and by month.
ANSWERS, ANSWERS_OF_MONTH = "direct_answers", "direct_answers_of_month"

#: The setting in which it is noted what an answer costs, once that was learnt.
ANSWER_COST = "answer_cost"

#: States in which an asset's bytes are on their way to the mirror.
_UNDER_WAY = (State.EXPORTING, State.IN_BUCKET)


class Usage(Records):
    """Sums over the ledger, from counters and narrow indices."""

    def operations(self) -> int:
        """Return how many of our exports Earth Engine may be working on."""
        # What has ended, and of which the files are not seen yet, takes no place there.
        return int(self._sum(sa.func.count(), schema.in_flight(), schema.task.c.ended_at.is_(None)))

    def queued(self) -> int:
        """Return how many operations wait in the project's queue, everybody's, as last seen."""
        noted = Roots(self._database).get(QUEUE)
        return int(json.loads(noted)["queued"]) if noted else 0

    def staged_bytes(self) -> int:
        """Return what lies in the bucket, and what exports in flight will add to it, about.

        What exports left that were no good is not ours to wait for: it is swept by itself.
        """
        tally = notes.tally.c
        coming = self._sum(sa.func.sum(tally.size_bytes), tally.state == State.EXPORTING)
        return int(self._total("staged_bytes") - self._total("unstaged_bytes") + coming)

    def stuck_bytes(self, stores: Collection[str]) -> int:
        """Return what of the staged bytes is in these stores, or soon there."""
        if not stores:
            return 0
        file, task = schema.file, schema.task
        store: sa.ColumnClause[str] = sa.literal_column(TASK_STORE)
        query = sa.select(sa.func.sum(file.c.size_bytes)).join(task, file.c.task_id == task.c.id)
        unswept = sa.text("file.swept_at IS NULL AND file.way <> 'direct'")
        succeeded = task.c.state == TaskState.SUCCEEDED
        staged = self._database.scalar(query.where(unswept, succeeded, store.in_(stores)))
        return int(staged or 0) + self._through(stores, schema.asset.c.state == State.EXPORTING)

    def coming_bytes(self, dest: str, but_of: Collection[str] = ()) -> int:
        """Return what is on its way to a mirror, as Earth Engine counts it.

        but_of: stores, through which nothing comes for now.
        """
        tally, root = notes.tally, schema.root
        of_dest = tally.c.root_id.in_(sa.select(root.c.id).where(root.c.dest == dest))
        under_way = tally.c.state.in_(_UNDER_WAY)
        coming = int(self._sum(sa.func.sum(tally.c.size_bytes), of_dest, under_way))
        states = schema.asset.c.state.in_(_UNDER_WAY)
        return coming - self._through(but_of, states, root.c.dest == dest)

    def _through(self, stores: Collection[str], *where: sa.ColumnElement[bool]) -> int:
        """Return how large assets are that come through these stores."""
        query = sa.select(sa.func.sum(schema.asset.c.size_bytes)).join(schema.root)
        query = query.where(STORE.in_(stores), *where)
        return int(self._database.scalar(query) or 0) if stores else 0

    def under_way(self, root_id: int, types: Collection[str]) -> int:
        """Return how many assets of these types of a root were begun and are not yet proved."""
        tally = notes.tally
        begun = tally.c.state.in_((*_UNDER_WAY, State.DOWNLOADED))
        of_root = (tally.c.root_id == root_id) & tally.c.type.in_(types)
        return int(self._sum(sa.func.sum(tally.c.assets), of_root, begun))

    def eecu_s(self, now: datetime) -> float:
        """Return the EECU-seconds of our exports that have ended in this calendar month, UTC."""
        return self._total("eecu_s_of_month", notes.total.c.label == month_of(now))

    def answers(self, now: datetime) -> int:
        """Return how many answers were read directly in this calendar month, UTC."""
        return int(self._total(ANSWERS_OF_MONTH, notes.total.c.label == month_of(now)))

    def answers_ever(self) -> int:
        """Return how many answers were read directly since the ledger was made."""
        return int(self._total(ANSWERS))

    def answer_cost(self, estimate_s: float) -> AnswerCost:
        """Return what an answer costs: as it was learnt, or else the estimate, in EECU-seconds."""
        return answer_cost(Roots(self._database).get(ANSWER_COST), estimate_s)

    def _total(self, name: str, *where: sa.ColumnElement[bool]) -> float:
        return self._sum(sa.func.sum(notes.total.c.value), notes.total.c.name == name, *where)

    def _sum(self, what: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> float:
        return float(self._database.scalar(sa.select(what).where(*where)) or 0)


def month_of(now: datetime) -> str:
    """Return the calendar month by which totals are labelled, UTC."""
    return now.astimezone(UTC).strftime("%Y-%m")


def answer_cost(noted: str | None, estimate_s: float) -> AnswerCost:
    """Return what an answer costs by what is noted of it, if anything was learnt."""
    document = json.loads(noted or "{}")
    measured = document.get("measured", 0)
    return AnswerCost(document["eecu_s"], measured) if measured else AnswerCost(estimate_s)
