"""``backup``: a consistent copy of the ledger, also while the daemon runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geesync.cli.context import Context, output
from geesync.errors import Cause, RemoteError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(backup)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The copy; an older one is replaced.")],
) -> None:
    """Copy the ledger to FILE, whole and consistent, also while the daemon runs.

    A copy by cp would lose what is still in the write-ahead log. To put it back, with the daemon
    stopped: geesync recover --from-backup FILE.
    """
    import sqlite3

    from geesync.store.file import backups, soundness
    from geesync.store.file.sqlite_errors import translated

    mine: Context = context.obj
    ledger = mine.existing_ledger()
    soundness.check(ledger)
    with translated(ledger):
        try:
            backups.backup(ledger, file.absolute())
        except (OSError, sqlite3.OperationalError) as error:
            why = getattr(error, "strerror", None) or error
            raise RemoteError(Cause.DISK, f"the backup {file} cannot be written: {why}") from error
    output().print(f"the ledger is in {file}", markup=False)
