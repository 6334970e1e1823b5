"""What compute a project has used, for what, and when that of a day is used up.

https://developers.google.com/earth-engine/guides/cost_controls
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from geesync.simulator.clock import EPOCH
from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import CallRefused

REFUSAL = (
    "Your usage exceeded the custom quota for"
    " 'earthengine.googleapis.com/daily_eecu_usage_time', which is adjustable by your"
    " administrator."
)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Use:
    """Compute of one task, or of one request."""

    project: str
    at: datetime  #: when it ended
    kind: str  #: "batch" or "highvolume"
    tag: str  #: by which it is told from others
    eecu_s: float

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """What the metric of compute says of it."""
        return ("compute_type", self.kind), ("workload_tag", self.tag)


class ComputeQuota:
    """What every project has used, and on which day."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._midnight = timedelta(hours=profile.midnight_utc_h)
        self._lock = threading.Lock()
        self._uses: list[Use] = []
        self._used_s: defaultdict[tuple[str, int], float] = defaultdict(float)

    def add(self, use: Use) -> None:
        """Count what was used."""
        with self._lock:
            self._uses.append(use)
            self._used_s[use.project, self._day(use.at)] += use.eecu_s

    def uses(self, project: str) -> list[Use]:
        """Return what a project has used so far, in the order in which it ended."""
        with self._lock:
            return [use for use in self._uses if use.project == project]

    def check(self, project: str, moment: datetime) -> None:
        """Raise CallRefused if nothing more is taken in until midnight."""
        if self._profile.eecu_refuses == "submissions" and self.exhausted(project, moment):
            raise CallRefused(self._profile.eecu_status, REFUSAL)

    def exhausted(self, project: str, moment: datetime) -> bool:
        """Tell whether nothing more may be computed until midnight."""
        with self._lock:
            return self._used_s[project, self._day(moment)] >= self._profile.daily_eecu_s

    def _day(self, moment: datetime) -> int:
        return (moment - EPOCH - self._midnight) // DAY
