"""Which assets come by a way, and go to a store, as their plans say."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from geesync.domain.assets.asset import CONTAINERS
from geesync.domain.mirror.lifecycle import State
from geesync.domain.tasks.exports import Way
from geesync.domain.tasks.task import DRIVE
from geesync.store.tables import schema

#: Where the plan of an asset sends its files; null if there is none.
_STORE = sa.case(
    (schema.asset.c.way == Way.DRIVE, DRIVE),
    (schema.asset.c.way == Way.BUCKET, schema.root.c.bucket),
)


def going_to(store: str) -> sa.Select[tuple[int]]:
    """Return the query of what is watched and still to go to a store, and home, or may have to."""
    coming = schema.asset.c.state.in_((State.DISCOVERED, State.EXPORTING, State.IN_BUCKET))
    watched = schema.root.c.removed_at.is_(None)
    there = _STORE.in_([store]) | _STORE.is_(None)
    return sa.select(schema.asset.c.id).join(schema.root).where(coming, watched, there)


def destined(
    query: sa.Select[Any], way: Way | None, of: Collection[str], not_of: Collection[str]
) -> sa.Select[Any]:
    """Narrow a query of assets; see ``Ledger.due``."""
    if way is not None:
        query = query.where(sa.text(schema.MAY_COME[way]))
        query = query.with_hint(schema.asset, f"INDEXED BY ix_asset_{way}", "sqlite")
    if way == Way.DIRECT:
        query = query.where(schema.asset.c.type.not_in(CONTAINERS))
    if of:
        query = query.where(_STORE.in_(of))
    if not_of:
        query = query.where(_STORE.is_(None) | _STORE.not_in(not_of))
    return query
