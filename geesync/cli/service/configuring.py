"""``config show``: every key, its value and where it came from."""

from __future__ import annotations

import json as jsons
import re
from typing import Annotated, Any

import typer

from geesync.cli.context import Context, print_json, say

config = typer.Typer(help="The configuration.", no_args_is_help=True)


@config.command()
def show(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
) -> None:
    """Show every key with its value and its origin, as a file that one could use."""
    cli: Context = context.obj
    values = list(cli.load().values())
    if json:
        print_json({key: {"value": value, "origin": origin} for key, value, origin in values})
        return
    section = ""
    for key, value, origin in sorted(values, key=lambda one: "." in one[0]):
        head, _, name = key.rpartition(".")
        if head != section:
            section = head
            say(f"\n[{'.'.join(map(_key, head.split('.')))}]", soft_wrap=True)
        say(_line(_key(name), value, origin), soft_wrap=True)


def _line(name: str, value: Any, origin: str) -> str:
    """Return one key as TOML; as a comment if there is no value, or none that may be told."""
    where = f"  # {origin}"
    if value in (None, {}):
        return f"# {name} ={where}, not set"
    written = _toml(value)
    return (
        f"# {name} = {written}{where}, not shown"
        if "**********" in written
        else (f"{name} = {written}{where}")
    )


def _toml(value: Any) -> str:
    """Return a value as TOML, whose texts, numbers and lists are written as JSON's are."""
    return jsons.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else _toml(name)
