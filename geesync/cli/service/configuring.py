"""``config show``: every key, its value and where it came from."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from geesync.cli.context import Context, json_line, output


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The configuration.", no_args_is_help=True)
    group.command("show")(show)
    app.add_typer(group, name="config")


def show(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
) -> None:
    """Show every key with its value and its origin."""
    from rich.table import Table
    from rich.text import Text

    mine: Context = context.obj
    loaded = mine.load()
    if json:
        typer.echo(
            json_line(
                {key: {"value": value, "origin": origin} for key, value, origin in loaded.values()}
            )
        )
        return
    table = Table("key", "value", "from", box=None, pad_edge=False, header_style="bold")
    for key, value, origin in loaded.values():
        table.add_row(key, Text(_text(value)), origin, style="dim" if origin == "default" else None)
    output().print(table)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return f"{value.total_seconds():g}s" if isinstance(value, timedelta) else str(value)
