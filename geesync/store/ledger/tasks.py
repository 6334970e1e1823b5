"""Tasks: what Earth Engine was asked to do, and how that ended. The only writer of their states.

Steps say what happened to a task as they saw it; one that somebody else moved meanwhile is left as
it is, and is seen again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.lifecycle import State
from geesync.domain.tasks.exports import Ask, Part
from geesync.domain.tasks.lifecycle import (
    IN_FLIGHT,
    LIVE,
    Disproved,
    Ended,
    GivenUp,
    MaybeStarted,
    Refused,
    Started,
    Succeeded,
    TaskEvent,
    TaskState,
    Unanswered,
    advance_task,
)
from geesync.errors import Cause
from geesync.store.file.database import Database
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.tables import schema
from geesync.store.tables.packing import pack, unpack


@dataclass(frozen=True)
class Task:
    """One thing that Earth Engine was asked to do: an export of one part of an asset."""

    id: int
    subject_id: int  #: the asset
    plan: bytes  #: its part, packed; most of who read an export do not need it
    attempt: int
    revision: str
    token: str
    body_hash: str
    bucket: str
    prefix: str
    operation: str | None
    state: TaskState
    intended_at: datetime
    ended_at: datetime | None  #: when we first saw that its operation had ended
    cause: Cause | None
    error: str
    found: Json = field(default_factory=dict)  #: what its files taught for the next plan

    @cached_property
    def part(self) -> Part:
        """What was asked for."""
        return Part.from_json(unpack(self.plan))

    @property
    def stem(self) -> str:
        """What its files' names begin with, before tile numbers and extension."""
        return self.prefix.rpartition("/")[2]


@dataclass(frozen=True)
class Intent:
    """An ask that is about to be sent."""

    asset_id: int
    ask: Ask
    body_hash: str
    bucket: str
    prefix: str


def part_id(part: Part) -> str:
    """Return what tells an asset's parts apart in the ledger."""
    return f"{part.key}.{part.extension}"


@dataclass(frozen=True)
class TaskMove:
    """Something that happened to a task as it was seen."""

    task: Task
    event: TaskEvent


