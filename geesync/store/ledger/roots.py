"""The roots that people asked to be mirrored, and the settings that processes share."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from geesync.domain.assets.names import is_within
from geesync.domain.json import Json
from geesync.errors import RemoteError
from geesync.store.file.database import Database, Records
from geesync.store.file.rows import insert_rows
from geesync.store.tables import notes, schema
from geesync.store.tables.columns import read_as
from geesync.store.tables.states import PAUSED, PAUSED_BELOW


@dataclass(frozen=True)
class Root:
    """One thing that is watched, with all that lies below it."""

    id: int
    name: str  #: canonical
    dest: str  #: absolute folder of its mirror
    bucket: str
    options: Json = field(default_factory=dict)
    interval: timedelta | None = None  #: between scans; None takes the configured one
    next_scan_at: datetime | None = None
    scanned_at: datetime | None = None  #: end of the last complete scan
    removed_at: datetime | None = None
    excluded: int = 0  #: assets that its filters left out in that scan
    alarm: str | None = None  #: why the last scan was not believed
    paused_at: datetime | None = None


class Roots(Records):
    """The roots and the settings; written by commands, read by the daemon."""

    def add(
        self,
        name: str,
        *,
        dest: str,
        bucket: str,
        now: datetime,
        interval: timedelta | None = None,
        options: Json | None = None,
    ) -> None:
        """Watch a root, or change how; its next scan is due at once."""
        values = {
            "dest": dest,
            "bucket": bucket,
            "options": json.dumps(options or {}),
            "interval_s": interval.total_seconds() if interval else None,
            "next_scan_at": now,
            "removed_at": None,
            "alarm": None,
        }
        table = schema.root
        with self._database.write() as connection:
            known = connection.execute(sa.select(table).where(table.c.name == name)).first()
            if known is None:
                connection.execute(sa.insert(table).values(name=name, added_at=now, **values))
            else:
                if known.removed_at is not None or known.options != values["options"]:
                    values["scanned_at"] = None  # what is wanted now, no scan has looked for
                connection.execute(sa.update(table).where(table.c.id == known.id).values(values))
            ask_in(connection, now)

    def find(self, name: str) -> Root | None:
        """Return a root that is or was watched, by canonical name."""
        query = sa.select(schema.root).where(schema.root.c.name == name)
        return next(iter(self._database.select(query, _root)), None)

    def update(self, root_id: int, **values: Any) -> None:
        """Write columns of a root; ``removed_at`` ends its watching, and deletes nothing."""
        of_id = sa.update(schema.root).where(schema.root.c.id == root_id)
        self._database.execute(of_id.values(values))

    def active(self) -> list[Root]:
        """Return the roots that are watched, in the order in which they were added."""
        return [root for root in self.all() if root.removed_at is None]

    def working(self) -> list[Root]:
        """Return the roots that are watched and not paused."""
        if self.get(PAUSED) is not None:
            return []
        return [root for root in self.active() if root.paused_at is None]

    def pause(self, name: str | None, now: datetime) -> None:
        """Begin nothing new for a root, or for an asset and all below it, or for any.

        It persists until ``resume``. What lies below a root may be another root's, which took it
        first: it is paused by its name.
        """
        table = schema.root
        key = PAUSED if name is None else PAUSED_BELOW + name
        with self._database.write() as connection:
            named = sa.update(table).where(table.c.name == name, table.c.removed_at.is_(None))
            connection.execute(named.values(paused_at=now))
            _put(connection, key, now.isoformat(), now)
            ask_in(connection, now)

    def resume(self, name: str | None, now: datetime) -> None:
        """End the pause of a root or asset and every one below it, or every pause."""
        root, key = schema.root.c, notes.setting.c.key
        ended = [pause for pause in self.pauses() if name is None or is_within(pause, name)]
        keys = [PAUSED_BELOW + name if name else PAUSED for name in ended]
        with self._database.write() as connection:
            connection.execute(sa.delete(notes.setting).where(key.in_(keys)))
            paused = sa.update(schema.root).where(root.name.in_(ended))
            connection.execute(paused.values(paused_at=None))
            ask_in(connection, now)

    def pauses(self) -> list[str]:
        """Return the names of what is paused, each with all below it; "" is everything."""
        key = notes.setting.c.key
        keys = sa.select(key).where((key == PAUSED) | key.startswith(PAUSED_BELOW))
        below = [
            key.removeprefix(PAUSED_BELOW).removeprefix(PAUSED)
            for key in self._database.scalars(keys)
        ]
        return sorted({*below, *(root.name for root in self.active() if root.paused_at)})

    def all(self) -> list[Root]:
        """Return every root that was ever watched."""
        return self._database.select(sa.select(schema.root).order_by(schema.root.c.id), _root)

    def scan_all(self, now: datetime) -> None:
        """Make every root's scan due at once."""
        with self._database.write() as connection:
            connection.execute(sa.update(schema.root).values(next_scan_at=now))
            ask_in(connection, now)

    def asked(self, now: datetime) -> None:
        """Tell the daemon that a command changed something; it looks within a second."""
        with self._database.write() as connection:
            ask_in(connection, now)

    def get(self, key: str) -> str | None:
        """Return a setting, or None."""
        query = sa.select(notes.setting.c.value).where(notes.setting.c.key == key)
        value: str | None = self._database.scalar(query)
        return value

    def put(self, key: str, value: str, now: datetime) -> None:
        """Write a setting."""
        with self._database.write() as connection:
            _put(connection, key, value, now)


ASKED = "asked"


def ask_in(connection: sa.Connection, now: datetime) -> None:
    """Have a running daemon look at once, when the transaction is committed."""
    _put(connection, ASKED, now.isoformat(), now)


def _put(connection: sa.Connection, key: str, value: str, now: datetime) -> None:
    row = {"key": key, "value": value, "at": now}
    insert_rows(connection, notes.setting, [row], instead="REPLACE")


def _root(row: sa.Row[Any]) -> Root:
    interval = timedelta(seconds=row.interval_s) if row.interval_s else None
    return read_as(Root, row, options=json.loads(row.options), interval=interval)


class Asked:
    """Notices when another process asked for something."""

    def __init__(self, database: Database, roots: Roots) -> None:
        self._database = database
        self._roots = roots
        self._version: int | None = None
        self._asked: str | None = None
        self.anew()

    def anew(self) -> bool:
        """Return whether something was asked since the last time."""
        try:
            version = self._database.data_version()
            if version == self._version:
                return False
            asked = self._roots.get(ASKED)
        except RemoteError:
            return False  # the disk's trouble; the steps report it
        before, self._version, self._asked = self._asked, version, asked
        return asked != before
