"""What tries taught, written into the plans that they were of: the next plan begins with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa

from geesync.domain.mirror.plan import Plan
from geesync.store.file.rows import change_rows
from geesync.store.tables import schema
from geesync.store.tables.packing import pack, unpack


@dataclass(frozen=True)
class Lesson:
    """What the try of a part taught."""

    plan_id: int
    part: str  #: its id
    too_much: bool  #: it could not be made in one piece; else its files were no good
    columns: tuple[str, ...] = ()  #: that a table was found to have


@lru_cache(1024)  # of most assets there are several tasks and files at a time
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
    current = sa.update(table).where(table.c.replaced_at.is_(None), table.c.id.in_(list(taught)))
    if taught:
        connection.execute(current.values(replaced_at=now))