class Tasks:
    """The tasks. Written before and after each answer, never while waiting."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def intend(self, intents: Sequence[Intent], now: datetime) -> None:
        """Write down asks before they are sent, so that a lost answer can be found again."""
        rows = [
            {
                "asset_id": intent.asset_id,
                "part": part_id(intent.ask.part),
                "attempt": intent.ask.attempt,
                "plan": pack(intent.ask.part.to_json()),
                "revision": intent.ask.revision,
                "token": intent.ask.token,
                "body_hash": intent.body_hash,
                "bucket": intent.bucket,
                "prefix": intent.prefix,
                "state": TaskState.INTENDED,
                "intended_at": now,
            }
            for intent in intents
        ]
        if rows:
            with self._database.write() as connection:
                insert_rows(connection, schema.export, rows)

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
            moves = [TaskMove(task, Succeeded()) for task, _ in found]
            moved = record_in(connection, moves, now)
            rows = [
                {"export_id": task.id, "file": obj.file_name, **kept_object(obj, task.prefix)}
                for task, objects in found
                if task.id in moved
                for obj in objects
            ]
            insert_rows(connection, schema.stored, rows)

    def in_flight(self) -> list[Task]:
        """Return the tasks on which Earth Engine may be working, oldest first."""
        return self._tasks(schema.in_flight())

    def of(self, asset_ids: Iterable[int], *, live: bool = True) -> dict[int, list[Task]]:
        """Return tasks by asset; only those that may still bring their objects, if ``live``."""
        ids = list(asset_ids)
        table = schema.export
        wanted = [table.c.asset_id.in_(ids)] + ([table.c.state.in_(LIVE)] if live else [])
        by_asset: dict[int, list[Task]] = {asset_id: [] for asset_id in ids}
        for task in self._tasks(*wanted):
            by_asset[task.subject_id].append(task)
        return by_asset

    def _tasks(self, *where: sa.ColumnElement[bool]) -> list[Task]:
        query = sa.select(schema.export).where(*where).order_by(schema.export.c.id)
        with self._database.read() as connection:
            return [read_task(row) for row in connection.execute(query)]

    def settled_assets(self, *, now: datetime, limit: int) -> list[int]:
        """Return ids of exporting assets of which no export is in flight any more."""
        asset, table = schema.asset, schema.export
        in_flight = sa.exists().where(table.c.asset_id == asset.c.id, schema.in_flight())
        query = (
            sa.select(asset.c.id)
            .where(asset.c.state == State.EXPORTING, ~in_flight)
            .where(sa.or_(asset.c.not_before.is_(None), asset.c.not_before <= now))
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def latest(self, asset_ids: Iterable[int]) -> dict[int, list[Task]]:
        """Return the last ask for each part of each asset."""
        newest: dict[tuple[int, str], Task] = {}
        ids = list(asset_ids)
        for tasks in self.of(ids, live=False).values():
            for task in tasks:
                newest[task.subject_id, part_id(task.part)] = task
        by_asset: dict[int, list[Task]] = {asset_id: [] for asset_id in ids}
        for task in newest.values():
            by_asset[task.subject_id].append(task)
        return by_asset

    def attempts(self, asset_ids: Iterable[int]) -> dict[tuple[int, str], int]:
        """Return how often each part was asked for, ever: ``{(asset id, part): attempts}``."""
        table = schema.export
        query = (
            sa.select(
                table.c.asset_id, table.c.part, sa.func.max(table.c.attempt).label("attempts")
            )
            .where(table.c.asset_id.in_(list(asset_ids)))
            .group_by(table.c.asset_id, table.c.part)
        )
        with self._database.read() as connection:
            return {(row.asset_id, row.part): row.attempts for row in connection.execute(query)}


def kept_object(obj: StoredObject, prefix: str) -> dict[str, Any]:
    """Return columns of an object of an export; raises ValueError if it is not called like one."""
    if not obj.name.startswith(prefix):
        raise ValueError(obj.name)
    return {
        "suffix": obj.name.removeprefix(prefix),
        "generation": obj.generation,
        "size_bytes": obj.size_bytes,
        "crc32c": obj.crc32c,
    }


def record_in(
    connection: sa.Connection, moves: Sequence[TaskMove], now: datetime
) -> dict[int, Task]:
    """Move tasks within a transaction; return those that nobody moved since, as they are now."""
    happened: dict[int, list[TaskMove]] = {}
    for move in moves:
        happened.setdefault(move.task.id, []).append(move)
    table = schema.export
    query = sa.select(table.c.id, table.c.state).where(table.c.id.in_(list(happened)))
    states = {row.id: row.state for row in connection.execute(query)}
    changes = {
        task_id: _change(own[0].task, [move.event for move in own], now)
        for task_id, own in happened.items()
        if states.get(task_id) == own[0].task.state
    }
    change_rows(connection, table, changes)
    return {
        task_id: replace(happened[task_id][0].task, **_known(change))
        for task_id, change in changes.items()
    }


def give_up_in(connection: sa.Connection, where: sa.ColumnElement[bool], now: datetime) -> None:
    """Give up, within a transaction, on all live tasks of which this is true."""
    query = sa.select(schema.export).where(where, schema.export.c.state.in_(LIVE))
    moves = [TaskMove(read_task(row), GivenUp()) for row in connection.execute(query)]
    record_in(connection, moves, now)


def _change(task: Task, events: Sequence[TaskEvent], now: datetime) -> dict[str, Any]:
    """Return what events mean for the row of a task."""
    state = task.state
    change: dict[str, Any] = {}
    for event in events:
        state = advance_task(state, event)
        change |= _columns(event, now)
    if state not in IN_FLIGHT or any(isinstance(event, Ended) for event in events):
        change["ended_at"] = task.ended_at or now
    return change | {"state": state}


def _columns(event: TaskEvent, now: datetime) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if event.error or event.cause:
        told = {"error": event.error, "cause": event.cause}
    match event:
        case Started():
            told["operation"] = event.operation
        case Unanswered() | MaybeStarted() | Refused():
            # From now on, not from the first time: this request may be the one that was taken.
            told["intended_at"] = now
        case Ended() if event.eecu_s is not None:
            told["eecu_s"] = event.eecu_s
        case Disproved() if event.found:
            told["found"] = json.dumps(event.found)
        case _:
            pass
    return told


def _known(change: dict[str, Any]) -> dict[str, Any]:
    """Return of a change what a task tells."""
    known = {"state", "operation", "intended_at", "ended_at", "cause", "error"}
    return {name: value for name, value in change.items() if name in known}


def read_task(row: sa.Row[Any]) -> Task:
    """Return the task of a row."""
    return Task(
        id=row.id,
        subject_id=row.asset_id,
        plan=row.plan,
        attempt=row.attempt,
        revision=row.revision,
        token=row.token,
        body_hash=row.body_hash,
        bucket=row.bucket,
        prefix=row.prefix,
        operation=row.operation,
        state=TaskState(row.state),
        intended_at=row.intended_at,
        ended_at=row.ended_at,
        cause=Cause(row.cause) if row.cause else None,
        error=row.error or "",
        found=json.loads(row.found) if row.found else {},
    )
