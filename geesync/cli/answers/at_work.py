"""Who does what a command asked for, and where one sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geesync.cli.context import NO_DAEMON, now, output

if TYPE_CHECKING:
    from geesync.config import Config


def tell_who_works(config: Config) -> None:
    """Print whether a daemon runs, and how to follow or to start it."""
    from geesync.store.views.heartbeat import heartbeat

    if heartbeat(config.ledger, now=now()) is None:
        message = NO_DAEMON
    else:
        has_page = config.web.listen and not config.web.socket
        page = f" or http://{config.web.listen}/" if has_page else ""
        message = f"the daemon is at it: see geesync status --watch{page}"
    output().print(message, markup=False)
