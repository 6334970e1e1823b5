"""What every command needs: configuration, ledger, output, and names as people give them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from geesync.cli.terminal import console
from geesync.domain.assets.names import candidates, display_id, is_within
from geesync.domain.messages.words import printable
from geesync.errors import LedgerError, UserError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

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
    def database(self) -> Iterator[Database]:
        """Open the ledger for a command that writes; raise as ``existing_ledger`` does."""
        self.existing_ledger()
        with opened(self.config()) as database:
            yield database


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


def print_json(document: Mapping[str, Any]) -> None:
    """Print a document as one line for machines; times as docs/json.md says, others as text."""
    typer.echo(json.dumps(document, default=_as_text))


def _as_text(value: object) -> str | None:
    from geesync.store.browsing.documents import json_time

    return json_time(value) if isinstance(value, datetime) else str(value)


def say(
    what: RenderableType = "",
    *,
    style: str | None = None,
    soft_wrap: bool | None = None,
    beside_json: bool = False,
) -> None:
    """Print an answer for people, or a remark beside one for machines; markup is text."""
    where = errors() if beside_json else output()
    where.print(what, style=style, soft_wrap=soft_wrap, markup=False)


def print_error(line: str) -> None:
    """Print why a command did not do what it was asked for, as one line."""
    errors().print(f"geesync: {printable(line)}", style="red", markup=False)


def output() -> Console:
    """Return the console of answers."""
    return console()


def errors() -> Console:
    """Return the console of errors and progress."""
    return console(stderr=True)


def say_if_daemon_runs(config: Config) -> None:
    """Print whether a daemon runs, and how to follow or to start it."""
    from geesync.store.views.heartbeat import heartbeat

    if heartbeat(config.ledger, now=now()) is None:
        say(NO_DAEMON)
        return
    has_page = config.web.listen and not config.web.socket
    page = f" or http://{config.web.listen}/" if has_page else ""
    say(f"the daemon is at it: see geesync status --watch{page}")


def root_named(ledger: Path, given: str) -> str | None:
    """Return the canonical name of a root; None if it is no root."""
    from geesync.store.views import status as views

    roots = {root.name for root in views.status(ledger, now=now()).roots}
    return next((name for name in candidates(given) if name in roots), None)


def scope_named(ledger: Path, given: str) -> str:
    """Return the canonical name of a root or asset. Raises UserError if it is unknown."""
    return root_named(ledger, given) or asset_named(ledger, given)


def asset_named(ledger: Path, given: str) -> str:
    """Return the canonical name of an asset. Raises UserError if it is unknown."""
    from geesync.store.views import status as views

    names = candidates(given)
    for name in names:
        if views.is_known(ledger, name):
            return name
    for root in views.status(ledger, now=now()).watched:
        if any(is_within(name, root.name) for name in names):
            if root.scanned_at is None:
                raise UserError(
                    f"{given} is not known yet: {display_id(root.name)} is not yet scanned",
                    hint="geesync daemon, or geesync sync --once, does it",
                )
            raise UserError(
                f"{given} is not in the ledger: the last scan did not find it",
                hint=f"geesync ls {display_id(root.name)} lists what there is",
            )
    raise UserError(f"{given} lies below no root", hint="geesync roots lists them")
