"""How a task and its objects become rows of the ledger, and how a row is read.

And what tries taught, written into the plans that they were of: the next plan begins with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.plan import Plan
from geesync.domain.tasks.exports import Part, body_hash
from geesync.domain.tasks.lifecycle import (
    Destination,
    DestinationKind,
    Subject,
    SubjectKind,
    TaskKind,
    TaskState,
)
from geesync.errors import Cause
from geesync.store.file.rows import change_rows
from geesync.store.tables import schema
from geesync.store.tables.columns import is_among, member, read_as
from geesync.store.tables.packing import pack, unpack


@dataclass(frozen=True)
class Task:
    """One thing that Earth Engine was asked to do."""

    id: int
    subject: Subject
    kind: TaskKind
    plan_id: int | None  #: of the plan that wants it
    part_id: str  #: of the plan's part, or another key among the subject's tasks
    attempt: int  #: counts the tasks for this part, from 1
    token: str
    body_hash: str
    destination: Destination
    operation: str | None
    state: TaskState
    intended_at: datetime
    ended_at: datetime | None  #: when we first saw that its operation had ended
    cause: Cause | None
    error: str
    document: bytes | None  #: the plan, packed; most of who read a task do not need it
    body: Json | None = None  #: of the request, where plan and token do not make it again

    @property
    def part(self) -> Part:
        """The part of an asset that it exports."""
        assert self.document is not None
        return read_plan(self.document).part(self.part_id)


@dataclass(frozen=True)
class Intent:
    """A task that is about to be sent."""

    subject: Subject
    kind: TaskKind
    attempt: int
    token: str
    body: Json | None  #: of the request; None if it was another ledger's
    destination: Destination
    plan_id: int | None = None
    part_id: str = ""
    keep_body: bool = True  #: nobody can make it again


def row_of(intent: Intent, now: datetime) -> dict[str, Any]:
    """Return the row of a task that was not sent yet."""
    return {
        "subject_kind": intent.subject.kind,
        "subject_id": intent.subject.id,
        "subject": intent.subject.name,
        "revision": intent.subject.revision,
        "kind": intent.kind,
        "plan_id": intent.plan_id,
        "part": intent.part_id,
        "attempt": intent.attempt,
        "token": intent.token,
        "body": intent.body if intent.keep_body else None,
        "body_hash": body_hash(intent.body) if intent.body else "",
        "destination_kind": intent.destination.kind,
        "destination": intent.destination.place,
        "prefix": intent.destination.prefix,
        "state": TaskState.INTENDED,
        "intended_at": now,
    }


def file_of(task: Task, obj: StoredObject) -> dict[str, Any]:
    """Return columns of an object of a task; raises ValueError if it is not called like one."""
    prefix = task.destination.prefix
    if not obj.name.startswith(prefix):
        raise ValueError(obj.name)
    return {
        "plan_id": task.plan_id,
        "part": task.part_id,
        "task_id": task.id,
        "way": task.part.way,
        "name": obj.file_name,
        "suffix": obj.name.removeprefix(prefix),
        "generation": obj.generation,
        "size_bytes": obj.size_bytes,
        "crc32c": obj.crc32c,
        "sha256": obj.sha256 or None,
        "md5": obj.md5 or None,
    }


def select_tasks() -> sa.Select[tuple[object, ...]]:
    """Return the query whose rows ``read_task`` reads; callers narrow it."""
    return sa.select(schema.task, schema.plan.c.document).outerjoin(schema.plan)


def read_task(row: sa.Row[Any]) -> Task:
    """Return the task of a row."""
    of, to = member(SubjectKind, row.subject_kind), member(DestinationKind, row.destination_kind)
    return read_as(
        *(Task, row),
        subject=Subject(of, row.subject_id, row.subject, row.revision),
        kind=member(TaskKind, row.kind),
        part_id=row.part,
        destination=Destination(to, row.destination, row.prefix),
        state=member(TaskState, row.state),
        cause=member(Cause, row.cause) if row.cause else None,
        error=row.error or "",
    )


@dataclass(frozen=True)
class Lesson:
    """What the try of a part taught."""

    plan_id: int
    part: str  #: its id
    too_much: bool  #: it could not be made in one piece; else its files were no good
    columns: tuple[str, ...] = ()  #: that a table was found to have


@lru_cache(256)  # of most assets there are several tasks and files at a time
def read_plan(document: bytes) -> Plan:
    """Return the plan of a packed document."""
    return Plan.from_json(unpack(document))


def teach_in(connection: sa.Connection, lessons: Iterable[Lesson], now: datetime) -> None:
    """Write lessons into their plans within a transaction; those are to be replaced then."""
    table = schema.plan
    taught: dict[int, Plan] = {}
    for lesson in lessons:
        plan = taught.get(lesson.plan_id)
        if plan is None:
            query = sa.select(table.c.document).where(table.c.id == lesson.plan_id)
            plan = read_plan(connection.execute(query).scalar_one())
        taught[lesson.plan_id] = plan.learn(
            lesson.part, too_much=lesson.too_much, columns=lesson.columns
        )
    changes = {key: {"document": pack(plan.to_json())} for key, plan in taught.items()}
    change_rows(connection, table, changes)
    current = sa.update(table).where(table.c.replaced_at.is_(None), is_among(table.c.id, taught))
    if taught:
        connection.execute(current.values(replaced_at=now))
