"""Tasks: what Earth Engine was asked to do, and how that ended. The only writer of their states.

Steps say what happened to a task as they saw it; one that somebody else moved meanwhile is left as
it is, and is seen again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.lifecycle import State
from geesync.domain.state_machine import follow
from geesync.domain.tasks.lifecycle import (
    IN_FLIGHT,
    LIVE,
    TABLE,
    Disproved,
    Ended,
    Failed,
    GivenUp,
    MaybeStarted,
    Refused,
    Started,
    SubjectKind,
    Succeeded,
    TaskEvent,
    TaskState,
    Unanswered,
)
from geesync.errors import Cause
from geesync.store.file.database import Records
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.tables import schema
from geesync.store.tables.columns import has_come, is_among
from geesync.store.tables.states import TASK_STORE
from geesync.store.tasks.task_rows import (
    Intent,
    Lesson,
    Task,
    file_of,
    read_task,
    row_of,
    select_tasks,
    teach_in,
)


@dataclass(frozen=True)
class TaskMove:
    """Something that happened to a task as it was seen."""

    task: Task
    event: TaskEvent


class Tasks(Records):
    """The tasks. Written before and after each answer, never while waiting."""

    def intend(self, intents: Sequence[Intent], now: datetime) -> list[Task]:
        """Write down tasks before they are sent, so that a lost answer can be found again."""
        if not intents:
            return []
        with self._database.write() as connection:
            return intend_in(connection, intents, now)

    def record(self, moves: Sequence[TaskMove], now: datetime) -> dict[int, Task]:
        """Move tasks on, in one transaction; what happened to one of them, in that order.

        A task that somebody else moved since it was read is left alone. Returns those that moved,
        as they are now, by id. Raises IllegalEvent for a bug.
        """
        if not moves:
            return {}
        with self._database.write() as connection:
            return record_in(connection, moves, now)

    def succeed(self, found: Sequence[tuple[Task, Sequence[StoredObject]]], now: datetime) -> None:
        """Note tasks whose objects are all in the bucket, and these."""
        if not found:
            return
        with self._database.write() as connection:
            succeed_in(connection, found, now)

    def in_flight(self) -> list[Task]:
        """Return the tasks on which Earth Engine may be working, oldest first."""
        return self._tasks(schema.in_flight())

    def of(self, asset_ids: Iterable[int], *, live: bool = True) -> dict[int, list[Task]]:
        """Return tasks by asset; only those that may still bring their objects, if ``live``."""
        ids = list(asset_ids)
        if not ids:
            return {}
        wanted = [schema.of_assets(ids)] + ([schema.task.c.state.in_(LIVE)] if live else [])
        by_asset: dict[int, list[Task]] = {asset_id: [] for asset_id in ids}
        for task in self._tasks(*wanted):
            by_asset[task.subject.id].append(task)
        return by_asset

    def of_subject(self, kind: SubjectKind, ids: Iterable[int]) -> list[Task]:
        """Return all tasks for subjects of a kind, oldest first."""
        wanted = list(ids)
        if not wanted:
            return []
        table = schema.task
        return self._tasks(table.c.subject_kind == kind, is_among(table.c.subject_id, wanted))

    def unwanted(self, kind: SubjectKind, resting: sa.Select[tuple[int]]) -> list[Task]:
        """Return tasks in flight that nobody follows any more: not sent yet, or ended.

        resting: ids of the subjects of this kind of which nothing is to be made.
        """
        column = schema.task.c
        is_over = sa.or_(column.state == TaskState.INTENDED, column.ended_at.is_not(None))
        return self._tasks(
            schema.in_flight(), is_over, column.subject_kind == kind, column.subject_id.in_(resting)
        )

    def _tasks(self, *where: sa.ColumnElement[bool]) -> list[Task]:
        query = select_tasks().where(*where).order_by(schema.task.c.id)
        return self._database.select(query, read_task)

    def is_running_since(self, at: datetime, store: str) -> bool:
        """Return whether a task for a store that was asked for since then runs at Earth Engine."""
        table = schema.task
        of_store = sa.text(f"{TASK_STORE} = :store").bindparams(store=store)
        query = sa.select(
            sa.exists()
            .where(schema.in_flight(), table.c.state == TaskState.RUNNING)
            .where(table.c.intended_at >= at, of_store)
        )
        return bool(self._database.scalar(query))

    def settled_assets(self, *, now: datetime, limit: int) -> list[int]:
        """Return ids of exporting assets of which no task is in flight any more."""
        asset, table = schema.asset, schema.task
        in_flight = sa.exists().where(
            table.c.subject_kind == SubjectKind.ASSET,
            table.c.subject_id == asset.c.id,
            schema.in_flight(),
        )
        query = (
            sa.select(asset.c.id)
            .where(asset.c.state == State.EXPORTING, ~in_flight)
            .where(has_come(asset.c.not_before, now))
            .limit(limit)
        )
        return self._database.scalars(query)

    def attempts(self, asset_ids: Iterable[int]) -> dict[tuple[int, str], int]:
        """Return how often each part was asked for, ever: ``{(asset id, part): attempts}``."""
        table = schema.task
        query = (
            sa.select(
                table.c.subject_id, table.c.part, sa.func.max(table.c.attempt).label("attempts")
            )
            .where(schema.of_assets(asset_ids))
            .group_by(table.c.subject_id, table.c.part)
        )
        return {(row.subject_id, row.part): row.attempts for row in self._database.rows(query)}


def intend_in(connection: sa.Connection, intents: Sequence[Intent], now: datetime) -> list[Task]:
    """Write down tasks within a transaction; return them."""
    table = schema.task
    insert_rows(connection, table, [row_of(intent, now) for intent in intents])
    query = select_tasks().where(is_among(table.c.token, [intent.token for intent in intents]))
    return [read_task(row) for row in connection.execute(query.order_by(table.c.id))]


def record_in(
    connection: sa.Connection, moves: Sequence[TaskMove], now: datetime
) -> dict[int, Task]:
    """Move tasks within a transaction; return those that nobody moved since, as they are now."""
    happened: dict[int, list[TaskMove]] = {}
    for move in moves:
        happened.setdefault(move.task.id, []).append(move)
    table = schema.task
    query = sa.select(table.c.id, table.c.state).where(is_among(table.c.id, happened))
    states = {row.id: row.state for row in connection.execute(query)}
    changes = {
        task_id: _change(own[0].task, [move.event for move in own], now)
        for task_id, own in happened.items()
        if states.get(task_id) == own[0].task.state
    }
    change_rows(connection, schema.task, changes)
    taught = (_lesson(move) for task_id in changes for move in happened[task_id])
    teach_in(connection, [lesson for lesson in taught if lesson], now)
    return {
        task_id: replace(happened[task_id][0].task, **_known(change))
        for task_id, change in changes.items()
    }


def succeed_in(
    connection: sa.Connection, found: Sequence[tuple[Task, Sequence[StoredObject]]], now: datetime
) -> None:
    """Note within a transaction tasks whose objects are all in the bucket, and these."""
    moved = record_in(connection, [TaskMove(task, Succeeded()) for task, _ in found], now)
    rows = [file_of(task, obj) for task, objects in found if task.id in moved for obj in objects]
    insert_rows(connection, schema.file, rows)


def give_up_in(connection: sa.Connection, where: sa.ColumnElement[bool], now: datetime) -> None:
    """Give up, within a transaction, on all live tasks of which this is true."""
    query = select_tasks().where(where, schema.task.c.state.in_(LIVE))
    moves = [TaskMove(read_task(row), GivenUp()) for row in connection.execute(query)]
    record_in(connection, moves, now)


def _lesson(move: TaskMove) -> Lesson | None:
    """Return what an end teaches the next plan."""
    task, event = move.task, move.event
    if event.cause != Cause.PLAN or task.plan_id is None:
        return None
    match event:
        case Failed():
            return Lesson(task.plan_id, task.part_id, too_much=True)
        case Disproved():
            columns = tuple(event.found.get("columns", ()))
            return Lesson(task.plan_id, task.part_id, too_much=False, columns=columns)
        case _:
            return None


def _change(task: Task, events: Sequence[TaskEvent], now: datetime) -> dict[str, Any]:
    """Return what events mean for the row of a task."""
    state = task.state
    change: dict[str, Any] = {}
    for event in events:
        state = follow(TABLE, state, event)
        change |= _columns(event, now)
    if state not in IN_FLIGHT or any(isinstance(event, Ended) for event in events):
        change["ended_at"] = task.ended_at or now
    return change | {"state": state}


def _columns(event: TaskEvent, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if event.error or event.cause:
        values = {"error": event.error, "cause": event.cause}
    match event:
        case Started():
            values["operation"] = event.operation
        case Unanswered() | MaybeStarted() | Refused():
            # From now on, not from the first time: this request may be the one that was taken.
            values["intended_at"] = now
        case Ended() if event.eecu_s is not None:
            values["eecu_s"] = event.eecu_s
        case _:
            pass
    return values


def _known(change: dict[str, Any]) -> dict[str, Any]:
    """Return those columns of a change that a Task has as fields."""
    known = {"state", "operation", "intended_at", "ended_at", "cause", "error"}
    return {name: value for name, value in change.items() if name in known}
