"""Whether it is well: what a load balancer, an uptime check or a container asks."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from geesync.domain.messages.words import duration
from geesync.domain.mirror.lifecycle import State
from geesync.errors import GeesyncError
from geesync.store.views import status as views
from geesync.store.views.heartbeat import heartbeat
from geesync.store.views.samples import moved_at


def complaints(ledger: Path, now: datetime) -> list[str]:
    """Return what is wrong with the service itself, in words; nothing if it is well.

    A failing asset is no complaint: that is work for a person, not for a restart.
    """
    try:
        daemon, last = heartbeat(ledger, now=now), moved_at(ledger)
        is_long = daemon is not None and last is not None and now - last > _LONG
        status = views.status(ledger, now=now) if is_long else None
    except (sqlite3.Error, GeesyncError) as error:
        return [f"the ledger cannot be read: {error}"]
    if daemon is None:
        return ["the daemon gives no sign of life"]
    wrong = [f"the {step} hangs" for step in daemon.get("stalled", ())]
    if status and last and _has_no_reason_to_wait(status):
        wrong.append(f"nothing has moved for {duration(now - last)}, and nothing says why")
    return wrong


#: Between two changes of anything, while there is something to do.
_LONG = timedelta(hours=1)


def _has_no_reason_to_wait(status: views.Status) -> bool:
    """Whether there is something to do that neither Earth Engine, a brake nor a failure holds."""
    running = sum(root.counts.get(State.EXPORTING, 0) for root in status.roots)
    delayed = sum(trouble.count for trouble in status.troubles if trouble.next_at)
    reason = status.stands_still or (status.daemon or {}).get("waiting")
    return not reason and status.completeness.on_the_way > running + delayed
