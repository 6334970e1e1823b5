"""What a person asks of an asset and of all below it: try again, give up, go first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.mirror.lifecycle import RESTING, State
from geesync.domain.state_machine import Refused, Retried
from geesync.errors import Cause
from geesync.store.file.database import Database
from geesync.store.ledger.ledger import Ledger, select_assets
from geesync.store.tables import schema


class Steering:
    """Steers many assets at once, each with all below it; every method returns how many."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = Ledger(database)

    def retry(
        self, now: datetime, *, names: Collection[str] | None = None, cause: Cause | None = None
    ) -> int:
        """Try quarantined assets again: these, or of this cause, or all.

        Those that no scan could read are not tried, but asked for by the next scan.
        """
        which = _quarantined(names, cause) & (schema.asset.c.cause != Cause.UNREADABLE)
        return self._ledger.move_all(select_assets().where(which), Retried(), now)

    def give_bucket(self, bucket: str, now: datetime) -> None:
        """Stage roots in a bucket that had none; what was too large to be read is tried again."""
        root, asset, plan = schema.root, schema.asset, schema.plan
        poor = self._database.scalars(sa.select(root.c.id).where(root.c.bucket == ""))
        if not poor:
            return
        of_poor = asset.c.root_id.in_(poor)
        too_large = _quarantined(None, Cause.PLAN) & of_poor
        self._ledger.move_all(select_assets().where(too_large), Retried(), now)
        with self._database.write() as connection:
            waiting = sa.select(asset.c.id).where(of_poor, asset.c.state == State.DISCOVERED)
            connection.execute(
                sa.update(plan)
                .where(plan.c.asset_id.in_(waiting), plan.c.replaced_at.is_(None))
                .values(replaced_at=now)
            )
            connection.execute(sa.update(root).where(root.c.id.in_(poor)).values(bucket=bucket))

    def count_unread(
        self, *, names: Collection[str] | None = None, cause: Cause | None = None
    ) -> int:
        """Return how many quarantined assets are of no use to try: no scan could read them."""
        which = _quarantined(names, cause) & (schema.asset.c.cause == Cause.UNREADABLE)
        query = sa.select(sa.func.count()).select_from(schema.asset).where(which)
        return int(self._database.scalar(query))

    def cancel(self, name: str, now: datetime) -> int:
        """Take an asset and all below it off the work, until retried."""
        moving = schema.asset.c.state.not_in(RESTING)
        query = select_assets().where(schema.within(name), moving)
        cancelled = Refused("a person cancelled it", cause=Cause.CANCELLED)
        return self._ledger.move_all(query, cancelled, now)

    def prioritize(self, name: str, priority: int) -> int:
        """Set the priority of an asset and all below it; new ones take their container's.

        The highest comes first.
        """
        below = sa.update(schema.asset).where(schema.within(name))
        return self._database.execute(below.values(priority=priority))


def _quarantined(names: Collection[str] | None, cause: Cause | None) -> sa.ColumnElement[bool]:
    table = schema.asset
    which = table.c.state == State.QUARANTINED
    if names is not None:
        which &= sa.or_(*map(schema.within, names))
    return which if cause is None else which & (table.c.cause == cause)
