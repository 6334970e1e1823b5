"""Which STAC documents are missing or outdated, and what is needed to write them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any

import sqlalchemy as sa

from geesync.domain.assets.asset import CONTAINERS
from geesync.domain.assets.extent import Extent
from geesync.domain.assets.names import parent_of
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.stac.documents import CopyDates
from geesync.domain.stac.links import Node
from geesync.store.file.database import Records
from geesync.store.file.rows import change_rows
from geesync.store.ledger.ledger import LedgerAsset, read_asset, select_assets
from geesync.store.ledger.roots import Roots
from geesync.store.tables import schema
from geesync.store.tables.columns import is_among

#: With the index named: SQLite would rather read all that is verified, by its state.
_UNCATALOGUED = (
    sa.text(
        f"SELECT id FROM asset INDEXED BY ix_asset_uncatalogued WHERE {schema.UNCATALOGUED}"  # noqa: S608 # our own words
    )
    .columns(sa.column("id"))
    .subquery("uncatalogued")
)


def top_key(dest: str) -> str:
    """Return the name of the setting that describes a mirror's first document."""
    return f"catalogue {dest}"


class Catalogue(Records):
    """The ledger's side of the catalogue. A document is outdated once its asset's row has moved."""

    def due(self, *, after: int, limit: int) -> list[LedgerAsset]:
        """Return assets whose documents are to be written, by id, from after an id on."""
        query = (
            select_assets()
            .join(_UNCATALOGUED, _UNCATALOGUED.c.id == schema.asset.c.id)
            .where(_UNCATALOGUED.c.id > after, schema.root.c.removed_at.is_(None))
            .order_by(_UNCATALOGUED.c.id)
            .limit(limit)
        )
        return self._database.select(query, read_asset)

    def parents(self, assets: Iterable[LedgerAsset]) -> dict[int, LedgerAsset]:
        """Return the container of each asset, by the asset's id, where the same mirror holds it.

        What has the container's name may be none any more: then nothing holds the asset.
        """
        names = {asset.id: parent_of(asset.name) for asset in assets}
        dests = {asset.id: asset.dest for asset in assets}
        query = select_assets().where(
            is_among(schema.asset.c.name, set(names.values())), schema.asset.c.type.in_(CONTAINERS)
        )
        found = {asset.name: asset for asset in self._database.select(query, read_asset)}
        return {
            asset_id: found[name]
            for asset_id, name in names.items()
            if name in found and found[name].dest == dests[asset_id]
        }

    def histories(self, asset_ids: Collection[int]) -> dict[int, tuple[CopyDates, bool]]:
        """Return what happened to the copy of each asset, and whether there ever was one."""
        asset = schema.asset.c
        query = sa.select(
            *(asset.id, asset.left_out, asset.seen_at),
            *(asset.proved_at, asset.verified_at, asset.gone_at),
        ).where(is_among(asset.id, asset_ids))
        return {row.id: _history(row) for row in self._database.rows(query)}

    def count_children(self, container: LedgerAsset) -> int:
        """Return how many children of a container are known, catalogued or not."""
        query = sa.select(sa.func.count()).where(schema.asset.c.parent_id == container.id)
        return int(self._database.scalar(query))

    def ranks(self, container: LedgerAsset, children: Iterable[LedgerAsset]) -> list[int]:
        """Return some children's places among all siblings, from 0; these never change.

        Siblings that lie between them are counted once, so that a large collection that is written
        bit by bit is not counted from its beginning for each child.
        """
        asset, sibling = schema.asset.c, schema.asset.alias()
        before = sa.func.lag(asset.id, 1, 0).over(order_by=asset.id).label("before")
        ids = [child.id for child in children]
        span = sa.select(asset.id, before).where(is_among(asset.id, ids)).subquery()
        within = (
            (sibling.c.parent_id == container.id)
            & (sibling.c.id >= span.c.before)
            & (sibling.c.id < span.c.id)
        )
        query = (
            sa.select(sa.func.count(sibling.c.id))
            .select_from(span.outerjoin(sibling, within))
            .group_by(span.c.id)
            .order_by(span.c.id)
        )
        return list(accumulate(self._database.scalars(query)))

    def children(
        self, container: LedgerAsset, *, fresh: Collection[int], first: int, limit: int
    ) -> list[Node]:
        """Return those children from a rank on that have a document, among ``limit``.

        fresh: ids of assets whose document was just written.
        """
        of_container = schema.asset.c.parent_id == container.id
        return self._nodes(of_container, container.dest, fresh, first=first, limit=limit)

    def note_top(self, dest: str, file: KeptFile, now: datetime) -> None:
        """Note the document in which a mirror's catalogue begins, as it is on disk."""
        Roots(self._database).put(top_key(dest), json.dumps(vars(file)), now)

    def tops(self, dest: str, *, fresh: Collection[int]) -> list[Node]:
        """Return the assets that have a document and lie in no container of the same mirror."""
        name = schema.asset.c.name
        nodes = self._nodes(name.in_(sa.select(schema.root.c.name)), dest, fresh)
        held = sa.select(name).where(is_among(name, {parent_of(node.name) for node in nodes}))
        holders = set(self._database.scalars(held))
        return [node for node in nodes if parent_of(node.name) not in holders]

    def _nodes(
        self,
        where: sa.ColumnElement[bool],
        dest: str,
        fresh: Collection[int],
        *,
        first: int = 0,
        limit: int | None = None,
    ) -> list[Node]:
        asset = schema.asset.c
        query = (
            sa.select(asset.id, asset.name, asset.type, asset.path, schema.root.c.dest)
            .add_columns(asset.catalogued_version, asset.verified_at)
            .join(schema.root)
            .where(where)
            .order_by(asset.id)
            .limit(limit)
            .offset(first)
        )
        return [
            Node(row.name, row.type, row.path)
            for row in self._database.rows(query)
            if row.dest == dest
            and (row.id in fresh or (row.catalogued_version is not None and row.verified_at))
        ]

    def extent(self, container: LedgerAsset) -> Extent | None:
        """Return what a container's images cover so far, or None if it is new."""
        query = sa.select(schema.asset.c.extent).where(schema.asset.c.id == container.id)
        kept = self._database.scalar(query)
        return Extent.from_json(json.loads(kept)) if kept else None

    def note_written(self, assets: Sequence[LedgerAsset], extents: Mapping[int, Extent]) -> None:
        """Note that the documents on disk show assets as they are here, in one transaction.

        extents: by id of the collection.
        """
        versions = {asset.id: {"catalogued_version": asset.version} for asset in assets}
        covered = {key: {"extent": json.dumps(extent.to_json())} for key, extent in extents.items()}
        with self._database.write() as connection:
            change_rows(connection, schema.asset, versions)
            change_rows(connection, schema.asset, covered)


def _history(row: Any) -> tuple[CopyDates, bool]:
    created_at = row.proved_at or row.seen_at
    updated_at = max((at for at in (row.verified_at, row.gone_at) if at), default=created_at)
    return CopyDates(created_at, updated_at, row.left_out or ""), row.proved_at is not None
