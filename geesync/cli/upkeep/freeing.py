"""``free``: room in a full account, by deleting there what is proved here."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import Context, json_line, opened, output
from geesync.domain.assets.names import candidates, display_id
from geesync.domain.messages.words import size
from geesync.domain.restore.losses import LossKind
from geesync.errors import ConfigError, ExitCode, UserError

if TYPE_CHECKING:
    from geesync.checks.freeing import Freer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(free)


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
        list[str] | None,
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

    mine: Context = context.obj
    mine.existing_ledger()
    config = mine.config()
    logs.configure(log_format=config.log.format, level=config.log.level)
    if delete and not config.allow_delete:
        raise ConfigError("geesync may not delete", hint="set `allow_delete = true`: docs/free.md")
    names = list(dict.fromkeys(candidates(path)[0] for path in paths))
    if delete:
        _confirm(names, yes)
    kept = freed = size_bytes = 0
    with opened(config) as database, freer(config, database, _kinds(accept), credentials) as built:
        _require_known(built, names)
        work = built.free if delete else built.look
        for one in chain.from_iterable(work(Scope(name)) for name in names):
            kept += bool(one.kept)
            freed += not one.kept
            size_bytes += 0 if one.kept else one.asset.size_bytes
            document = {"asset": display_id(one.asset.name), "kept": one.kept or None}
            if json:
                typer.echo(json_line(document | {"size_bytes": one.asset.size_bytes}))
            elif one.kept:
                output().print(f"stays  {document['asset']}  {one.kept}", markup=False)
            else:
                output().print(
                    f"{'freed' if delete else 'safe '}  {document['asset']}", markup=False
                )
    verb = "freed" if delete else "could be freed"
    if not json:
        output().print(f"{freed:,} {verb} ({size(size_bytes)}), {kept:,} stay", markup=False)
    raise typer.Exit(ExitCode.INCOMPLETE if kept else ExitCode.OK)


def _require_known(built: Freer, names: list[str]) -> None:
    """Raise UserError for what was never mirrored."""
    for name in names:
        if built.ledger.find(name) is None:
            raise UserError(f"{display_id(name)} is not in the ledger", hint="geesync roots")


def _kinds(given: list[str] | None) -> frozenset[LossKind]:
    try:
        return frozenset(map(LossKind, given or ()))
    except ValueError as error:
        raise UserError(str(error), hint=f"one of {', '.join(LossKind)}") from error


def _confirm(names: list[str], given: list[str] | None) -> None:
    """Have the person say each name again. Raises UserError if one is another."""
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
