"""``backup`` and ``recover``: a copy of the ledger; a lost one, from a copy or from the mirror."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import Context, as_owner_of, now, opened, output, say
from geesync.cli.roots.watching import existing, watch
from geesync.domain.assets.names import display_id, is_derived
from geesync.domain.messages.words import counted
from geesync.errors import Cause, LedgerError, RemoteError, UnavailableError, UserError

if TYPE_CHECKING:
    from geesync.bootstrap import Service
    from geesync.config import Config


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

    cli: Context = context.obj
    ledger = cli.existing_ledger()
    soundness.check(ledger)
    with translated(ledger):
        try:
            backups.backup(ledger, file.absolute())
        except (OSError, sqlite3.OperationalError) as error:
            why = getattr(error, "strerror", None) or error
            raise RemoteError(Cause.DISK, f"the backup {file} cannot be written: {why}") from error
    say(f"the ledger is in {file}")


def recover(
    context: typer.Context,
    roots: Annotated[
        list[str] | None, typer.Argument(metavar="[ROOT…]", help="As for enqueue.")
    ] = None,
    from_backup: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put this backup of the ledger in place; no ROOT then."),
    ] = None,
    dest: Annotated[
        Path | None, typer.Option(help="Their mirror, if it is not the configured folder.")
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="Stage these roots in this bucket.")] = None,
) -> None:
    """Get a lost ledger back, so that what is on disk is not exported again.

    From a backup, or, where there is neither ledger nor backup, from the mirror alone. The daemon
    then reads every file through that the ledger did not know. What Earth Engine still works on,
    and what lies in the bucket, goes on too.
    """
    from geesync import logs
    from geesync.store.file import database

    cli: Context = context.obj
    config = cli.config(mirror=str(dest) if dest else None, bucket=bucket)
    if (from_backup is None) == (not roots):
        raise UserError("name the roots, or a backup", hint="geesync recover --from-backup FILE")
    logs.configure(log_format=config.log.format, level="warning")  # the answer is one line
    with database.locked(config.ledger):
        if from_backup:
            _put_back(config, from_backup)
        else:
            flags = {"dest": dest, "bucket": bucket}
            _rebuild(config, roots or [], [name for name, value in flags.items() if value])


def _put_back(config: Config, file: Path) -> None:
    """Put a backup in the ledger's place, with the copies that were made since."""
    from geesync.store.file import backups
    from geesync.store.file.database import open_migrating

    ledger = config.ledger
    with backups.opened(file) as kept, as_owner_of(ledger.parent), _apart(config) as apart:
        backups.write(kept, apart.ledger)
        open_migrating(apart.ledger).close()
        count = _take_copies(apart)
        old = _put_in_place(apart, ledger)
    aside = f"; what was there is {old.name}" if old else ""
    copies = counted(count, "copy", "copies")
    say(f"the ledger {ledger} is the backup again{aside}; the daemon proves {copies} made since.")


def _rebuild(config: Config, roots: list[str], given: list[str]) -> None:
    """Make a new ledger of the mirror."""
    from geesync.bootstrap import cloud

    ledger = config.ledger
    if ledger.exists():
        raise LedgerError(f"there is a ledger {ledger}", hint="move it away first")
    with as_owner_of(ledger.parent), _apart(config) as apart:
        earth_engine, stores = cloud(config)
        names = [root if is_derived(root) else existing(earth_engine, root) for root in roots]
        watch(apart, stores, names, {}, given, take=True)
        count = _take_copies(apart)
        adopted = _adopt(apart)
        _put_in_place(apart, ledger)
    say(
        f"{counted(count, 'asset is', 'assets are')} in {ledger}; the daemon proves the files."
        f" {counted(adopted, 'export goes on', 'exports go on')}"
    )


@contextmanager
def _apart(config: Config) -> Iterator[Config]:
    """Give the same configuration with a ledger that is made aside, until it is whole."""
    from geesync.store.file.backups import scratch

    with scratch(config.ledger, "recovering") as aside:
        yield config.model_copy(update={"ledger": aside / config.ledger.name})


def _take_copies(apart: Config) -> int:
    """Take what the mirrors hold into the ledger; return how many copies it did not know."""
    from geesync.checks.recovery import recover as recover_root
    from geesync.store.ledger.roots import Roots

    with opened(apart) as made, output().status("looking for copies") as line:
        return sum(
            recover_root(
                *(made, root, apart, now),
                lambda n: line.update(f"{counted(n, 'copy', 'copies')} found"),
            )
            for root in Roots(made).active()
        )


def _put_in_place(apart: Config, ledger: Path) -> Path | None:
    """Give a ledger its place; return where the old one is now."""
    from geesync.store.file import backups

    whole = apart.ledger.with_name("whole")
    backups.backup(apart.ledger, whole)
    return backups.put_in_place(whole, ledger)


def _adopt(config: Config) -> int:
    """Scan the roots, and find what the lost ledger had asked for; return how many exports."""
    with scanned(config) as built, output().status("looking for exports"):
        try:
            return built.adopter.run()
        except RemoteError as error:
            raise UnavailableError(f"what was asked for cannot be listed: {error}") from None


@contextmanager
def scanned(config: Config) -> Iterator[Service]:
    """Give the steps, once the roots were scanned. Raises UnavailableError if one could not be."""
    from geesync.bootstrap import service
    from geesync.store.file.database import open_current

    with closing(open_current(config.ledger)) as database, service(config, database) as built:
        built.step("discoverer").run_once()
        for root in built.roots.active():
            if root.alarm:
                raise UnavailableError(f"{display_id(root.name)}: {root.alarm}")
        yield built
