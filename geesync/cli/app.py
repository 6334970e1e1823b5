"""The ``geesync`` command: its subcommands, and how an error ends."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_group

from geesync import __version__
from geesync.cli.context import Context, print_error
from geesync.cli.terminal import accept_any_text
from geesync.errors import DOCS, ExitCode, GeesyncError, UserError, refused

#: Each command, and the module in this package that has the function, or the group, of its name.
COMMANDS = {
    "enqueue": "roots.enqueuing",
    "doctor": "upkeep.examining",
    **dict.fromkeys(("roots", "dequeue", "retry"), "roots.roots"),
    **dict.fromkeys(("status", "show"), "answers.status"),
    "ls": "answers.listing",
    **dict.fromkeys(("pause", "resume", "cancel", "priority"), "roots.steering"),
    **dict.fromkeys(("restore", "restores"), "roots.restoring"),
    "derive": "roots.deriving",
    "free": "upkeep.freeing",
    "check": "upkeep.checking",
    **dict.fromkeys(("daemon", "sync", "web"), "service.running"),
    "export-metadata": "answers.metadata",
    "series": "answers.series",
    **dict.fromkeys(("backup", "recover"), "upkeep.recovering"),
    "adopt": "upkeep.adopting",
    "config": "service.configuring",
    "install-service": "service.installing",
    "demo": "trial.demo",
    "simulator": "trial.simulator",
}


class Commands(TyperGroup):
    """Imports the module of a command only when the command is used."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        _name_values(self)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order in which help tells them."""
        _ = ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; None if there is none of this name."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            module = import_module(f"geesync.cli.{COMMANDS[cmd_name]}")
            found = getattr(module, cmd_name.replace("-", "_"))
            part = typer.Typer(rich_markup_mode=self.rich_markup_mode)
            if isinstance(found, typer.Typer):  # a group of commands
                part.add_typer(found, name=cmd_name)
            else:
                part.command(cmd_name, cls=getattr(module, "Command", None))(found)
            made = get_group(part).commands[cmd_name]
            _name_values(made)
            sentence = (made.help or "").partition("\n\n")[0]
            made.short_help = " ".join(sentence.split())  # whole, where help would cut it
            self.commands[cmd_name] = made
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command; load all for an unknown one, so that similar names are suggested."""
        if args[0] not in COMMANDS:
            for name in COMMANDS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


#: A longer list of choices is not told in place of a value.
_LONGEST_CHOICES = 40


def _name_values(command: Any) -> None:
    """Name values in help as the reference does, not by Python's types."""
    for inner in getattr(command, "commands", {}).values():
        _name_values(inner)
    for param in command.params:
        param.metavar = param.metavar or _named(param)
        if param.param_type_name == "argument":
            param.callback = _refuse_empty
            is_marked = param.required or param.metavar.startswith("[")
            usage = param.metavar if is_marked else f"[{param.metavar}]"
            param.display_type_rich = lambda **_: None
            param.get_usage_pieces = lambda _, usage=usage: [usage]


def _refuse_empty(_context: Any, param: Any, value: Any) -> Any:
    """Return an argument; raise UserError for an empty one, a script's unset variable."""
    if value == "" or (isinstance(value, list | tuple) and "" in value):
        raise UserError(
            f"{param.metavar.strip('[]')} is empty", hint="leave it out, or name something"
        )
    return value


def _named(param: Any) -> str:
    kind = param.type_descriptor
    choices = "|".join(map(str, kind.choices or ()))
    if choices and len(choices) <= _LONGEST_CHOICES:
        return choices
    if f"--{param.name.replace('_', '-')}" in param.opts:  # its own name says nothing more
        if kind.is_ranged or kind.annotation in (int, float):
            return "NUMBER"
        if kind.is_path:
            return "PATH"
    return str(param.name.upper())


app = typer.Typer(
    name="geesync",
    rich_markup_mode=None,  # plain help: the framed one takes twice as long to come
    cls=Commands,
    help="Mirror Google Earth Engine assets to a local disk: resumable, proved, with metadata.",
    epilog=f"Exit codes: {DOCS}/exit-codes.md. Try it without an account: geesync demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


#: Libraries whose version one wants to know from a report of a bug.
_MATTERS = ("earthengine-api", "google-cloud-storage", "rasterio", "SQLAlchemy", "APScheduler")


def _print_version(asked: bool) -> None:
    if asked:
        import platform
        import sqlite3
        from importlib.metadata import version

        typer.echo(f"geesync {__version__}")
        typer.echo(f"Python {platform.python_version()}")
        typer.echo(f"SQLite {sqlite3.sqlite_version}")
        for name in _MATTERS:
            typer.echo(f"{name} {version(name)}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="The configuration file.", show_default=False),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="The ledger, instead of the configured one.")
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Say the versions of what matters.",
        ),
    ] = False,
) -> None:
    _ = version
    flags = {"ledger": str(ledger.absolute())} if ledger else {}
    context.obj = Context(config, flags)


def run() -> int:
    """Run the command line; return the exit code."""
    accept_any_text()
    try:
        _require_text(sys.argv)
        # A command that ends by typer.Exit comes back as its code, others as None.
        return int(app(standalone_mode=False) or ExitCode.OK)
    except GeesyncError as error:
        print_error(str(error))
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read has seen enough: `geesync show … | head`.
        sys.stderr.close()
    except OSError as error:  # what a command was told to read or write, and cannot
        print_error(refused(error))
        return ExitCode.MIRROR
    except TyperException as error:
        if str(error).startswith("Usage: "):  # nothing was given: the help is the answer
            typer.echo(str(error), err=True)
        else:
            print_error(_usage(error))
        return ExitCode.USAGE
    return ExitCode.OK


def _require_text(arguments: list[str]) -> None:
    """Raise UserError for bytes that are no text: neither the ledger nor a page could hold them."""
    for argument in arguments:
        if argument.encode(errors="replace").decode() != argument:
            raise UserError(f"{argument} is no text in UTF-8", hint="rename it")


#: Options of the program, which commands do not have.
_OF_ALL = ("-c", "--config", "--ledger")


def _usage(error: TyperException) -> str:
    """Return what is wrong with the command line, and where to read what is right."""
    from pydantic import ValidationError

    from geesync.domain.choices.options import refusal

    context = getattr(error, "ctx", None)
    what, param = str(error).rstrip("."), getattr(error, "param", None)
    wanted = getattr(error, "option_name", "")
    if context is not None and context.parent and wanted in _OF_ALL:
        return f"{wanted} comes before the command: geesync {wanted} PATH {context.info_name} …"
    if param is not None and type(error).__name__ == "MissingParameter":
        what = f"{param.metavar} is missing"
    if alike := getattr(error, "possibilities", None):
        what = f"{what}. Did you mean {' or '.join(sorted(alike))}?"
    if param is not None and isinstance(error.__cause__, ValidationError):
        name = param.opts[-1] if param.param_type_name == "option" else param.name.upper()
        _, needed, got = refusal(error.__cause__)
        what = f"{name}: {needed.rstrip('.')}"
        what += "" if " is not one of " in needed else f", got {got!r}"
    return f"{what}: {context.command_path if context else 'geesync'} --help"
