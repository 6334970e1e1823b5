"""Commands that only ask: ``status`` and ``show``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geesync.cli.completion import root_argument
from geesync.cli.context import Context, asset_named, now, output, print_json, root_named, say
from geesync.domain.assets.names import display_id
from geesync.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console, RenderableType

    from geesync.store.views.status import Status

_REFRESH_S = 1.0


def status(
    context: typer.Context,
    what: Annotated[str | None, root_argument("[ROOT|FOLDER|ASSET]")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and follow it.")] = False,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit code 0 also where it is not complete.")
    ] = False,
) -> None:
    """Say how it stands: how far, how fast, until when, what is wrong, and whether it is complete.

    Exit code 1 if it is not complete.
    """
    from geesync.steps.mirrors import Mirrors
    from geesync.store.views import status as views

    cli: Context = context.obj
    if watch and json:
        raise UserError("--watch and --json cannot go together", hint="name one of them")
    ledger = cli.existing_ledger()
    root = root_named(ledger, what) if what else None
    if what and root is None:
        is_complete = _print_asset(context, ledger, what, json=json)
    else:

        def ask() -> views.Status:
            return views.status(ledger, now=now(), root=root, trouble=Mirrors(ledger).trouble)

        is_complete = _print(ask, json=json, watch=watch)
    if not (is_complete or exit_zero or watch):
        raise typer.Exit(ExitCode.INCOMPLETE)


def _print(ask: Callable[[], Status], *, json: bool, watch: bool) -> bool:
    """Print the status of roots; return whether they are complete."""
    if json:
        from geesync.store.browsing.documents import status_document

        status = ask()
        print_json(status_document(status))
        return status.completeness.is_complete
    from geesync.cli.render import status_view

    if watch:
        _follow(lambda console: status_view(ask(), now(), console))
    status = ask()
    if not watch:
        say(status_view(status, now()))
    return status.completeness.is_complete


def _print_asset(context: typer.Context, ledger: Path, what: str, *, json: bool) -> bool:
    """Print one asset as ``show`` does; return whether it is complete, with all below it."""
    from geesync.steps.mirrors import Mirrors
    from geesync.store.views import status as views

    document = asset_of(ledger, what)
    show(context, what, json=json)
    if not json:
        from geesync.cli.render import answer

        say()
        say(answer(views.completeness_of(ledger, document["name"], Mirrors(ledger).trouble)))
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
    asset: Annotated[str, root_argument("ASSET", "An asset's id, name or Code Editor link.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
) -> None:
    """Show one asset: where it stands, its operations, its files, its history."""
    from geesync.cli.answers.asset_view import asset_view
    from geesync.store.browsing.documents import asset_document

    cli: Context = context.obj
    document = asset_of(cli.existing_ledger(), asset)
    if json:
        print_json(asset_document(document))
    else:
        say(asset_view(document, display_id(document["name"])))


def asset_of(ledger: Path, given: str) -> dict[str, Any]:
    """Return all that is known of an asset. Raises UserError if it is unknown."""
    from geesync.steps.mirrors import Mirrors
    from geesync.store.browsing import assets as asset_views

    document = asset_views.show(ledger, asset_named(ledger, given), Mirrors(ledger).trouble)
    assert document is not None  # its name was found a moment ago
    return document
