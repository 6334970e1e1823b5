"""Writes the reference of commands and keys: ``python tests/docs/reference.py``."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from geesync.cli.app import app
from geesync.config import Config

DOCS = Path(__file__).resolve().parents[2] / "docs"

_MADE = "Made from the program by `python tests/docs/reference.py`."


def commands() -> str:
    """Return docs/commands.md."""
    lines = ["# Commands", "", _MADE, ""]
    lines += [
        "`geesync [OPTIONS] COMMAND …`; [exit codes](exit-codes.md). Many commands have",
        "[`--json`](json.md); `--install-completion` is for bash, zsh and fish.",
        "",
    ]
    lines += _options(_program())
    for name, command in _walk(_program(), ""):
        arguments = " ".join(_argument(param) for param in command.params if _is_argument(param))
        usage = f"`geesync {name} {arguments}`".replace(" `", "`")
        lines += [f"## {name}", "", f"{usage}: {_line(command.help)}", ""]
        lines += _options(command)
    return "\n".join(lines).rstrip() + "\n"


def _options(command: Any) -> list[str]:
    options = [param for param in command.params if not _is_argument(param)]
    options = [param for param in options if param.name not in _EVERYWHERE]
    arguments = [param for param in command.params if _is_argument(param) and param.help]
    rows = [f"- `{_argument(param)}`: {_line(param.help)}" for param in arguments]
    rows += [f"- `{_option(param)}`: {_line(param.help)}" for param in options]
    return [*rows, ""] if rows else []


def configuration() -> str:
    """Return docs/configuration.md."""
    lines = ["# Configuration", "", _MADE, ""]
    lines += textwrap.dedent(
        """\
        A TOML file: the one that `--config` or `$GEESYNC_CONFIG` names, else
        `~/.config/geesync/geesync.toml`, else `/etc/geesync/geesync.toml`. The environment counts
        for more (`GEESYNC_EARTH_ENGINE__PROJECT`; `__` stands for the dot), a flag for most.
        Unknown keys are errors. A relative path in the file is relative to the file.
        `geesync config show` lists every key with its value and where it came from.

        Durations are `"90s"`, `"5m"`, `"6h"`, `"1d"`; sizes `"500M"`, `"20G"`, in powers of 1024.
        """
    ).splitlines()
    for section, model in _sections(Config):
        about = " ".join((model.__doc__ or "").split())
        lines += ["", f"## [{section}]" if section else "## At the top", "", about, ""]
        lines += [
            f"- `{name}`{_default(field)}: {_line(_docstrings(model)[name])}"
            for name, field in model.model_fields.items()
            if not _is_section(field)
        ]
    return "\n".join(lines) + "\n"


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below each field: the program itself does without, it costs a start."""
    docstrings = {}
    for owner in model.__mro__[: model.__mro__.index(BaseModel)]:
        body = ast.parse(inspect.getsource(owner)).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in pairwise(body.body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                assert isinstance(field.target, ast.Name)
                docstrings[field.target.id] = str(ast.literal_eval(text.value))
    return docstrings


def manual() -> str:
    """Return docs/geesync.1."""
    program = _program()
    lines = ['.TH GEESYNC 1 "" "geesync" "User Commands"', ".SH NAME"]
    lines += [f"geesync \\- {_roff(program.help)}", ".SH SYNOPSIS", ".B geesync"]
    lines += ["[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]", ".SH OPTIONS"]
    lines += _man_options(program)
    lines += [".SH COMMANDS"]
    for name, command in _walk(program, ""):
        arguments = " ".join(_argument(param) for param in command.params if _is_argument(param))
        lines += [f".SS {_roff(f'{name} {arguments}'.strip())}", _roff(command.help)]
        lines += _man_options(command)
    lines += [".SH FILES", ".TP", ".I ~/.config/geesync/geesync.toml", "The configuration."]
    lines += [".TP", ".I /etc/geesync/geesync.toml", "The configuration of the service."]
    lines += [".SH SEE ALSO", "https://github.com/geesync/geesync/tree/main/docs"]
    return "\n".join(lines) + "\n"


def _man_options(command: Any) -> Iterator[str]:
    for param in command.params:
        if param.help:
            name = _argument(param) if _is_argument(param) else _option(param)
            yield from (".TP", f".B {_roff(name)}", _roff(param.help))


def _roff(text: str | None) -> str:
    joined = " ".join((text or "").split()).replace("\\", "\\e").replace("-", "\\-")
    joined = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in joined)
    return f"\\&{joined}" if joined.startswith((".", "'")) else joined


def _program() -> Any:
    return typer.main.get_command(app)


def _walk(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    with group.make_context(None, [], resilient_parsing=True) as context:
        commands = {name: group.get_command(context, name) for name in group.list_commands(context)}
    for name, command in sorted(commands.items()):
        path = f"{prefix} {name}".strip()
        if hasattr(command, "commands"):
            yield from _walk(command, path)
        else:
            yield path, command


def _is_argument(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def _argument(param: Any) -> str:
    name = param.metavar or param.name.upper()
    return name if param.required or name.startswith("[") else f"[{name}]"


def _option(param: Any) -> str:
    names = ", ".join(param.opts)
    if param.is_flag:
        return names
    return f"{names} {param.metavar or param.name.upper()}"


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _sections(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    yield prefix, model
    for name, field in model.model_fields.items():
        if _is_section(field):
            assert isinstance(field.annotation, type)
            yield from _sections(field.annotation, f"{prefix}.{name}".lstrip("."))


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


#: Said once, for all commands.
_EVERYWHERE = ("as_json", "json", "install_completion", "show_completion")

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def _default(field: FieldInfo) -> str:
    if field.default_factory not in (None, dict):
        return " (`$STATE_DIRECTORY`, else the user's data folder)"
    value = None if field.default_factory else field.default
    return "" if value in (None, (), "") else f" = `{_toml(value)}`"


def _toml(value: Any) -> str:
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        size, unit = next(pair for pair in _UNITS if not seconds % pair[0]) if seconds else (1, "s")
        return f'"{seconds // size}{unit}"'
    if isinstance(value, int) and value and value % 1024**3 == 0:
        return f'"{value // 1024**3}G"'
    return json.dumps(value)


#: Each page, and what it must hold.
PAGES: dict[Path, Callable[[], str]] = {
    DOCS / "commands.md": commands,
    DOCS / "configuration.md": configuration,
    DOCS / "geesync.1": manual,
}

if __name__ == "__main__":
    for page, make in PAGES.items():
        page.write_text(make(), encoding="utf-8")
