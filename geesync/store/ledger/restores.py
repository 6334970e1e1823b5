"""What is to be made again, and how far it is. The only writer of a restored asset's state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.restore.lifecycle import (
    AT_REST,
    RestoreCancelled,
    RestoreEvent,
    RestoreRetried,
    RestoreStanding,
    RestoreState,
    advance_restore,
)
from geesync.domain.restore.losses import LossKind
from geesync.errors import Cause
from geesync.store.file.database import Database
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.ledger.roots import ask_in
from geesync.store.tables.restoring import restoration, restored, restored_file


@dataclass(frozen=True)
class Wanted:
    """An asset that a person wants to be made again."""

    mirror: str
    path: str
    source: str
    target: str
    type: str
    revision: str
    mark: str
    depth: int
    size_bytes: int
    losses: tuple[Json, ...]


@dataclass(frozen=True)
class Restored:
    """An asset on its way back, as the ledger knows it."""

    id: int
    wanted: Wanted
    bucket: str
    accepted: frozenset[LossKind]
    prove: str
    policies: bool
    manifest: Json | None
    standing: RestoreStanding
    version: int


@dataclass(frozen=True)
class RestoreMove:
    """Something that happened to an asset as it was seen."""

    asset: Restored
    event: RestoreEvent


class Restores:
    """Assets on their way back. Steps report events; only ``record`` turns them into states."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        asked: Mapping[str, object],
        wanted: Iterable[Wanted],
        now: datetime,
    ) -> int:
        """Write down what a person asked for; return how many assets are new.

        asked: columns of the restoration. What is on its way to the same target stays as it is.
        """
        with self._database.write() as connection:
            known = set(
                connection.execute(
                    sa.select(restored.c.target).where(restored.c.state != RestoreState.CANCELLED)
                ).scalars()
            )
            new = [one for one in wanted if one.target not in known]
            if not new:
                return 0
            made = connection.execute(sa.insert(restoration).values(added_at=now, **asked))
            (key,) = made.inserted_primary_key or (0,)
            rows = [_row(one, int(key), now) for one in new]
            insert_rows(connection, restored, rows)
            ask_in(connection, now)
        return len(new)

    def due(self, *states: RestoreState, now: datetime, limit: int) -> list[Restored]:
        """Return assets in some states whose time has come, the uppermost containers first."""
        query = (
            _select()
            .where(restored.c.state.in_(states))
            .where(sa.or_(restored.c.not_before.is_(None), restored.c.not_before <= now))
            .order_by(restored.c.depth, restored.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_read(row) for row in connection.execute(query)]

    def record(self, moves: Sequence[RestoreMove], now: datetime) -> int:
        """Move assets on, in one transaction; what somebody else moved meanwhile stays."""
        if not moves:
            return 0
        with self._database.write() as connection:
            ids = [move.asset.id for move in moves]
            query = sa.select(restored.c.id, restored.c.version).where(restored.c.id.in_(ids))
            versions = {row.id: row.version for row in connection.execute(query)}
            changes = {
                move.asset.id: _columns(move, now)
                for move in moves
                if versions.get(move.asset.id) == move.asset.version
            }
            change_rows(connection, restored, changes)
        return len(changes)

    def stage(
        self, asset: Restored, manifest: Json, objects: Iterable[StoredObject], now: datetime
    ) -> None:
        """Note what was uploaded for an asset, and the request that makes it of that."""
        rows = [
            {
                "restored_id": asset.id,
                "name": obj.name,
                "bucket": asset.bucket,
                "generation": obj.generation,
                "size_bytes": obj.size_bytes,
                "crc32c": obj.crc32c,
            }
            for obj in objects
        ]
        with self._database.write() as connection:
            connection.execute(
                sa.delete(restored_file).where(
                    restored_file.c.restored_id == asset.id, restored_file.c.removed_at.is_(None)
                )
            )
            insert_rows(connection, restored_file, rows, instead="REPLACE")
            change_rows(connection, restored, {asset.id: {"manifest": manifest, "moved_at": now}})

    def report(self, asset: Restored, report: Json) -> None:
        """Note what was compared of an asset."""
        with self._database.write() as connection:
            change_rows(connection, restored, {asset.id: {"report": json.dumps(report)}})

    def leftovers(self, limit: int) -> list[tuple[int, str, StoredObject]]:
        """Return what nobody needs any more: ``(asset, bucket, object)`` of those at rest."""
        ended = (RestoreState.PROVED, RestoreState.CANCELLED)
        query = (
            sa.select(restored_file)
            .join(restored)
            .where(restored.c.state.in_(ended), restored_file.c.removed_at.is_(None))
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                (
                    row.restored_id,
                    row.bucket,
                    StoredObject(row.name, row.generation, row.size_bytes, row.crc32c),
                )
                for row in connection.execute(query)
            ]

    def note_removed(self, removed: Iterable[tuple[int, str]], now: datetime) -> None:
        """Note objects that are gone from the bucket: ``(asset, name of the object)``."""
        with self._database.write() as connection:
            for asset_id, name in removed:
                connection.execute(
                    sa.update(restored_file)
                    .where(restored_file.c.restored_id == asset_id, restored_file.c.name == name)
                    .values(removed_at=now)
                )

    def is_anything_left(self) -> bool:
        """Whether an asset is on its way, or what was staged for one is still in the bucket."""
        moving = [state for state in RestoreState if state not in AT_REST]
        on_its_way = sa.exists().where(restored.c.state.in_(moving))
        leftover = sa.exists().where(restored_file.c.removed_at.is_(None))
        with self._database.read() as connection:
            return bool(connection.execute(sa.select(sa.or_(on_its_way, leftover))).scalar())

    def below(self, target: str) -> list[Restored]:
        """Return what is or was to be made at a place, or below it."""
        within = restored.c.target.startswith(f"{target}/", autoescape=True)
        query = _select().where(sa.or_(restored.c.target == target, within))
        with self._database.read() as connection:
            return [_read(row) for row in connection.execute(query.order_by(restored.c.id))]

    def counts(self) -> dict[str, int]:
        """Return assets by state."""
        query = sa.select(restored.c.state, sa.func.count().label("assets")).group_by(
            restored.c.state
        )
        with self._database.read() as connection:
            return {row.state: row.assets for row in connection.execute(query)}

    def cancel(self, target: str, now: datetime) -> int:
        """Give up what is not at rest at a place or below it; return how many."""
        moves = [
            RestoreMove(one, RestoreCancelled("a person gave it up"))
            for one in self.below(target)
            if one.standing.state not in {RestoreState.PROVED, RestoreState.CANCELLED}
        ]
        return self.record(moves, now)

    def retry(self, target: str, now: datetime) -> int:
        """Try again what is in quarantine at a place or below it; return how many."""
        moves = [
            RestoreMove(one, RestoreRetried())
            for one in self.below(target)
            if one.standing.state == RestoreState.QUARANTINED
        ]
        return self.record(moves, now)


def _row(wanted: Wanted, key: int, now: datetime) -> dict[str, object]:
    return {
        "restoration_id": key,
        "mirror": wanted.mirror,
        "path": wanted.path,
        "source": wanted.source,
        "target": wanted.target,
        "type": wanted.type,
        "revision": wanted.revision,
        "mark": wanted.mark,
        "depth": wanted.depth,
        "size_bytes": wanted.size_bytes,
        "losses": json.dumps(wanted.losses),
        "state": RestoreState.PLANNED,
        "moved_at": now,
    }


def _columns(move: RestoreMove, now: datetime) -> dict[str, object]:
    after = advance_restore(move.asset.standing, move.event, now)
    return {
        "state": after.state,
        "failures": after.failures,
        "not_before": after.not_before,
        "cause": after.cause,
        "reason": after.reason or None,
        "version": move.asset.version + 1,
        "moved_at": now,
    }


def _select() -> sa.Select[tuple[object, ...]]:
    asked = restoration.c
    return sa.select(restored, asked.bucket, asked.accepted, asked.prove, asked.policies).join(
        restoration
    )


def _read(row: sa.Row[tuple[object, ...]]) -> Restored:
    kept = row._mapping  # noqa: SLF001 # SQLAlchemy's public name for it
    plain = ("mirror", "path", "source", "target", "type", "revision", "mark", "depth")
    return Restored(
        id=kept["id"],
        wanted=Wanted(
            **{name: kept[name] for name in plain},
            size_bytes=kept["size_bytes"],
            losses=tuple(json.loads(kept["losses"])),
        ),
        bucket=kept["bucket"],
        accepted=frozenset(map(LossKind, json.loads(kept["accepted"]))),
        prove=kept["prove"],
        policies=bool(kept["policies"]),
        manifest=kept["manifest"],
        standing=RestoreStanding(
            RestoreState(kept["state"]),
            kept["failures"],
            kept["not_before"],
            Cause(kept["cause"]) if kept["cause"] else None,
            kept["reason"] or "",
        ),
        version=kept["version"],
    )
