"""Puts the pieces together; the only place that knows both the configuration and the steps."""

from geesync.bootstrap.building import service
from geesync.bootstrap.commands import checker, comparer, freer, older_mirror, pixel_comparer
from geesync.bootstrap.resources import Pace, cloud, ledger_id
from geesync.bootstrap.service import Service

__all__ = [
    "Pace",
    "Service",
    "checker",
    "cloud",
    "comparer",
    "freer",
    "ledger_id",
    "older_mirror",
    "pixel_comparer",
    "service",
]
