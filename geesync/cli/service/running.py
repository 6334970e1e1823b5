"""Commands that do the work: ``daemon`` and ``sync``."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from geesync.cli.context import Context, errors, now, print_error, say
from geesync.errors import DOCS, ConfigError, ExitCode, RemoteError, UserError

if TYPE_CHECKING:
    from geesync.adapters.host.systemd import Systemd
    from geesync.bootstrap import Service
    from geesync.config import Config
    from geesync.store.file.database import Database

Answer = TypeVar("Answer")


def daemon(context: typer.Context) -> None:
    """Work until stopped; what systemd starts."""
    from geesync.adapters.host.systemd import Systemd
    from geesync.daemon import Daemon
    from geesync.web.server import beside

    cli: Context = context.obj
    config = _configured(context)
    stop = threading.Event()
    systemd = Systemd()
    faulthandler.enable()  # the watchdog's SIGABRT shows where each thread was
    with ExitStack() as open_:
        database, built = _once_the_disk_lets_us(
            lambda: open_.enter_context(_opened(cli, config, stop)), systemd
        )
        open_.enter_context(beside(config))
        if not Daemon(built, database, config, cli.config, systemd, stop).run():
            # Threads that wait for an answer would keep the process for as long.
            os._exit(ExitCode.OK)


#: Between two tries to open a ledger whose disk does not let us.
_DISK_WAIT_S = 2.0


def _once_the_disk_lets_us(begin: Callable[[], Answer], systemd: Systemd) -> Answer:
    """Call until the disk lets us: a full, failing or read-only one is logged and waited for."""
    from geesync.logger import get_logger

    last = ""
    while True:
        try:
            with systemd.patient("checking the ledger"):
                return begin()
        except RemoteError as error:
            if str(error) != last:
                get_logger().warning("ledger_unavailable", error=str(error))
            last = str(error)
            with systemd.patient(str(error)):
                time.sleep(_DISK_WAIT_S)


@contextmanager
def _opened(
    cli: Context, config: Config, stop: threading.Event
) -> Iterator[tuple[Database, Service]]:
    """Lock and open the ledger, and build what works on it."""
    from geesync.bootstrap import service
    from geesync.store.file.database import locked, open_migrating

    cli.existing_ledger()
    with (
        locked(config.ledger),
        closing(open_migrating(config.ledger)) as database,
        service(config, database, stop=stop, config_file=cli.load().file) as built,
    ):
        gc.freeze()  # what is imported stays: a tenth of a scan was to look for garbage in it
        yield database, built


def sync(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Until nothing is left to do.")] = False,
) -> None:
    """Do all there is to do, then end: for cron. Exit code 1 if not all is verified."""
    from geesync.step_threads import run_until_quiet
    from geesync.store.views import status as views

    if not once:
        raise UserError("sync runs once", hint="geesync sync --once; geesync daemon stays")
    config = _configured(context)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _opened(context.obj, config, stop) as (_, built):
        built.roots.scan_all(now())
        is_over = run_until_quiet(
            built.steps,
            stop=stop,
            poll_s=min(config.schedule.reconcile.total_seconds(), 10.0),
            is_done=lambda held: views.is_quiet(
                config.ledger, now=now(), halted=built.lasting_halts(), held=held
            ),
        )
        if is_over:
            stop.clear()  # it ended the steps; there is one thing more to do
        left = built.finish()
    if not is_over:
        errors().print("stopped; what is here stays: geesync sync --once goes on where it was")
        raise typer.Exit(ExitCode.INTERRUPTED)
    if left:
        print_error(left)
        raise typer.Exit(ExitCode.INCOMPLETE)
    found = views.completeness_of(config.ledger)
    if not found.is_complete:
        print_error(found.line)
        raise typer.Exit(ExitCode.INCOMPLETE)


def web(
    context: typer.Context,
    listen: Annotated[
        str | None, typer.Option(help="Host and port, or unix:/a/path.", show_default=False)
    ] = None,
) -> None:
    """Serve the status page alone, from the ledger; the daemon serves it by itself."""
    from geesync.web.server import server, url

    cli: Context = context.obj
    cli.existing_ledger()
    config = cli.config(web__listen=listen)
    if not config.web.listen:
        raise UserError(
            "the status page is switched off", hint="geesync web --listen 127.0.0.1:8470"
        )
    page, listening = server(config)
    say(f"The status page: {url(listening)}")
    page.run([listening])


#: Thresholds of garbage collection. A pass makes thousands of objects that live to its end; Python
#: looks through the young ones after 700 by default, for a twentieth of all work.
COLLECTED_AFTER = (5_000, 20, 20)


def _configured(context: typer.Context) -> Config:
    """Return the configuration, logging as it says; ready for long work."""
    from geesync import logs

    cli: Context = context.obj
    config = cli.config()
    logs.configure(log_format=config.log.format, level=config.log.level)
    gc.set_threshold(*COLLECTED_AFTER)
    if not config.ledger.parent.exists() and not config.mirror:
        raise ConfigError("nothing is configured yet", hint=f"{DOCS}/real-account.md")
    return config
