"""``free``: room in a full account, by deleting there what is proved here."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from geesync.cli.context import Context, asset_named, print_json, say
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import size
from geesync.domain.restore.losses import LossKind
from geesync.errors import ConfigError, ExitCode, UserError


def free(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Assets, folders, collections.")
    ],
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete at Earth Engine; else it is only listed.")
    ] = False,
    yes: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="The same names again, instead of typing them."),
    ] = None,
    accept: Annotated[
        list[LossKind] | None,
        typer.Option("--accept-losses", metavar="KIND", help="What a restore may lose of them."),
    ] = None,
    credentials: Annotated[
        Path | None, typer.Option(help="The key of who may delete, if not the configured one.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON line for each asset.")] = False,
) -> None:
    """List what is verified and safe to delete at Earth Engine; with --delete, delete it there.

    Each asset is proved again just before: every byte here, its revision there. docs/free.md.
    """
    from geesync import logs
    from geesync.bootstrap import freer
    from geesync.store.copies.checks import Scope

    cli: Context = context.obj
    config = cli.config()
    logs.configure(log_format=config.log.format, level=config.log.level)
    if delete and not config.allow_delete:
        raise ConfigError("geesync may not delete", hint="set `allow_delete = true`: docs/free.md")
    ledger = cli.existing_ledger()
    names = list(dict.fromkeys(asset_named(ledger, path) for path in paths))
    if delete:
        _confirm(names, yes)
    kept = freed = size_bytes = 0
    with (
        cli.database() as database,
        freer(config, database, frozenset(accept or ()), credentials) as built,
    ):
        work = built.free if delete else built.look
        for one in chain.from_iterable(work(Scope(name)) for name in names):
            kept += bool(one.kept)
            freed += not one.kept
            size_bytes += 0 if one.kept else one.asset.size_bytes
            document = {"asset": display_id(one.asset.name), "kept": one.kept or None}
            if json:
                print_json(document | {"size_bytes": one.asset.size_bytes})
            elif one.kept:
                say(f"stays  {document['asset']}  {one.kept}")
            else:
                say(f"{'freed' if delete else 'safe '}  {document['asset']}")
    verb = "freed" if delete else "could be freed"
    if not json:
        say(f"{freed:,} {verb} ({size(size_bytes)}), {kept:,} stay")
    raise typer.Exit(ExitCode.INCOMPLETE if kept else ExitCode.OK)


def _confirm(names: list[str], given: list[str] | None) -> None:
    """Ask for each name once more, unless given. Raises UserError if one differs."""
    wanted = [display_id(name) for name in names]
    typed = given
    if typed is None:
        typed = [
            typer.prompt(f"Deletes at Earth Engine. Type {one} to go on", default="")
            for one in wanted
        ]
    if sorted(typed) != sorted(wanted):
        raise UserError(
            "nothing was deleted: the name is another", hint=f"type {' and '.join(wanted)}"
        )
