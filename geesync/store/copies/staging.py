"""The files of copies: in the bucket, on disk, or both; brought by tasks, or without one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.lifecycle import RESTING, State
from geesync.domain.tasks.exports import Part, Way
from geesync.domain.tasks.lifecycle import LIVE, Disproved, TaskState
from geesync.errors import Cause, RemoteError
from geesync.store.file.database import Records
from geesync.store.file.rows import change_rows
from geesync.store.tables import schema
from geesync.store.tables.columns import is_among
from geesync.store.tasks.plans import void_in
from geesync.store.tasks.task_rows import Lesson, Task, read_plan, read_task, teach_in
from geesync.store.tasks.tasks import TaskMove, give_up_in, record_in

#: Found once: for SQLAlchemy to look how the tables belong together takes as long as ten rows.
_BROUGHT_BY_TASKS = (
    schema.file.join(schema.task, schema.task.c.id == schema.file.c.task_id)
    .join(schema.plan, schema.plan.c.id == schema.file.c.plan_id)
    .join(schema.asset, schema.asset.c.id == schema.plan.c.asset_id)
)
_FILES = (
    schema.plan.join(schema.file)
    .outerjoin(schema.task, schema.task.c.id == schema.file.c.task_id)
    .join(schema.asset)
)


@dataclass(frozen=True)
class Staged:
    """A file of an asset's copy: its bytes are in the bucket, on disk, or both."""

    id: int
    asset_id: int
    plan_id: int
    part_id: str
    document: bytes  #: the plan, packed
    asset: str  #: canonical name
    revision: str
    task: Task | None  #: that brought it; None where no task was needed
    way: Way
    obj: StoredObject  #: without a bucket its name is the file's, its generation 0
    file: str  #: its final name in the asset's folder
    landed: bool  #: every byte is on disk
    swept: bool = False  #: the bucket is not asked for it any more
    sha256: str | None = None  #: of its file, hexadecimal; known once that was read through

    @property
    def part(self) -> Part:
        """The part that it is of."""
        return read_plan(self.document).part(self.part_id)

    @property
    def origin(self) -> Json:
        """How its part came, by its sidecar, where no task of this ledger brought it."""
        return read_plan(self.document).origins.get(self.part_id, {})

    @cached_property
    def token(self) -> str:
        """What its name bears until it is proved: its task's token, or one of its plan's part."""
        if self.task:
            return self.task.token
        return read_plan(self.document).token(self.asset, self.revision, self.part_id)

    @property
    def is_staged(self) -> bool:
        """Whether it can be fetched again from the bucket."""
        return self.task is not None and not self.swept

    @property
    def bucket(self) -> str:
        """Where it is staged; "" where it is not."""
        return self.task.destination.place if self.task else ""


