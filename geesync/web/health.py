"""Whether it is well: what a load balancer, an uptime check or a container asks."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

from geesync.errors import GeesyncError
from geesync.store.views import status as views


def complaints(ledger: Path, now: datetime) -> list[str]:
    """Return what is wrong with the service itself, in words; nothing if it is well.

    A failing asset is no complaint: that is work for a person, not for a restart.
    """
    try:
        alive = views.heartbeat(ledger, now=now)
    except (sqlite3.Error, GeesyncError) as error:
        return [f"the ledger cannot be read: {error}"]
    return [] if alive else ["the daemon gives no sign of life"]
