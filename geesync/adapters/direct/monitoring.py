"""What reading directly has cost, as Cloud Monitoring tells it to those who may read it.

https://developers.google.com/earth-engine/guides/monitoring_usage
"""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from geesync.adapters.google.paging import pages
from geesync.adapters.transfer.curl_loop import run
from geesync.adapters.transfer.signed_requests import SignedRequests
from geesync.domain.failures.google_errors import UNREADABLE, unreadable
from geesync.domain.json import write_time

_GOOGLE = "https://monitoring.googleapis.com"
_METRIC = "earthengine.googleapis.com/project/cpu/usage_time"


class Monitoring:
    """Cloud Monitoring of one project. Raises RemoteError, classed, and nothing else.

    url: another service than Google's. timeout_s: how long a connection may stay silent.
    """

    def __init__(
        self, *, project: str, credentials: Any, url: str | None, timeout_s: float
    ) -> None:
        base = (url or _GOOGLE).rstrip("/")
        self._url = f"{base}/v3/projects/{quote(project, safe=':')}/timeSeries"
        self._requests = SignedRequests(base, credentials=credentials, timeout_s=timeout_s)

    def compute_s(self, tag: str, since: datetime, until: datetime) -> float | None:
        """Return the EECU-seconds of all requests with a workload tag; None if none are told.

        What was used in the last minutes before now is not told yet.
        https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
        """
        period_s = max(60, math.ceil((until - since).total_seconds()))
        asked = {
            "filter": f'metric.type = "{_METRIC}" AND metric.labels.workload_tag = "{tag}"',
            "interval.startTime": write_time(since),
            "interval.endTime": write_time(until),
            "aggregation.alignmentPeriod": f"{period_s}s",
            "aggregation.perSeriesAligner": "ALIGN_SUM",
            "aggregation.crossSeriesReducer": "REDUCE_SUM",
        }

        def page(token: str) -> tuple[list[float], str]:
            more = {"pageToken": token} if token else {}
            return self._page(f"{self._url}?{urlencode(asked | more)}")

        total = math.fsum(math.fsum(values) for values in pages(page, lambda _: None))
        return total if total > 0 and math.isfinite(total) else None

    def _page(self, url: str) -> tuple[list[float], str]:
        """Return the values of a page's points, and the token of the next one."""
        (answer,) = run([self._requests.content(url)])
        try:
            page = json.loads(answer)
            series = page.get("timeSeries", [])
            points = [point["value"] for one in series for point in one["points"]]
            return [float(one["doubleValue"]) for one in points], page.get("nextPageToken") or ""
        except UNREADABLE as error:
            raise unreadable(error) from error
