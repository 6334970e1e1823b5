"""Cloud Monitoring's metric of compute, by workload tag, some minutes late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import httpx
import pytest

from geesync.simulator import Simulator
from geesync.simulator.api.monitoring import METRIC

ELEVATION = "projects/earthengine-legacy/assets/users/demo/elevation"
GRID = {"dimensions": {"width": 2, "height": 2}}
SUM = {"perSeriesAligner": "ALIGN_SUM", "alignmentPeriod": "600s"}

Start = Callable[..., Simulator]


def ask_for_pixels(tag: str) -> None:
    wanted = {"expression": ee.Image(ELEVATION), "fileFormat": "NPY", "grid": GRID}
    ee.data.computePixels({**wanted, "workloadTag": tag})


def listed(simulator: Simulator, label: str = "", **aggregation: str) -> Any:
    url = f"{simulator.earth_engine_url}/v3/projects/{simulator.project}/timeSeries"
    asked = {
        "filter": f'metric.type = "{METRIC}"{label}',
        "interval.startTime": "2026-01-01T00:00:00Z",
        "interval.endTime": "2026-01-01T00:10:00Z",
        **{f"aggregation.{name}": value for name, value in aggregation.items()},
    }
    return httpx.get(url, params=asked, trust_env=False).json()


def values(answer: Any) -> dict[str, list[float]]:
    """Return the points of each series, by its workload tag."""
    return {
        one["metric"]["labels"].get("workload_tag", ""): [
            point["value"]["doubleValue"] for point in one["points"]
        ]
        for one in answer.get("timeSeries", [])
    }


def used(simulator: Simulator) -> None:
    """Have compute used by two tags, a minute apart."""
    for tag in ("a", "b", "a"):
        simulator.advance(60)
        ask_for_pixels(tag)


def test_compute_is_told_by_its_tag_once_it_is_old_enough(start: Start) -> None:
    simulator = start(direct_eecu_s=0.5)
    used(simulator)

    assert listed(simulator) == {}
    simulator.advance(240)
    assert values(listed(simulator)) == {"a": [0.5, 0.5], "b": [0.5]}
    assert values(listed(simulator, **SUM)) == {"a": [1.0], "b": [0.5]}
    assert values(listed(simulator, ' AND metric.labels.workload_tag = "b"')) == {"b": [0.5]}
    assert values(listed(simulator, crossSeriesReducer="REDUCE_SUM", **SUM)) == {"": [1.5]}


def test_it_may_be_late_forbidden_or_tell_nothing(start: Start) -> None:
    for knobs in ({"metrics_delay_s": 600.0}, {"metrics": "empty"}):
        simulator = start(direct_eecu_s=0.5, **knobs)
        used(simulator)
        simulator.advance(240)
        assert listed(simulator) == {}

    assert "timeSeries.list denied" in listed(start(metrics="forbidden"))["error"]["message"]


@pytest.mark.parametrize(
    ("label", "aggregation"),
    [
        (' AND metric.labels.place = "b"', {}),
        (' OR metric.type = "b"', {}),
        ("", {"perSeriesAligner": "ALIGN_MEAN"}),
        ("", {"perSeriesAligner": "ALIGN_SUM"}),
        ("", {"crossSeriesReducer": "REDUCE_MAX"}),
    ],
)
def test_what_it_has_not_is_refused(start: Start, label: str, aggregation: Any) -> None:
    simulator = start(direct_eecu_s=0.5)
    used(simulator)
    simulator.advance(600)

    assert listed(simulator, label, **aggregation)["error"]["code"] == 400


@pytest.mark.parametrize("status", [429, 403])
def test_pixels_are_refused_when_the_compute_of_a_day_is_used_up(start: Start, status: int) -> None:
    simulator = start(direct_eecu_s=0.5, daily_eecu_s=1.0, eecu_status=status)
    used_up = pytest.raises(ee.EEException, match="daily_eecu_usage_time")
    for _ in range(2):
        ask_for_pixels("a")

    with used_up:
        ask_for_pixels("a")
    simulator.advance(24 * 3600)
    ask_for_pixels("a")
