"""How much compute a project may use in a day, and when it has used it up.

https://developers.google.com/earth-engine/guides/cost_controls
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from geesync.simulator.clock import EPOCH
from geesync.simulator.profiles import Profile

REFUSAL = (
    "Your usage exceeded the custom quota for"
    " 'earthengine.googleapis.com/daily_eecu_usage_time', which is adjustable by your"
    " administrator."
)
DAY = timedelta(days=1)


class ComputeQuota:
    """What every project has used on which day. Not thread-safe: ``Operations`` holds its lock."""

    def __init__(self, profile: Profile) -> None:
        self._limit_s = profile.daily_eecu_s
        self._midnight = timedelta(hours=profile.midnight_utc_h)
        self._used_s: defaultdict[tuple[str, int], float] = defaultdict(float)

    def use(self, project: str, moment: datetime, eecu_s: float) -> None:
        """Count what an operation has used that ended then."""
        self._used_s[project, self._day(moment)] += eecu_s

    def exhausted(self, project: str, moment: datetime) -> bool:
        """Tell whether nothing more may be computed until midnight."""
        return self._used_s[project, self._day(moment)] >= self._limit_s

    def _day(self, moment: datetime) -> int:
        return (moment - EPOCH - self._midnight) // DAY