class Staging(Records):
    """Where the files of copies are, and which may be deleted from the bucket."""

    def staged(self, asset_ids: Iterable[int]) -> dict[int, list[Staged]]:
        """Return the files of each asset that are of use, by name."""
        ids = list(asset_ids)
        found: dict[int, list[Staged]] = {asset_id: [] for asset_id in ids}
        for file in self._staged(
            is_among(schema.plan.c.asset_id, ids) & schema.live_file(), limit=None
        ):
            found[file.asset_id].append(file)
        return found

    def sweepable(
        self, *, limit: int | None, ways: Collection[Way], held: Collection[int] = ()
    ) -> list[Staged]:
        """Return staged objects whose copy is proved: their asset is verified with this task's.

        ways: by which they came. held: ids of objects that are left alone.
        """
        wanted = (
            schema.file.c.swept_at.is_(None)
            & (sa.literal_column("file.way") != sa.literal_column(f"'{Way.DIRECT}'"))
            & schema.file.c.way.in_(ways)
            & schema.file.c.id.not_in(held)
            & (schema.task.c.state == TaskState.SUCCEEDED)
            # "+" keeps SQLite from reading all verified assets for the few that are still staged.
            & (sa.literal_column("+asset.state") == State.VERIFIED)
        )
        return self._staged(wanted, limit=limit, among=_BROUGHT_BY_TASKS)

    def superseded(self, tokens: Collection[str]) -> set[str]:
        """Return which of these are of tasks that ended badly, of assets that need them no more."""
        task, asset = schema.task, schema.asset
        query = (
            sa.select(task.c.token)
            .join(asset, asset.c.id == task.c.subject_id)
            .where(is_among(task.c.token, tokens), task.c.state.not_in(LIVE))
            .where(task.c.plan_id.is_not(None), asset.c.state.in_(RESTING))
        )
        return set(self._database.scalars(query))

    def give_up_cancelled(self, now: datetime) -> None:
        """Give up on what tasks brought for assets that a person does not want any more."""
        table = schema.asset
        unwanted = sa.select(table.c.id).where(
            table.c.state == State.QUARANTINED, table.c.cause == Cause.CANCELLED
        )
        ids = self._database.scalars(unwanted)
        if ids:
            with self._database.write() as connection:
                brought = schema.task.c.state == TaskState.SUCCEEDED
                give_up_in(connection, schema.of_assets(ids) & brought, now)

    def places(self, ways: Collection[Way]) -> list[str]:
        """Return every bucket and folder of Drive in which an export was ever to be staged."""
        task = schema.task
        by_drive = (task.c.destination_kind == sa.literal_column("'drive'")) & (
            sa.literal(Way.DRIVE in ways)
        )
        queries = [sa.select(task.c.destination).where(by_drive).distinct()]
        if Way.BUCKET in ways:
            queries.append(sa.select(schema.root.c.bucket).distinct())
        return [place for query in queries for place in self._database.scalars(query) if place]

    def _staged(
        self, wanted: sa.ColumnElement[bool], *, limit: int | None, among: sa.FromClause = _FILES
    ) -> list[Staged]:
        file, plan = schema.file, schema.plan
        query = (
            sa.select(
                schema.task,
                *(file.c.id.label("file_id"), file.c.way, file.c.name.label("file_name")),
                *(plan.c.asset_id, plan.c.document, plan.c.revision.label("of_revision")),
                schema.asset.c.name.label("asset_name"),
                *(file.c.plan_id.label("of_plan"), file.c.part.label("of_part")),
                (sa.func.coalesce(schema.task.c.prefix, "") + file.c.suffix).label("object"),
                *(file.c.generation, file.c.size_bytes, file.c.crc32c, file.c.sha256, file.c.md5),
                *(file.c.landed_at, file.c.swept_at),
            )
            .select_from(among)
            .where(wanted)
            .order_by(file.c.task_id, file.c.name)
            .limit(limit)
        )
        return self._database.select(query, _read)

    def mark(self, column: str, file_ids: Iterable[int], now: datetime | None) -> None:
        """Note files as ``landed_at`` (on disk) or ``swept_at`` (deleted from the bucket).

        No time takes it back: the file is not on disk any more.
        """
        ids = list(file_ids)
        if ids:
            files = sa.update(schema.file).where(is_among(schema.file.c.id, ids))
            self._database.execute(files.values({column: now}))

    def disprove(
        self, bad: Sequence[tuple[Staged, RemoteError]], now: datetime, *, found: Json | None = None
    ) -> None:
        """Give up on the parts of files that are not what they must be, in one transaction.

        found: what they taught for the next plan.
        """
        if not bad:
            return
        with self._database.write() as connection:
            moves = {
                file.task.id: TaskMove(file.task, Disproved(str(error), error.cause, found or {}))
                for file, error in bad
                if file.task
            }
            record_in(connection, list(moves.values()), now)
            for file, error in bad:
                if file.task is None:
                    _void(connection, file, error, found or {}, now)

    def note_sums(self, sums: Mapping[int, tuple[int, str]]) -> None:
        """Note the CRC32C and hexadecimal SHA-256 of files, by id: each was read, every byte."""
        changes = {key: {"crc32c": crc32c, "sha256": sha} for key, (crc32c, sha) in sums.items()}
        if changes:
            with self._database.write() as connection:
                change_rows(connection, schema.file, changes)


def _void(
    connection: sa.Connection, file: Staged, error: RemoteError, found: Json, now: datetime
) -> None:
    of_part = (schema.file.c.plan_id == file.plan_id) & (schema.file.c.part == file.part_id)
    void_in(connection, of_part, now)
    if error.cause == Cause.PLAN:
        columns = tuple(found.get("columns", ()))
        lesson = Lesson(file.plan_id, file.part_id, too_much=False, columns=columns)
        teach_in(connection, [lesson], now)


def _read(row: sa.Row[Any]) -> Staged:
    return Staged(
        id=row.file_id,
        asset_id=row.asset_id,
        plan_id=row.of_plan,
        part_id=row.of_part,
        document=row.document,
        asset=row.asset_name,
        revision=row.of_revision,
        task=read_task(row) if row.id is not None else None,
        way=Way(row.way),
        obj=StoredObject(
            row.object or row.file_name,
            row.generation or 0,
            row.size_bytes,
            row.crc32c,
            (row.sha256 or "") if row.way == Way.DRIVE else "",
            row.md5 or "",
        ),
        file=row.file_name,
        landed=row.landed_at is not None,
        swept=row.swept_at is not None,
        sha256=row.sha256,
    )
