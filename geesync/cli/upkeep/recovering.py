"""``recover``: a new ledger for a mirror whose ledger is lost."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import Context, as_owner_of, now, opened, output
from geesync.cli.roots.enqueuing import existing, watch
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted
from geesync.errors import LedgerError, RemoteError, UnavailableError

if TYPE_CHECKING:
    from geesync.config import Config


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(recover)


def recover(
    context: typer.Context,
    roots: Annotated[list[str], typer.Argument(metavar="ROOT…", help="As for enqueue.")],
    dest: Annotated[
        Path | None, typer.Option(help="Their mirror, if it is not the configured folder.")
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="Stage these roots in this bucket.")] = None,
) -> None:
    """Rebuild a lost ledger from the mirror, so that what is on disk is not exported again.

    Only where there is no ledger. The daemon then reads every file through before it calls it
    verified. What Earth Engine still works on for the old ledger, and what lies in the bucket, is
    taken over too.
    """
    from geesync import logs
    from geesync.bootstrap import cloud
    from geesync.checks.recovery import recover as recover_root
    from geesync.store.file import database
    from geesync.store.ledger.roots import Roots

    mine: Context = context.obj
    config = mine.config(mirror=str(dest) if dest else None, bucket=bucket)
    ledger = config.ledger
    logs.configure(log_format=config.log.format, level="warning")  # the answer is one line
    with as_owner_of(ledger.parent), database.locked(ledger):
        if ledger.exists():
            raise LedgerError(f"there is a ledger {ledger}", hint="move it away first")
        earth_engine, storage = cloud(config)
        names = [existing(earth_engine, root) for root in roots]
        with TemporaryDirectory(prefix=f"{ledger.name}.recovering-", dir=ledger.parent) as aside:
            apart = config.model_copy(update={"ledger": Path(aside) / ledger.name})
            flags = {"dest": dest, "bucket": bucket, "interval": None}
            watch(apart, storage, names, {}, flags, afresh=False)
            with opened(apart) as made, output().status("looking for copies") as line:
                count = sum(
                    recover_root(
                        *(made, root, config, now),
                        lambda n: line.update(f"{counted(n, 'copy', 'copies')} found"),
                    )
                    for root in Roots(made).active()
                )
            adopted = _adopt(apart)
            database.backup(apart.ledger, ledger)
    output().print(
        f"{counted(count, 'asset is', 'assets are')} in {ledger}; the daemon proves the files."
        f" {counted(adopted, 'export goes on', 'exports go on')}",
        markup=False,
    )


def _adopt(config: Config) -> int:
    """Scan the roots, and find what the lost ledger had asked for; return how many exports."""
    from geesync.bootstrap import service
    from geesync.store.file.database import open_current

    with (
        closing(open_current(config.ledger)) as database,
        service(config, database) as built,
        output().status("looking for exports"),
    ):
        next(step for step in built.steps if step.name == "discoverer").run_once()
        for root in built.roots.active():
            if root.alarm:
                raise UnavailableError(f"{display_id(root.name)}: {root.alarm}")
        try:
            return built.adopter.run()
        except RemoteError as error:
            raise UnavailableError(f"what was asked for cannot be listed: {error}") from None
