"""What was asked of Earth Engine for each part of an asset, and how that ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.tasks.exports import Ask, Part
from geesync.errors import Cause, RemoteError
from geesync.store.file.database import Database
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.tables import schema
from geesync.store.tables.packing import pack, unpack


@dataclass(frozen=True)
class Export:
    """One ask for one part of an asset."""

    id: int
    asset_id: int
    plan: bytes  #: its part, packed; most of who read an export do not need it
    attempt: int
    revision: str
    token: str
    body_hash: str
    bucket: str
    prefix: str
    operation: str | None
    state: str
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


class Exports:
    """The asks. Written before and after each answer, never while waiting."""

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
                "state": "intended",
                "intended_at": now,
            }
            for intent in intents
        ]
        if rows:
            with self._database.write() as connection:
                insert_rows(connection, schema.export, rows)

    def update(self, changes: Mapping[int, Mapping[str, Any]]) -> None:
        """Write what became of exports: ``{export id: {column: value}}``, in one transaction.

        One that another step ended meanwhile does not begin again: it may have been asked for anew.
        """
        if not changes:
            return
        going = [key for key, change in changes.items() if change.get("state") in schema.IN_FLIGHT]
        table = schema.export
        query = sa.select(table.c.id).where(table.c.id.in_(going), ~schema.in_flight())
        with self._database.write() as connection:
            ended = set(connection.execute(query).scalars()) if going else set()
            still = {key: change for key, change in changes.items() if key not in ended}
            change_rows(connection, table, still)

    def disprove(
        self, errors: Mapping[int, RemoteError], now: datetime, *, found: Json | None = None
    ) -> None:
        """Note exports whose objects or files are not what they must be: ``{export id: why}``.

        found: what they taught for the next plan.
        """
        self.update(
            {
                export_id: {
                    "state": "disproved",
                    "cause": error.cause,
                    "error": str(error),
                    "found": json.dumps(found) if found else None,
                    "ended_at": now,
                }
                for export_id, error in errors.items()
            }
        )

    def succeed(
        self, found: Mapping[int, Sequence[tuple[StoredObject, str]]], now: datetime
    ) -> None:
        """Note complete exports: ``{export id: [(object, final file name)]}``."""
        if not found:
            return
        table = schema.export
        query = sa.select(table.c.id, table.c.prefix).where(
            table.c.id.in_(list(found)), table.c.state == "succeeded"
        )
        with self._database.write() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.id.in_(list(found)), table.c.state == "running")
                .values(state="succeeded", ended_at=now)
            )
            rows = [
                {"export_id": row.id, "file": file, **kept_object(obj, row.prefix)}
                for row in connection.execute(query)
                for obj, file in found[row.id]
            ]
            insert_rows(connection, schema.stored, rows, instead="IGNORE")

    def in_flight(self) -> list[Export]:
        """Return the exports on which Earth Engine may be working, oldest first."""
        return self._exports(schema.in_flight())

    def of(self, asset_ids: Iterable[int], *, live: bool = True) -> dict[int, list[Export]]:
        """Return exports by asset; only those that may still bring their objects, if ``live``."""
        ids = list(asset_ids)
        table = schema.export
        wanted = [table.c.asset_id.in_(ids)] + ([table.c.state.in_(schema.LIVE)] if live else [])
        by_asset: dict[int, list[Export]] = {asset_id: [] for asset_id in ids}
        for export in self._exports(*wanted):
            by_asset[export.asset_id].append(export)
        return by_asset

    def _exports(self, *where: sa.ColumnElement[bool]) -> list[Export]:
        query = sa.select(schema.export).where(*where).order_by(schema.export.c.id)
        with self._database.read() as connection:
            return [read_export(row) for row in connection.execute(query)]

    def settled_assets(self, *, now: datetime, limit: int) -> list[int]:
        """Return ids of exporting assets of which no export is in flight any more."""
        asset, table = schema.asset, schema.export
        in_flight = sa.exists().where(table.c.asset_id == asset.c.id, schema.in_flight())
        query = (
            sa.select(asset.c.id)
            .where(asset.c.state == "exporting", ~in_flight)
            .where(sa.or_(asset.c.not_before.is_(None), asset.c.not_before <= now))
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def latest(self, asset_ids: Iterable[int]) -> dict[int, list[Export]]:
        """Return the last ask for each part of each asset."""
        newest: dict[tuple[int, str], Export] = {}
        ids = list(asset_ids)
        for exports in self.of(ids, live=False).values():
            for export in exports:
                newest[export.asset_id, part_id(export.part)] = export
        by_asset: dict[int, list[Export]] = {asset_id: [] for asset_id in ids}
        for export in newest.values():
            by_asset[export.asset_id].append(export)
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


def read_export(row: sa.Row[Any]) -> Export:
    """Return the export of a row."""
    return Export(
        id=row.id,
        asset_id=row.asset_id,
        plan=row.plan,
        attempt=row.attempt,
        revision=row.revision,
        token=row.token,
        body_hash=row.body_hash,
        bucket=row.bucket,
        prefix=row.prefix,
        operation=row.operation,
        state=row.state,
        intended_at=row.intended_at,
        ended_at=row.ended_at,
        cause=Cause(row.cause) if row.cause else None,
        error=row.error or "",
        found=json.loads(row.found) if row.found else {},
    )
