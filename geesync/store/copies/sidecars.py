"""The files that geesync makes beside what Earth Engine exported, and those of older copies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import sqlalchemy as sa

from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.layout import FREED_JSON, SIDECARS, VERSIONS, version_name
from geesync.store.file.database import Database, Records
from geesync.store.file.rows import insert_rows
from geesync.store.tables import schema
from geesync.store.tables.columns import is_among
from geesync.store.tasks.plans import files_of


class Sidecars(Records):
    """The files that geesync itself makes beside what Earth Engine exported."""

    def known(self, asset_ids: Sequence[int]) -> dict[int, set[KeptFile]]:
        """Return every file that was ever put into the folders of assets, as it was then, by id."""
        found = kept_files(self._database, asset_ids, files_of(asset_ids))
        return {asset_id: set(found[asset_id]) for asset_id in asset_ids}

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
            .where(is_among(table.c.asset_id, written))
        )
        with self._database.write() as connection:
            old = connection.execute(query).all()
            connection.execute(sa.delete(table).where(is_among(table.c.asset_id, written)))
            for row in old:
                for name in _now(row, versions.get(row.asset_id, ())):
                    kept = KeptFile(name, row.size_bytes, row.crc32c)
                    _insert(connection, {row.asset_id: [kept]})
            _insert(connection, written)


def kept_files(
    database: Database, asset_ids: Collection[int], files: sa.Select[tuple[object, ...]]
) -> dict[int, list[KeptFile]]:
    """Return the files of a query, see ``files_of``, and what is beside them, by asset."""
    table = schema.sidecar
    beside = sa.select(table).where(is_among(table.c.asset_id, asset_ids))
    found: dict[int, list[KeptFile]] = defaultdict(list)
    for asset_id, *columns in database.rows(files.union(beside)):
        found[asset_id].append(KeptFile(*columns))
    return found


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
