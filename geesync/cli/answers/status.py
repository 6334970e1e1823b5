"""Commands that only ask: ``status`` and ``show``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geesync.cli.answers.naming import asset_named, root_named
from geesync.cli.completion import complete_roots
from geesync.cli.context import Context, json_line, now, output
from geesync.domain.assets.names import display_id
from geesync.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console, RenderableType

    from geesync.store.views.status import Status

_REFRESH_S = 1.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(status)
    app.command()(show)


def status(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[ROOT|FOLDER|ASSET]", show_default=False, autocompletion=complete_roots
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and follow it.")] = False,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit code 0 also where it is not complete.")
    ] = False,
) -> None:
    """Say how it stands: how far, how fast, until when, what is wrong, and whether it is complete.

    Exit code 1 if it is not complete.
    """
    from geesync.store.views import status as views

    mine: Context = context.obj
    ledger = mine.existing_ledger()
    root = root_named(ledger, what) if what else None
    if what and root is None:
        is_complete = _print_asset(context, ledger, what, json=json)
    else:

        def ask() -> views.Status:
            return views.status(ledger, now=now(), root=root)

        is_complete = _print(ask, json=json, watch=watch)
    if not (is_complete or exit_zero or watch):
        raise typer.Exit(ExitCode.INCOMPLETE)


def _print(ask: Callable[[], Status], *, json: bool, watch: bool) -> bool:
    """Tell how roots stand; return whether they are complete."""
    if json:
        from geesync.store.browsing.documents import status_document

        status = ask()
        typer.echo(json_line(status_document(status)))
        return status.completeness.is_complete
    from geesync.cli.render import status_view

    if watch:
        _follow(lambda console: status_view(ask(), now(), console))
    status = ask()
    if not watch:
        output().print(status_view(status, now()))
    return status.completeness.is_complete


def _print_asset(context: typer.Context, ledger: Path, what: str, *, json: bool) -> bool:
    """Tell of one asset as ``show`` does; return whether it is complete, with all below it."""
    from geesync.store.views import status as views

    document = asset_of(ledger, what)
    show(context, what, json=json)
    if not json:
        from geesync.cli.render import answer

        output().print("", answer(views.completeness_of(ledger, document["name"])), sep="\n")
    return bool(document["complete"])


def _follow(view: Callable[[Console], RenderableType]) -> None:
    from rich.live import Live

    console = output()
    with Live(view(console), console=console, refresh_per_second=4) as live:
        try:
            while True:
                time.sleep(_REFRESH_S)
                live.update(view(console))
        except KeyboardInterrupt:
            return


def show(
    context: typer.Context,
    asset: Annotated[
        str,
        typer.Argument(
            help="An asset's id, name or Code Editor link.", autocompletion=complete_roots
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
) -> None:
    """Show one asset: where it stands, its operations, its files, its history."""
    from geesync.cli.answers.asset_view import asset_view
    from geesync.store.browsing.documents import asset_document

    mine: Context = context.obj
    document = asset_of(mine.existing_ledger(), asset)
    if json:
        typer.echo(json_line(asset_document(document)))
    else:
        output().print(asset_view(document, display_id(document["name"])))


def asset_of(ledger: Path, given: str) -> dict[str, Any]:
    """Return all that is known of the asset that was meant. Raises UserError."""
    from geesync.store.browsing import assets as asset_views

    document = asset_views.show(ledger, asset_named(ledger, given))
    assert document is not None  # its name was found a moment ago
    return document
