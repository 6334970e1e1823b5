"""What must be on disk, and when it was last read: what a check asks of the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.lifecycle import UNWANTED, FoundDamaged, State
from geesync.store.copies.catalogue import top_key
from geesync.store.copies.sidecars import kept_files
from geesync.store.file.database import Records
from geesync.store.ledger.ledger import LedgerAsset, Move, read_asset, record_in, select_assets
from geesync.store.ledger.roots import Roots
from geesync.store.tables import schema
from geesync.store.tables.columns import is_among
from geesync.store.tables.states import UNREAD
from geesync.store.tasks.plans import live_files, void_in
from geesync.store.tasks.tasks import give_up_in

#: Assets of one question.
_PAGE = 500


@dataclass(frozen=True)
class Scope:
    """What is checked: an asset with all below it, or all that is watched."""

    name: str | None = None  #: canonical

    def within(self) -> sa.ColumnElement[bool]:
        """Return the condition on assets that are in this scope."""
        if self.name is None:
            return schema.root.c.removed_at.is_(None)
        return schema.within(self.name)

    def on_disk(self) -> sa.ColumnElement[bool]:
        """Return the condition on assets that are in this scope and on disk."""
        return sa.and_(sa.text(schema.ON_DISK), self.within())


class Checks(Records):
    """Files as they must be. Reads in pages, whatever the ledger holds."""

    def count(self, scope: Scope) -> int:
        """Return how many assets are to be checked."""
        query = sa.select(sa.func.count()).select_from(schema.asset.join(schema.root))
        return int(self._database.scalar(query.where(scope.on_disk())))

    def pages(self, scope: Scope) -> Iterator[list[LedgerAsset]]:
        """Yield all assets of the scope, those first whose only copy is here because of us."""
        for guarded in _guarded_first():
            for page in self._by_id(select_assets().where(scope.on_disk(), guarded)):
                yield [read_asset(row) for row in page]

    def _by_id(self, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        last, column = 0, schema.asset.c.id
        query = query.order_by(column).limit(_PAGE)
        while page := self._database.rows(query.where(column > last)):
            yield page
            last = page[-1].id

    def stale_pages(
        self, scope: Scope, read_before: datetime, *, guarded: bool
    ) -> Iterator[list[LedgerAsset]]:
        """Yield the assets that were not read since; those first whose last reading is oldest.

        guarded: first of all those whose only copy is here because of us.
        """
        for some in _guarded_first() if guarded else [sa.true()]:
            yield from self._oldest_first(scope, read_before, some)

    def _oldest_first(
        self, scope: Scope, read_before: datetime, some: sa.ColumnElement[bool]
    ) -> Iterator[list[LedgerAsset]]:
        asset = schema.asset
        never = asset.c.checked_at.is_(None)
        is_stale = never | (asset.c.checked_at < read_before)
        query = select_assets().add_columns(asset.c.checked_at).limit(_PAGE)
        query = query.where(scope.on_disk(), some, is_stale)
        query = query.order_by(asset.c.checked_at, asset.c.id)
        after: sa.ColumnElement[bool] = sa.true()
        while page := self._database.rows(query.where(after)):
            yield [read_asset(row) for row in page]
            last = page[-1]
            if last.checked_at is None:
                after = sa.or_(~never, asset.c.id > last.id)
            else:
                after = sa.tuple_(asset.c.checked_at, asset.c.id) > (last.checked_at, last.id)

    def kept(self, asset_ids: Collection[int]) -> dict[int, list[KeptFile]]:
        """Return every file that must be in each asset's folder, or in those of older copies."""
        return kept_files(self._database, asset_ids, live_files(asset_ids))

    def note_read(self, asset_ids: Iterable[int], now: datetime) -> None:
        """Note that every byte of these assets was read and is right."""
        self._database.execute(
            sa.update(schema.asset)
            .where(is_among(schema.asset.c.id, asset_ids))
            .values(checked_at=now)
        )

    def send_back(
        self, asset: LedgerAsset, files: Collection[str], reason: str, now: datetime
    ) -> bool:
        """Have an asset's bad or missing files fetched again; False if it moved on meanwhile.

        What is still staged is only downloaded again; else the parts of those files, and no others,
        are exported again.
        """
        plan, file, task = schema.plan, schema.file, schema.task
        with self._database.write() as connection:
            if not record_in(connection, [Move(asset, FoundDamaged(reason))], now):
                return False
            bad = connection.execute(
                sa.select(file.c.id, file.c.part, file.c.task_id, file.c.swept_at)
                .select_from(plan.join(file).outerjoin(task, task.c.id == file.c.task_id))
                .where(plan.c.asset_id == asset.id, schema.live_file())
                .where(is_among(file.c.name, files))
            ).all()
            staged = [row.id for row in bad if row.task_id and row.swept_at is None]
            connection.execute(
                sa.update(file).where(is_among(file.c.id, staged)).values(landed_at=None)
            )
            swept = [row.task_id for row in bad if row.swept_at and row.task_id]
            give_up_in(connection, is_among(task.c.id, swept), now)
            parts = {row.part for row in bad if row.task_id is None}
            void_in(connection, (plan.c.asset_id == asset.id) & is_among(file.c.part, parts), now)
        return True

    def top(self, dest: str) -> KeptFile | None:
        """Return the document in which a mirror's catalogue begins, as it was written last."""
        found = Roots(self._database).get(top_key(dest))
        return KeptFile(**json.loads(found)) if found else None

    def have_top_written(self, dest: str) -> None:
        """Have the catalogue of a mirror written anew, from its beginning."""
        asset, root = schema.asset, schema.root
        tops = sa.select(root.c.name).where(root.c.dest == dest)
        self._database.execute(
            sa.update(asset).where(asset.c.name.in_(tops)).values(catalogued_version=None)
        )

    def paths(self, dest: str, paths: Collection[str]) -> dict[str, LedgerAsset]:
        """Return the assets whose folders these are, by path relative to their mirror."""
        query = select_assets().where(
            schema.root.c.dest == dest, is_among(schema.asset.c.path, paths)
        )
        return {asset.path: asset for asset in self._database.select(query, read_asset)}

    def named(self, names: Collection[str]) -> dict[str, LedgerAsset]:
        """Return those of these assets that are known, by canonical name."""
        query = select_assets().where(is_among(schema.asset.c.name, names))
        return {asset.name: asset for asset in self._database.select(query, read_asset)}

    def last_id(self) -> int:
        """Return the highest id of an asset; 0 if there is none."""
        return self._database.scalar(sa.select(sa.func.max(schema.asset.c.id))) or 0

    def known_names(self, dest: str, path: str) -> set[str] | None:
        """Return the files that belong into a folder; None while its asset is on its way."""
        asset = schema.asset
        query = (
            sa.select(asset.c.id, sa.text(f"{schema.ON_DISK} AND NOT ({schema.UNCATALOGUED})"))
            .join(schema.root)
            .where(schema.root.c.dest == dest, asset.c.path == path)
        )
        for asset_id, is_settled in self._database.rows(query):
            return {file.name for file in self.kept([asset_id])[asset_id]} if is_settled else None
        return set()

    def pending(self, scope: Scope) -> Iterator[tuple[str, str, str]]:
        """Yield (name, type, state) of the scope's assets that are wanted, and not on disk yet.

        Those of which only the name is known are among the unreadable ones.
        """
        asset = schema.asset
        wanted = asset.c.state.not_in(UNWANTED) & sa.text(f"NOT ({schema.ON_DISK})")
        unread = asset.c.revision == UNREAD
        for row in self._all(scope, wanted & ~unread):
            yield row.name, row.type, row.state

    def unreadable(self, scope: Scope) -> Iterator[tuple[str, str, str]]:
        """Yield (name, type, what was answered) of what the last scan could not read, or list."""
        for row in self._all(scope, schema.unreadable.c.why.is_not(None)):
            yield row.name, row.type, row.why

    def _all(self, scope: Scope, which: sa.ColumnElement[bool]) -> Iterator[sa.Row[Any]]:
        asset = schema.asset
        query = (
            sa.select(*(asset.c[name] for name in ("id", "name", "type", "state")))
            .add_columns(schema.unreadable.c.why)
            .join(schema.root)
            .outerjoin(schema.unreadable)
            .where(scope.within(), which)
        )
        for page in self._by_id(query):
            yield from page

    def mirrors(self) -> list[str]:
        """Return the folders in which roots were ever mirrored."""
        return self._database.scalars(sa.select(schema.root.c.dest).distinct())

    def folders(self, scope: Scope) -> list[tuple[str, str]]:
        """Return (mirror, path in it) of the trees that the scope covers on disk."""
        dest, asset = schema.root.c.dest, schema.asset.c
        if scope.name is None:
            watched = sa.select(dest).where(schema.root.c.removed_at.is_(None))
            return [(folder, "") for folder in self._database.scalars(watched.distinct())]
        query = sa.select(dest, asset.path).join(schema.root).where(asset.name == scope.name)
        return [(row.dest, row.path) for row in self._database.rows(query)]

    def is_on_the_way(self, dest: str, path: str) -> bool:
        """Whether folders of assets lie below this one."""
        asset = schema.asset
        query = sa.select(asset.c.id).join(schema.root).where(schema.root.c.dest == dest)
        below = schema.below(asset.c.path, path)
        return self._database.scalar(query.where(below).limit(1)) is not None


def _guarded_first() -> list[sa.ColumnElement[bool]]:
    """Return the condition on what was freed, and on all else."""
    state = schema.asset.c.state
    return [state == State.FREED, state != State.FREED]
