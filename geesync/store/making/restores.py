"""What is to be made again from the mirror, and how far it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from geesync.domain.assets.asset import CONTAINERS, SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.restore.files import KEPT, Form, stays
from geesync.domain.restore.lifecycle import LIFE, RestoreState
from geesync.domain.restore.losses import LossKind
from geesync.domain.tasks.lifecycle import Subject, SubjectKind, TaskState
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.ledger.roots import ask_in
from geesync.store.making.making import Condition, Making, ToMake, known_targets
from geesync.store.tables import schema
from geesync.store.tables.columns import read_as, read_standing
from geesync.store.tables.making import restoration, restored, restored_file
from geesync.store.tables.states import is_making_paused


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

    @property
    def is_plain_folder(self) -> bool:
        """Whether nothing in the mirror is like it: others are to lie in it."""
        return not self.path


@dataclass(frozen=True)
class Restored(ToMake):
    """An asset on its way back, as the ledger knows it."""

    wanted: Wanted
    bucket: str
    accepted: frozenset[LossKind]
    prove: str
    policies: bool
    manifest: Json | None
    form: Form
    root: str  #: to which it is restored

    @property
    def folder(self) -> Path:
        """Where its copy is."""
        return Path(self.wanted.mirror) / self.wanted.path

    def is_made_of(self, copy: SourceAsset) -> bool:
        """Whether the mirror's copy is still that which was asked for."""
        return copy.is_container or copy.revision == self.wanted.revision

    @property
    def was_there(self) -> bool:
        """Whether it is a container that somebody else made: used, and never changed."""
        return self.wanted.type in CONTAINERS and self.manifest is None

    @property
    def is_external(self) -> bool:
        """Whether it is to be a view of files that stay in the bucket."""
        return stays(self.form, self.wanted.type)


class Restores(Making[Restored, RestoreState]):
    """Assets on their way back; people mean them by the place that they lie at or below."""

    kind = SubjectKind.RESTORE
    table = restored
    life = LIFE
    is_paused = is_making_paused("restored.target", "restored.target")

    def add(
        self,
        asked: Mapping[str, object],
        wanted: Iterable[Wanted],
        now: datetime,
    ) -> int:
        """Write down what a person asked for; return how many assets are new.

        asked: columns of the restoration. What is known of the same target, and neither given up
        nor superseded, stays as it is.
        """
        with self._database.write() as connection:
            known = known_targets(connection, restored)
            new = [asset for asset in wanted if asset.target not in known]
            if not new:
                return 0
            made = connection.execute(sa.insert(restoration).values(added_at=now, **asked))
            (key,) = made.inserted_primary_key or (0,)
            rows = [_row(asset, int(key), now) for asset in new]
            insert_rows(connection, restored, rows)
            ask_in(connection, now)
        return len(new)

    def proved(self, wanted: Iterable[Wanted]) -> list[Restored]:
        """Return what was proved once, of what is wanted."""
        targets = {asset.target for asset in wanted}
        found = self._select(restored.c.state == RestoreState.PROVED)
        return [asset for asset in found if asset.target in targets]

    def stage(
        self,
        asset: Restored,
        manifest: Json | None,
        objects: Iterable[StoredObject],
        now: datetime,
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
        of_asset = sa.update(restored).where(restored.c.id == asset.id)
        self._database.execute(of_asset.values(report=json.dumps(report)))

    def reports(self, root: str) -> list[tuple[Restored, Json]]:
        """Return what was compared of each asset that was restored to a root."""
        query = sa.select(restored.c.id, restored.c.report).where(restored.c.report.is_not(None))
        reports = dict(self._database.select(query, lambda row: (row.id, json.loads(row.report))))
        return [(asset, reports.get(asset.id, {})) for asset in self.of(root)]

    def finished(self, since: datetime) -> list[str]:
        """Return the roots of restores of which all is at rest, and something moved since."""
        moving = sa.func.sum(restored.c.state.in_(self.life.moving))
        query = (
            sa.select(restoration.c.target_root)
            .join(restored)
            .group_by(restoration.c.target_root)
            .having(moving == 0)
            .having(sa.func.max(restored.c.moved_at) >= since)
        )
        return self._database.scalars(query)

    def leftovers(self, limit: int) -> list[tuple[int, str, StoredObject]]:
        """Return what nobody needs any more: ``(asset, bucket, object)`` of those at rest.

        What an external image points at is needed for as long as anything may point at it, which
        only a person knows.
        """
        ended = (RestoreState.PROVED, RestoreState.CANCELLED)
        query = (
            sa.select(restored_file)
            .join(restored)
            .where(restored.c.state.in_(ended), _is_to_be_removed(), ~_is_needed())
            .limit(limit)
        )
        return [
            (
                row.restored_id,
                row.bucket,
                StoredObject(row.name, row.generation, row.size_bytes, row.crc32c),
            )
            for row in self._database.rows(query)
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
        leftover = sa.select(sa.exists().where(_is_to_be_removed()))
        return super().is_anything_left() or bool(self._database.scalar(leftover))

    def _meant_by(self, which: str) -> Sequence[sa.ColumnElement[bool]]:
        below = restored.c.target.startswith(f"{which}/", autoescape=True)
        return [sa.or_(restored.c.target == which, below)]

    def _select(self, *where: Condition, limit: int | None = None) -> list[Restored]:
        named = ("bucket", "accepted", "prove", "policies", "form", "target_root")
        query = (
            sa.select(restored, *(restoration.c[name] for name in named))
            .join(restoration)
            .where(*where)
            .order_by(restored.c.depth, restored.c.id)  # the uppermost containers first
            .limit(limit)
        )
        return self._database.select(query, _read)


def _is_to_be_removed() -> sa.ColumnElement[bool]:
    """Whether an object that was uploaded is of no use once its asset is proved."""
    kept = restored_file.c.name.startswith(f"{KEPT}/")
    return restored_file.c.removed_at.is_(None) & ~kept


def _is_needed() -> sa.ColumnElement[bool]:
    """Whether a task may still read an object, or another making of the same asset needs it."""
    task, other, object_of = schema.task, restored.alias(), restored_file.alias()
    reading = sa.exists().where(
        task.c.subject_kind == SubjectKind.RESTORE,
        task.c.subject_id == restored.c.id,
        task.c.state.in_((TaskState.UNCLEAR, TaskState.RUNNING)),
        task.c.ended_at.is_(None),
    )
    needing = sa.exists().where(
        other.c.target == restored.c.target,
        other.c.state.in_(LIFE.moving),
        object_of.c.restored_id == other.c.id,
        object_of.c.name == restored_file.c.name,
    )
    return sa.or_(reading, needing)


def _row(wanted: Wanted, key: int, now: datetime) -> dict[str, object]:
    planned = {"restoration_id": key, "state": RestoreState.PLANNED, "moved_at": now}
    return vars(wanted) | planned | {"losses": json.dumps(wanted.losses)}


def _read(row: sa.Row[Any]) -> Restored:
    return read_as(
        *(Restored, row),
        subject=Subject(SubjectKind.RESTORE, row.id, row.target, row.revision),
        standing=read_standing(row, RestoreState),
        wanted=read_as(Wanted, row, losses=tuple(json.loads(row.losses))),
        accepted=frozenset(map(LossKind, json.loads(row.accepted))),
        policies=bool(row.policies),
        form=Form(row.form),
        root=row.target_root,
    )
