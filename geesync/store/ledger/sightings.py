"""What the listing of one container shows, against its assets that the ledger knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from geesync.domain.mirror.lifecycle import ABSENT
from geesync.store.file.database import Database
from geesync.store.ledger.ledger import LedgerAsset, read_asset, select_assets
from geesync.store.tables import schema


class Sightings:
    """The names that the listing of one container showed."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def see(self, names: Iterable[str]) -> None:
        """Note names of a page."""
        rows = [(name,) for name in names]
        if rows:
            with self._connection.begin():
                self._connection.exec_driver_sql(
                    "INSERT OR IGNORE INTO temp.sighting VALUES (?)", rows
                )

    def unseen(self, root_id: int, parent: str, *, after: str, limit: int) -> list[LedgerAsset]:
        """Return a page of the container's known assets that the listing did not show, by name."""
        not_seen = sa.text("asset.name NOT IN (SELECT name FROM temp.sighting)")
        query = children_of(root_id, parent, after, limit).where(not_seen)
        with self._connection.begin():
            return [read_asset(row) for row in self._connection.execute(query)]


def _id_of(name: str) -> sa.ScalarSelect[int]:
    return sa.select(schema.asset.c.id).where(schema.asset.c.name == name).scalar_subquery()


def children_of(root_id: int, parent: str, after: str, limit: int) -> sa.Select[tuple[object, ...]]:
    """Return the query of a page of a container's assets that are not gone, by name."""
    table = schema.asset
    return (
        select_assets()
        .where(
            table.c.parent_id == _id_of(parent), table.c.root_id == root_id, table.c.name > after
        )
        .where(table.c.state.not_in(ABSENT))
        .order_by(table.c.name)
        .limit(limit)
    )


@contextmanager
def sightings(database: Database) -> Iterator[Sightings]:
    """Open a note of what a listing shows, on disk: a container may hold a million."""
    with database.connection() as connection:
        with connection.begin():
            connection.execute(
                sa.text("CREATE TEMP TABLE sighting (name TEXT PRIMARY KEY) WITHOUT ROWID")
            )
        try:
            yield Sightings(connection)
        finally:
            with connection.begin():
                connection.execute(sa.text("DROP TABLE temp.sighting"))
