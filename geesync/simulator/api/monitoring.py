"""``monitoring.googleapis.com/v3``: the metric of compute, a few minutes late, with its labels.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
https://developers.google.com/earth-engine/guides/monitoring_usage
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from geesync.simulator.api.earth_engine import error_response
from geesync.simulator.clock import SimClock, parse_rfc3339, rfc3339
from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import BadRequest, CallRefused
from geesync.simulator.tasks.compute_quota import ComputeQuota, Use
from geesync.simulator.world.pixels import Json

METRIC = "earthengine.googleapis.com/project/cpu/usage_time"
PATH = re.compile(r"/v3/projects/([^/]+)/timeSeries")
CLAUSE = re.compile(r'metric\.(type|labels?\.(?:workload_tag|compute_type)) ?= ?"([^"]*)"')
PERIOD = re.compile(r"([1-9]\d{1,8})s")
FORBIDDEN = "Permission monitoring.timeSeries.list denied (or the resource may not exist)."

Labels = tuple[tuple[str, str], ...]


class MonitoringApi:
    """ASGI middleware that answers ``/v3/…/timeSeries`` itself and passes everything else on."""

    def __init__(
        self, app: ASGIApp, compute: ComputeQuota, profile: Profile, clock: SimClock
    ) -> None:
        self._app = app
        self._compute = compute
        self._profile = profile
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = PATH.fullmatch(scope["path"])
        if found is None:
            await self._app(scope, receive, send)
            return
        try:
            answer = self._list(found[1], dict(Request(scope, receive).query_params))
            response: Response = JSONResponse(answer)
        except CallRefused as refusal:
            response = error_response(refusal)
        await response(scope, receive, send)

    def _list(self, project: str, asked: dict[str, str]) -> Json:
        if self._profile.metrics == "forbidden":
            raise CallRefused(403, FORBIDDEN)
        wanted = _wanted(asked.get("filter", ""))
        start, end = (_time(asked, name) for name in ("startTime", "endTime"))
        until = min(end, self._clock.now() - timedelta(seconds=self._profile.metrics_delay_s))
        uses = [
            (use.labels, use)
            for use in self._compute.uses(project)
            if start < use.at <= until and wanted <= set(use.labels)
        ]
        if self._profile.metrics == "empty" or not uses:
            return {}
        if _choice(asked, "crossSeriesReducer", "REDUCE_NONE", "REDUCE_SUM") == "REDUCE_SUM":
            uses = [((), use) for _, use in uses]
        period_s = _period_s(asked)
        series: defaultdict[Labels, list[Use]] = defaultdict(list)
        for labels, use in uses:
            series[labels].append(use)
        return {
            "timeSeries": [
                _series(project, labels, _points(told, end, period_s))
                for labels, told in series.items()
            ]
        }


def _wanted(text: str) -> set[tuple[str, str]]:
    """Return the labels that a filter asks for."""
    clauses = [CLAUSE.fullmatch(clause) for clause in re.split(r"\s+AND\s+", text)]
    told = {clause[1]: clause[2] for clause in clauses if clause}
    if None in clauses or told.pop("type", None) != METRIC:
        raise BadRequest(f"The simulator has only the metric {METRIC}, by its labels.")
    return {(name.partition(".")[2], value) for name, value in told.items()}


def _time(asked: dict[str, str], name: str) -> datetime:
    try:
        return parse_rfc3339(asked[f"interval.{name}"])
    except (KeyError, ValueError):
        raise BadRequest(f"Field interval.{name} had an invalid value.") from None


def _choice(asked: dict[str, str], name: str, *known: str) -> str:
    told = asked.get(f"aggregation.{name}", known[0])
    if told not in known:
        raise BadRequest(f"The simulator has {name} {' and '.join(known)}, not {told}.")
    return told


def _period_s(asked: dict[str, str]) -> int:
    """Return the seconds that a point stands for: those that are told, or a minute."""
    if _choice(asked, "perSeriesAligner", "ALIGN_NONE", "ALIGN_SUM") == "ALIGN_NONE":
        return 60
    found = PERIOD.fullmatch(asked.get("aggregation.alignmentPeriod", ""))
    if found is None or int(found[1]) < 60:  # noqa: PLR2004 - as documented
        raise BadRequest("The alignment period must be at least 60 seconds.")
    return int(found[1])


def _points(uses: Iterable[Use], end: datetime, period_s: int) -> list[Json]:
    """Return sums by period, counted back from the end, the newest first."""
    sums: defaultdict[int, float] = defaultdict(float)
    for use in uses:
        sums[int((end - use.at).total_seconds() // period_s)] += use.eecu_s
    period = timedelta(seconds=period_s)
    return [
        {
            "interval": {
                "startTime": rfc3339(end - (number + 1) * period),
                "endTime": rfc3339(end - number * period),
            },
            "value": {"doubleValue": sums[number]},
        }
        for number in sorted(sums)
    ]


def _series(project: str, labels: Labels, points: list[Json]) -> Json:
    resource = {"type": "earthengine.googleapis.com/Project", "labels": {"project_id": project}}
    metric = {"type": METRIC, "labels": dict(labels)}
    kinds = {"metricKind": "DELTA", "valueType": "DOUBLE"}
    return {"metric": metric, "resource": resource, **kinds, "points": points}
