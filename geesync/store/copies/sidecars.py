"""The files that geesync makes beside what Earth Engine exported, and those of older copies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import sqlalchemy as sa

from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.layout import FREED_JSON, SIDECARS, VERSIONS, version_name
from geesync.store.file.database import Database
from geesync.store.file.rows import insert_rows
from geesync.store.tables import schema


class Sidecars:
    """The files that geesync itself makes beside what Earth Engine exported."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, asset_ids: Sequence[int]) -> dict[int, set[KeptFile]]:
        """Return every file that was ever put into the folders of assets, as it was then, by id."""
        plan, file, table = schema.plan, schema.file, schema.sidecar
        objects = (
            sa.select(plan.c.asset_id, file.c.name, file.c.size_bytes, file.c.crc32c)
            .select_from(plan.join(file))
            .where(plan.c.asset_id.in_(asset_ids))
        )
        sidecars = sa.select(
            table.c.asset_id, table.c.name, table.c.size_bytes, table.c.crc32c
        ).where(table.c.asset_id.in_(asset_ids))
        known: dict[int, set[KeptFile]] = {asset_id: set() for asset_id in asset_ids}
        for asset_id, *columns in self._database.rows(sa.union_all(objects, sidecars)):
            known[asset_id].add(KeptFile(*columns))
        return known

    def note(self, written: Mapping[int, Iterable[KeptFile]]) -> None:
        """Note sidecars as they are on disk now, by asset."""
        if written:
            with self._database.write() as connection:
                _insert(connection, written)

    def note_proved(
        self, written: Mapping[int, Iterable[KeptFile]], versions: Mapping[int, Collection[str]]
    ) -> None:
        """Note all that stands beside the files of assets that were just proved.

        versions: folders of their older copies, by asset. What stood there until now is in that of
        its revision, if there is one.
        """
        if not written:
            return
        asset, table = schema.asset, schema.sidecar
        query = (
            sa.select(table, asset.c.verified_revision, asset.c.revision)
            .select_from(table.join(asset, asset.c.id == table.c.asset_id))
            .where(table.c.asset_id.in_(list(written)))
        )
        with self._database.write() as connection:
            old = connection.execute(query).all()
            connection.execute(sa.delete(table).where(table.c.asset_id.in_(list(written))))
            for row in old:
                for name in _now(row, versions.get(row.asset_id, ())):
                    kept = KeptFile(name, row.size_bytes, row.crc32c)
                    _insert(connection, {row.asset_id: [kept]})
            _insert(connection, written)


def _now(row: sa.Row[tuple[object, ...]], versions: Collection[str]) -> Iterator[str]:
    """Yield the name that a file of an older copy has now, if it was kept."""
    name = str(row.name)
    folder = name.split("/")[1] if "/" in name else version_name(str(row.verified_revision))
    if folder not in versions:
        return
    if "/" in name:
        yield name
    elif row.verified_revision != row.revision and _moves(name):
        yield f"{VERSIONS}/{folder}/{name}"


def _moves(name: str) -> bool:
    """Whether a file goes with its copy; the catalogue's documents stay, and are written anew."""
    return name in (*SIDECARS, FREED_JSON) or not name.endswith(".json")


def _insert(connection: sa.Connection, files: Mapping[int, Iterable[KeptFile]]) -> None:
    rows = [{"asset_id": key, **vars(file)} for key, some in files.items() for file in some]
    insert_rows(connection, schema.sidecar, rows, instead="REPLACE")
