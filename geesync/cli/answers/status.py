"""Commands that only ask: ``status`` and ``show``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geesync.cli.context import Context, json_line, now, output
from geesync.domain.assets.names import candidates, display_id
from geesync.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

_REFRESH_S = 1.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(status)
    app.command()(show)


def status(
    context: typer.Context,
    what: Annotated[str | None, typer.Argument(metavar="[ROOT|ASSET]", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and follow it.")] = False,
) -> None:
    """Say how it stands: how far, how fast, until when, and what is wrong."""
    from geesync.store.views import status as views

    mine: Context = context.obj
    ledger = mine.existing_ledger()
    root = root_of(ledger, what) if what else None
    if what and root is None:
        show(context, what, json=json)
        return

    def ask() -> views.Status:
        return views.status(ledger, now=now(), root=root)

    if json:
        from geesync.store.views.documents import status_document

        typer.echo(json_line(status_document(ask())))
        return
    from geesync.cli.render import status_view

    if watch:
        _follow(lambda: status_view(ask(), now()))
    else:
        output().print(status_view(ask(), now()))


def root_of(ledger: Any, given: str) -> str | None:
    """Return the canonical name of the root that was meant, or None if there is none."""
    from geesync.store.views import status as views

    roots = {root.name for root in views.status(ledger, now=now()).roots}
    return next((name for name in candidates(given) if name in roots), None)


def _follow(view: Any) -> None:
    from rich.live import Live

    first: RenderableType = view()
    with Live(first, console=output(), refresh_per_second=4) as live:
        try:
            while True:
                time.sleep(_REFRESH_S)
                live.update(view())
        except KeyboardInterrupt:
            return


def show(
    context: typer.Context,
    asset: Annotated[str, typer.Argument(help="An asset's id, name or Code Editor link.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
) -> None:
    """Show one asset: where it stands, its operations, its files, its history."""
    from geesync.cli.answers.asset_view import asset_view
    from geesync.store.views import status as views

    mine: Context = context.obj
    ledger = mine.existing_ledger()
    known = (views.show(ledger, name) for name in candidates(asset))
    told = next((found for found in known if found), None)
    if told is None:
        raise UserError(f"{asset} is not in the ledger", hint="is its root enqueued and scanned?")
    if json:
        typer.echo(json_line(told))
    else:
        output().print(asset_view(told, display_id(told["name"])))
