"""The history of what happened to each asset, and which of it is forgotten."""

from __future__ import annotations

import sqlalchemy as sa

from geesync.domain.mirror.lifecycle import State
from geesync.store.file.database import Records
from geesync.store.tables import notes, schema

#: Events that are looked at in one transaction.
_BATCH = 1000

#: What is on its way, or failed for good, keeps its whole history.
_FORGETTABLE = (State.VERIFIED, State.GONE, State.EXCLUDED)


class History(Records):
    """Forgets the oldest of what happened to assets at rest."""

    def forget(self, *, keep: int, after: int) -> int | None:
        """Look at the oldest events after an id, and delete those of assets at rest.

        keep: newest events that are not touched. Returns the id after which to go on; None if none
        is older.
        """
        event, asset = notes.event, schema.asset
        newest = sa.select(sa.func.max(event.c.id)).scalar_subquery()
        old = (
            sa.select(event.c.id)
            .where(event.c.id > after, event.c.id <= newest - keep)
            .order_by(event.c.id)
            .limit(_BATCH)
        )
        until = self._database.scalar(sa.select(sa.func.max(old.subquery().c.id)))
        if until is None:
            return None
        state = sa.select(asset.c.state).where(asset.c.id == event.c.asset_id).scalar_subquery()
        self._database.execute(
            sa.delete(event)
            .where(event.c.id > after, event.c.id <= until)
            .where(state.in_(_FORGETTABLE))
        )
        return int(until)
