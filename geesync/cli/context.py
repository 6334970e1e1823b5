"""What every command needs: the configuration, the ledger, and somewhere to print."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geesync.errors import LedgerError

if TYPE_CHECKING:
    from rich.console import Console

    from geesync.config import Config, Loaded
    from geesync.store.file.database import Database

#: Said of what was asked for and waits.
NO_DAEMON = "no daemon runs: geesync daemon starts one, geesync sync --once works until all is done"


@dataclass
class Context:
    """What the options before the command said."""

    config_file: Path | None
    flags: dict[str, Any]

    def load(self, **flags: Any) -> Loaded:
        """Return the configuration; flags are dotted keys with ``__`` for the dots."""
        from geesync.config import load

        given = {key.replace("__", "."): value for key, value in flags.items()}
        return load(file=self.config_file, flags=self.flags | given)

    def config(self, **flags: Any) -> Config:
        """Return the configuration's values."""
        return self.load(**flags).config

    def existing_ledger(self) -> Path:
        """Return the ledger's path; raise LedgerError if there is none yet, or RemoteError DISK."""
        from geesync.store.file.sqlite_errors import translated

        path = self.config().ledger
        with translated(path):
            if not path.exists():
                raise LedgerError(f"there is no ledger {path} yet", hint="geesync enqueue ROOT")
        return path


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    """Open the ledger for a command that writes; make it if there is none."""
    from geesync.store.file.database import open_current

    with as_owner_of(config.ledger.parent):
        database = open_current(config.ledger)
        try:
            yield database
        finally:
            database.close()


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Let root write as the folder's owner: a daemon that is not root must write there too."""
    owner = next(place for place in (folder, *folder.parents) if place.exists()).stat()
    if os.geteuid() or not owner.st_uid:
        yield
        return
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def json_line(document: Mapping[str, Any]) -> str:
    """Return a document as one line for machines; times as docs/json.md says, others as text."""
    return json.dumps(document, default=_as_text)


def _as_text(value: object) -> str | None:
    from geesync.store.browsing.documents import json_time

    return json_time(value) if isinstance(value, datetime) else str(value)


def output() -> Console:
    """Return where answers go."""
    from geesync.cli.terminal import console

    return console()


def errors() -> Console:
    """Return where errors go."""
    from geesync.cli.terminal import console

    return console(stderr=True)
