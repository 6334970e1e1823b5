"""Files that were read from Earth Engine straight to disk: no task and no bucket had them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from geesync.domain.json import Json
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.tasks.exports import Way
from geesync.store.file.database import Records
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.ledger.usage import ANSWERS, ANSWERS_OF_MONTH, month_of
from geesync.store.tables import notes, schema
from geesync.store.tables.columns import is_among
from geesync.store.tables.packing import pack
from geesync.store.tasks.plans import void_in
from geesync.store.tasks.task_rows import read_plan


@dataclass(frozen=True)
class FetchedCopy:
    """All files of one asset, as they are on disk."""

    plan_id: int
    files: Mapping[str, KeptFile]  #: by the id of their part; called by their final names
    origin: Json  #: how each part came, for the sidecar


class Fetched(Records):
    """Writes down what was read directly."""

    def put(self, copies: Sequence[FetchedCopy], now: datetime, *, answers: int) -> None:
        """Remember files that are on disk, in place of earlier ones of the same plans.

        answers: how many were made for them, and for others that failed: Earth Engine counts them.
        """
        rows = [
            {
                "plan_id": copy.plan_id,
                "part": part_id,
                "way": Way.DIRECT,
                "name": file.name,
                "size_bytes": file.size_bytes,
                "crc32c": file.crc32c,
                "landed_at": now,
            }
            for copy in copies
            for part_id, file in copy.files.items()
        ]
        if not rows and not answers:
            return
        with self._database.write() as connection:
            _count(connection, answers, rows, now)
            void_in(connection, is_among(schema.plan.c.id, [copy.plan_id for copy in copies]), now)
            _note_origins(connection, copies)
            if rows:
                insert_rows(connection, schema.file, rows)


def _count(connection: sa.Connection, answers: int, files: Sequence[Json], now: datetime) -> None:
    total = notes.total
    for name, label, count in (
        (ANSWERS, "", answers),
        (ANSWERS_OF_MONTH, month_of(now), answers),
        # Of files from the bucket triggers count these, as they land.
        ("landed_objects", "", len(files)),
        ("landed_bytes", "", sum(file["size_bytes"] for file in files)),
    ):
        new = insert(total).values(name=name, label=label, value=count)
        more = {"value": total.c.value + new.excluded.value}
        connection.execute(new.on_conflict_do_update(index_elements=["name", "label"], set_=more))


def _note_origins(connection: sa.Connection, copies: Sequence[FetchedCopy]) -> None:
    table = schema.plan
    origins = {copy.plan_id: dict.fromkeys(copy.files, copy.origin) for copy in copies}
    query = sa.select(table.c.id, table.c.document).where(is_among(table.c.id, origins))
    values = {
        key: replace(read_plan(document), origins=origins[key])
        for key, document in connection.execute(query)
    }
    change_rows(
        connection, table, {key: {"document": pack(plan.to_json())} for key, plan in values.items()}
    )
