"""Plans: how each asset comes home, remembered from when it was decided.

What was begun under a plan goes on under the one that replaces it where both want the very same
part; the rest is given up in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.mirror.plan import Plan
from geesync.domain.tasks.lifecycle import LIVE, GivenUp
from geesync.store.file.database import Records
from geesync.store.file.rows import insert_rows
from geesync.store.tables import schema
from geesync.store.tables.columns import is_among, read_as
from geesync.store.tables.packing import pack
from geesync.store.tasks.task_rows import Lesson, read_plan, read_task, select_tasks, teach_in
from geesync.store.tasks.tasks import TaskMove, record_in


@dataclass(frozen=True)
class KnownPlan:
    """A plan as the ledger knows it."""

    id: int
    asset_id: int
    revision: str
    options: str  #: hash of those that it was made under
    document: bytes  #: the plan, packed
    is_current: bool  #: nothing happened that calls for another

    @property
    def plan(self) -> Plan:
        """What was decided."""
        return read_plan(self.document)


@dataclass(frozen=True)
class NewPlan:
    """A plan that was just made."""

    asset_id: int
    revision: str
    options: str  #: hash of those that it was made under
    plan: Plan


class Plans(Records):
    """The plans, by asset."""

    def latest(self, asset_ids: Iterable[int]) -> dict[int, KnownPlan]:
        """Return the last plan of each asset that ever had one, by the asset's id."""
        with self._database.read() as connection:
            return _latest(connection, asset_ids)

    def put(self, made: Sequence[NewPlan], now: datetime) -> dict[int, KnownPlan]:
        """Remember plans in place of the earlier ones of these assets; return them by asset."""
        if not made:
            return {}
        with self._database.write() as connection:
            return put_in(connection, made, now)

    def teach(self, lessons: Sequence[Lesson], now: datetime) -> None:
        """Remember what tries taught that needed no task; other plans are made with it."""
        with self._database.write() as connection:
            teach_in(connection, lessons, now)

    def begun(self, asset_ids: Collection[int]) -> dict[int, set[str]]:
        """Return the parts of assets that have a task or files that may still be of use."""
        if not asset_ids:
            return {}
        task = schema.task
        query = sa.select(task.c.subject_id, task.c.part).where(
            schema.of_assets(asset_ids), task.c.state.in_(LIVE)
        )
        begun = self.parts_there(asset_ids)
        for row in self._database.rows(query):
            begun.setdefault(row.subject_id, set()).add(row.part)
        return begun

    def parts_there(self, asset_ids: Iterable[int]) -> dict[int, set[str]]:
        """Return the parts of each asset that are on disk and that no task brought, by asset."""
        ids = list(asset_ids)
        if not ids:
            return {}
        plan, file = schema.plan, schema.file
        query = (
            sa.select(plan.c.asset_id, file.c.part)
            .select_from(plan.join(file))
            .where(is_among(plan.c.asset_id, ids))
            .where(file.c.task_id.is_(None), file.c.voided_at.is_(None))
        )
        there: dict[int, set[str]] = {}
        for row in self._database.rows(query):
            there.setdefault(row.asset_id, set()).add(row.part)
        return there


def _latest(connection: sa.Connection, asset_ids: Iterable[int]) -> dict[int, KnownPlan]:
    table = schema.plan
    query = sa.select(table).where(is_among(table.c.asset_id, asset_ids)).order_by(table.c.id)
    return {
        row.asset_id: read_as(KnownPlan, row, is_current=row.replaced_at is None)
        for row in connection.execute(query)
    }


def put_in(
    connection: sa.Connection, made: Sequence[NewPlan], now: datetime
) -> dict[int, KnownPlan]:
    """Remember plans within a transaction."""
    earlier = _latest(connection, [new.asset_id for new in made])
    replace_in(connection, list(earlier), now)
    rows = [
        {
            "asset_id": new.asset_id,
            "revision": new.revision,
            "options": new.options,
            "way": new.plan.way,
            "document": pack(new.plan.to_json()),
            "made_at": now,
        }
        for new in made
    ]
    insert_rows(connection, schema.plan, rows)
    known = _latest(connection, [new.asset_id for new in made])
    for asset_id in earlier:
        _carry_over(connection, earlier[asset_id], known[asset_id], now)
    return known


def replace_in(connection: sa.Connection, asset_ids: Collection[int], now: datetime) -> None:
    """Note within a transaction that these assets need other plans."""
    table = schema.plan
    if asset_ids:
        connection.execute(
            sa.update(table)
            .where(is_among(table.c.asset_id, asset_ids), table.c.replaced_at.is_(None))
            .values(replaced_at=now)
        )


def files_of(asset_ids: Collection[int]) -> sa.Select[tuple[object, ...]]:
    """Return the query of all files there ever were of assets: asset id, name, size, CRC32C."""
    plan, file = schema.plan.c, schema.file.c
    columns = (plan.asset_id, file.name, file.size_bytes, file.crc32c)
    return (
        sa.select(*columns)
        .select_from(schema.plan.join(schema.file))
        .where(is_among(plan.asset_id, asset_ids))
    )


def live_files(asset_ids: Collection[int]) -> sa.Select[tuple[object, ...]]:
    """Return the query of those that are of use."""
    query = files_of(asset_ids).outerjoin(schema.task, schema.task.c.id == schema.file.c.task_id)
    return query.where(schema.live_file())


def void_in(connection: sa.Connection, where: sa.ColumnElement[bool], now: datetime) -> None:
    """Give up, within a transaction, on files that no task brought; where: of file and plan."""
    file, plan = schema.file, schema.plan
    query = (
        sa.select(file.c.id)
        .select_from(file.join(plan))
        .where(where, file.c.task_id.is_(None), file.c.voided_at.is_(None))
    )
    void = sa.update(file).where(file.c.id.in_(query))
    connection.execute(void.values(voided_at=now))


def _carry_over(
    connection: sa.Connection, before: KnownPlan, after: KnownPlan, now: datetime
) -> None:
    """Let what was begun go on where the new plan wants the same part; give up the rest."""
    wanted = {part.id: part for part in after.plan.parts}
    kept = [part.id for part in before.plan.parts if wanted.get(part.id) == part]
    task, file = schema.task, schema.file
    live = select_tasks().where(schema.of_assets([after.asset_id]), task.c.state.in_(LIVE))
    tasks = [read_task(row) for row in connection.execute(live)]
    unwanted = [task for task in tasks if wanted.get(task.part_id) != task.part]
    record_in(connection, [TaskMove(task, GivenUp()) for task in unwanted], now)
    going = {task.id for task in tasks} - {task.id for task in unwanted}
    if going:
        moved = {"plan_id": after.id}
        connection.execute(sa.update(task).where(is_among(task.c.id, going)).values(moved))
        of_going = is_among(file.c.task_id, going) & (file.c.plan_id == before.id)
        connection.execute(sa.update(file).where(of_going).values(moved))
    # Files without a task are those of the plan before: an older one's were carried over to it.
    of_before = sa.update(file).where(
        file.c.plan_id == before.id, file.c.task_id.is_(None), file.c.voided_at.is_(None)
    )
    connection.execute(of_before.where(file.c.part.in_(kept)).values(plan_id=after.id))
    connection.execute(of_before.where(file.c.part.not_in(kept)).values(voided_at=now))
