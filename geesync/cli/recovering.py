"""``recover``: a new ledger for a mirror whose ledger is lost."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from geesync.cli.context import Context, as_owner_of, now, opened, output
from geesync.cli.enqueuing import existing, watch
from geesync.errors import LedgerError


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
    verified. What runs at Earth Engine for the old ledger is not adopted.
    """
    from geesync.bootstrap import cloud
    from geesync.steps.recovery import recover as recover_root
    from geesync.store import database
    from geesync.store.roots import Roots

    mine: Context = context.obj
    config = mine.config(mirror=str(dest) if dest else None, bucket=bucket)
    ledger = config.ledger
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
                        made, root, config, now, lambda n: line.update(f"{n:,} copies found")
                    )
                    for root in Roots(made).active()
                )
            database.backup(apart.ledger, ledger)
    output().print(f"{count:,} assets are in {ledger}; the daemon proves their files", markup=False)
