"""The ``geesync`` command: its subcommands, and how an error ends."""

from __future__ import annotations

import platform
import sqlite3
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from geesync import __version__
from geesync.cli import (
    backing_up,
    checking,
    configuring,
    demo,
    enqueuing,
    examining,
    installing,
    metadata,
    recovering,
    roots,
    simulator,
    status,
    steering,
    work,
)
from geesync.cli.context import Context, errors
from geesync.errors import DOCS, ExitCode, GeesyncError

app = typer.Typer(
    name="geesync",
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


for module in (
    enqueuing,
    examining,
    roots,
    status,
    steering,
    checking,
    work,
    metadata,
    backing_up,
    recovering,
    configuring,
    installing,
    demo,
    simulator,
):
    module.register(app)


def run() -> int:
    """Run the command line; return the exit code."""
    try:
        # A command that ends by typer.Exit comes back as its code, others as None.
        return int(app(standalone_mode=False) or ExitCode.OK)
    except GeesyncError as error:
        return _end(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read has seen enough: `geesync show … | head`.
        sys.stderr.close()
    except TyperException as error:
        return _end(_usage(error), ExitCode.USAGE)
    return ExitCode.OK


def _usage(error: TyperException) -> str:
    """Return what is wrong with the command line, and where to read what is right."""
    context = getattr(error, "ctx", None)
    what = str(error).removeprefix("Value error, ").rstrip(".")
    return f"{what}: {context.command_path if context else 'geesync'} --help"


def _end(line: str, code: ExitCode) -> ExitCode:
    errors().print(f"geesync: {line}", markup=False, style="red")
    return code
