"""``ls``: assets by name, each with its state and what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geesync.cli.answers.naming import scope_named
from geesync.cli.completion import complete_roots
from geesync.cli.context import Context, json_line, opened, output
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import size
from geesync.domain.mirror.lifecycle import State

if TYPE_CHECKING:
    from geesync.domain.mirror.checking import KeptFile
    from geesync.store.browsing.listing import Listed

#: Assets of which the files are asked for at once.
_SOME = 500


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ls")(list_assets)


def list_assets(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(metavar="[ROOT|FOLDER]", show_default=False, autocompletion=complete_roots),
    ] = None,
    state: Annotated[
        State | None,
        typer.Option(help="Only assets in this state, e.g. quarantined.", show_default=False),
    ] = None,
    left_out: Annotated[
        bool, typer.Option("--left-out", help="Only what no file can hold, whole or in part.")
    ] = False,
    unreadable: Annotated[
        bool,
        typer.Option("--unreadable", help="Only what Earth Engine lists and does not let be read."),
    ] = False,
    files: Annotated[bool, typer.Option("--files", help="Also the files on disk.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A JSON line an asset.")] = False,
) -> None:
    """List what is watched, or a root or folder with all below it: state, name, type, size, why."""
    from geesync.store.browsing.listing import Which, listed

    mine: Context = context.obj
    ledger = mine.existing_ledger()
    named = scope_named(ledger, what) if what is not None else None
    which = Which(named, state, left_out, unreadable)
    with ExitStack() as stack:
        kept_of = _files(stack, mine) if files else None
        assets = listed(ledger, which)
        while some := list(islice(assets, _SOME)):
            kept = kept_of([one.id for one in some if one.is_on_disk]) if kept_of else None
            for one in some:
                _tell(one, kept and kept.get(one.id, []), json=json)


def _files(stack: ExitStack, mine: Context) -> Any:
    from geesync.store.copies.checks import Checks

    return Checks(stack.enter_context(opened(mine.config()))).kept


def _tell(one: Listed, kept: Iterable[KeptFile] | None, *, json: bool) -> None:
    if json:
        told = vars(one) | {"asset": display_id(one.name)}
        if kept is not None:
            told["files"] = [vars(file) for file in kept]
        typer.echo(json_line(told))
        return
    why = "; ".join(_why(one))
    line = f"{one.state:<12}{display_id(one.name)}  {one.type}, {size(one.size_bytes)}"
    output().print(line + (f": {why}" if why else ""), markup=False)
    for file in kept or ():
        output().print(f"{'':<12}{one.folder}/{file.name}  {size(file.size_bytes)}", markup=False)


def _why(one: Listed) -> Iterator[str]:
    if one.unreadable:
        yield f"not readable: {one.unreadable}"
    elif one.reason:
        yield f"{one.cause}: {one.reason}" if one.cause else one.reason
    if one.left_out:
        yield f"left out: {one.left_out}"
