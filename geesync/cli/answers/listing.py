"""``ls``: assets by name, each with its state and what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.completion import root_argument
from geesync.cli.context import Context, print_json, say, scope_named
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import size
from geesync.domain.mirror.lifecycle import State

if TYPE_CHECKING:
    from geesync.domain.mirror.checking import KeptFile
    from geesync.store.browsing.listing import Listed
    from geesync.store.file.database import Database

#: Assets of which the files are asked for at once.
_BATCH = 500


def ls(
    context: typer.Context,
    what: Annotated[str | None, root_argument("[ROOT|FOLDER]")] = None,
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

    cli: Context = context.obj
    ledger = cli.existing_ledger()
    named = scope_named(ledger, what) if what is not None else None
    assets = listed(ledger, Which(named, state, left_out, unreadable))
    with cli.database() if files else nullcontext() as database:
        while batch := list(islice(assets, _BATCH)):
            kept = _kept(database, batch) if database else {}
            for asset in batch:
                _print(asset, kept.get(asset.id, []) if files else None, json=json)


def _kept(database: Database, assets: list[Listed]) -> dict[int, list[KeptFile]]:
    from geesync.store.copies.checks import Checks

    return Checks(database).kept([asset.id for asset in assets if asset.is_on_disk])


def _print(asset: Listed, kept: list[KeptFile] | None, *, json: bool) -> None:
    if json:
        document = vars(asset) | {"asset": display_id(asset.name)}
        if kept is not None:
            document["files"] = [vars(file) for file in kept]
        print_json(document)
        return
    why = "; ".join(_why(asset))
    line = f"{asset.state:<12}{display_id(asset.name)}  {asset.type}, {size(asset.size_bytes)}"
    say(line + (f": {why}" if why else ""))
    for file in kept or ():
        say(f"{'':<12}{asset.folder}/{file.name}  {size(file.size_bytes)}")


def _why(asset: Listed) -> Iterator[str]:
    if asset.unreadable:
        yield f"not readable: {asset.unreadable}"
    elif asset.reason:
        yield f"{asset.cause}: {asset.reason}" if asset.cause else asset.reason
    if asset.left_out:
        yield f"left out: {asset.left_out}"
