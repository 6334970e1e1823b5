"""Commands that do the work: ``daemon`` and ``sync``."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import Context, now, output
from geesync.errors import DOCS, ConfigError, ExitCode, UserError

if TYPE_CHECKING:
    from geesync.config import Config


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(daemon)
    app.command()(sync)
    app.command()(web)


def daemon(context: typer.Context) -> None:
    """Work until stopped; what systemd starts."""
    from geesync.adapters.host.systemd import Systemd
    from geesync.bootstrap import service
    from geesync.daemon import Daemon
    from geesync.store.file.database import locked, open_migrating
    from geesync.web.server import beside

    mine: Context = context.obj
    config = _configured(context)
    mine.existing_ledger()
    stop = threading.Event()
    systemd = Systemd()
    faulthandler.enable()  # the watchdog's SIGABRT shows where each thread was
    with locked(config.ledger):
        with systemd.patient("checking the ledger"):
            database = open_migrating(config.ledger)
        try:
            with service(config, database, stop=stop) as built, beside(config):
                if not Daemon(built, database, config, mine.config, systemd, stop).run():
                    # Threads that wait for an answer would keep the process for as long.
                    os._exit(ExitCode.OK)
        finally:
            database.close()


def sync(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Until nothing is left to do.")] = False,
) -> None:
    """Do all there is to do, then end: for cron. Exit code 1 if not all is verified."""
    from geesync.bootstrap import service
    from geesync.step_threads import run_until_quiet
    from geesync.store.file.database import locked, open_migrating
    from geesync.store.views import status as views

    if not once:
        raise UserError("sync runs once", hint="geesync sync --once; geesync daemon stays")
    config = _configured(context)
    context.obj.existing_ledger()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with locked(config.ledger):
        database = open_migrating(config.ledger)
        try:
            with service(config, database, stop=stop) as built:
                built.roots.scan_all(now())
                is_over = run_until_quiet(
                    built.steps,
                    stop=stop,
                    poll_s=min(config.schedule.reconcile.total_seconds(), 10.0),
                    is_done=lambda: views.is_quiet(config.ledger, now=now()),
                )
                built.tell()
        finally:
            database.close()
    if not is_over:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if not views.completeness_of(config.ledger).is_complete:
        raise typer.Exit(ExitCode.INCOMPLETE)


def web(
    context: typer.Context,
    listen: Annotated[
        str | None, typer.Option(help="Host and port, or unix:/a/path.", show_default=False)
    ] = None,
) -> None:
    """Serve the status page alone, from the ledger; the daemon serves it by itself."""
    from geesync.web.server import server, url

    mine: Context = context.obj
    mine.existing_ledger()
    config = mine.config(web__listen=listen)
    if not config.web.listen:
        raise UserError(
            "the status page is switched off", hint="geesync web --listen 127.0.0.1:8470"
        )
    page, listening = server(config)
    output().print(f"The status page: {url(listening)}", markup=False)
    page.run([listening])


#: Thresholds of garbage collection. A pass makes thousands of objects that live to its end; Python
#: looks through the young ones after 700 by default, for a twentieth of all work.
_COLLECTED_AFTER = (5_000, 20, 20)


def _configured(context: typer.Context) -> Config:
    """Return the configuration, logging as it says; ready for long work."""
    from geesync import logs

    mine: Context = context.obj
    config = mine.config()
    logs.configure(log_format=config.log.format, level=config.log.level)
    gc.set_threshold(*_COLLECTED_AFTER)
    if not config.ledger.parent.exists() and not config.mirror:
        raise ConfigError("nothing is configured yet", hint=f"{DOCS}/real-account.md")
    return config
