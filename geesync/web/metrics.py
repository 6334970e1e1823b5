"""What Prometheus is told; docs/metrics.md explains each name. Read anew at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from geesync import __version__
from geesync.adapters.mirror_files.mirror import free_bytes
from geesync.domain.assets.names import display_id
from geesync.domain.mirror.lifecycle import State
from geesync.domain.tasks.lifecycle import ENDINGS
from geesync.store.views import status as views
from geesync.store.views.totals import Totals, totals


@dataclass(frozen=True)
class LedgerCollector(Collector):
    """Answers a scrape from the ledger's counters: as quick for a million assets as for one."""

    ledger: Path
    now: datetime

    def collect(self) -> Iterator[Metric]:
        """Yield every metric there is."""
        whole_status = views.status(self.ledger, now=self.now)
        # What is watched no longer moves no more: it must not alarm for ever.
        status = replace(whole_status, roots=[root for root in whole_status.roots if root.watched])
        sums = totals(self.ledger)
        yield InfoMetricFamily("geesync_build", "The running program", {"version": __version__})
        yield from _daemon(status, self.ledger)
        yield from _brakes(status)
        yield from _assets(status)
        yield from _failures(status)
        yield _gauge(
            "made_assets",
            "Assets that a restore or a job makes at Earth Engine, by state",
            ["kind", "name", "state"],
            [
                ([work.kind, display_id(work.name), state], count)
                for work in status.making
                for state, count in work.counts.items()
            ],
        )
        yield from _exports(status, sums)
        yield from _bytes(status, sums)
        yield from _disks(status, self.ledger)


def exposition(ledger: Path, now: datetime) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector(ledger, now))
    return generate_latest(registry)


def _gauge(
    name: str, text: str, labels: Iterable[str] = (), rows: Iterable[tuple[list[str], float]] = ()
) -> Metric:
    family = GaugeMetricFamily(f"geesync_{name}", text, labels=list(labels))
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _counter(
    name: str, text: str, labels: Iterable[str], rows: Iterable[tuple[list[str], float]]
) -> Metric:
    family = CounterMetricFamily(f"geesync_{name}", text, labels=list(labels))
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _daemon(status: views.Status, ledger: Path) -> Iterator[Metric]:
    yield _gauge(
        "daemon_up", "1 while the daemon gives signs of life", (), [([], bool(status.daemon))]
    )
    beat = views.heartbeat_at(ledger)
    if beat:
        yield _gauge(
            "heartbeat_timestamp_seconds",
            "When the daemon last gave a sign of life",
            (),
            [([], beat.timestamp())],
        )
    waiting = (status.daemon or {}).get("waiting", {})
    yield _gauge(
        "step_waiting",
        "1 for each step that a brake holds back",
        ["step"],
        [([step], 1) for step in waiting],
    )
    yield _gauge(
        "halted",
        "1 for each kind of work and destination that is refused",
        ["work", "destination"],
        [([halt["work"], halt["store"]], 1) for halt in (status.daemon or {}).get("halts", [])],
    )


def _brakes(status: views.Status) -> Iterator[Metric]:
    """Yield the brakes as the daemon last read them: units differ, so shares of the limits."""
    brakes = (status.daemon or {}).get("brakes", [])
    yield _gauge(
        "brake_used_ratio",
        "What is used of what a brake allows; absent for one without a limit",
        ["brake", "where"],
        [
            ([brake["name"], brake["where"]], brake["used"] / brake["limit"])
            for brake in brakes
            if brake["limit"]
        ],
    )
    yield _gauge(
        "brake_holds",
        "1 while a brake holds work back",
        ["brake", "where"],
        [([brake["name"], brake["where"]], brake["holds"]) for brake in brakes],
    )


def _assets(status: views.Status) -> Iterator[Metric]:
    yield _gauge(
        "assets",
        "Assets by state",
        ["root", "state"],
        [
            ([display_id(root.name), state], root.counts.get(state, 0))
            for root in status.roots
            for state in State
        ],
    )
    yield _gauge(
        "source_bytes",
        "Size of the assets as Earth Engine counts it",
        ["root"],
        [([display_id(root.name)], root.size_bytes) for root in status.roots],
    )
    yield _gauge(
        "verified_source_bytes",
        "The same, of verified assets only",
        ["root"],
        [([display_id(root.name)], root.verified_bytes) for root in status.roots],
    )
    yield _gauge("metadata_only_assets", "Not files in whole", (), [([], status.left_out)])
    yield _gauge(
        "unreadable_assets",
        "Assets and folders that Earth Engine did not let be read at the last scan",
        ["root"],
        [([display_id(root.name)], root.completeness.unreadable) for root in status.roots],
    )
    yield _gauge(
        "root_complete",
        "1 while all is here that is wanted of a root",
        ["root"],
        [([display_id(root.name)], root.completeness.is_complete) for root in status.roots],
    )
    yield _gauge(
        "root_alarm",
        "1 if the root's last scan was not believed",
        ["root"],
        [([display_id(root.name)], bool(root.alarm)) for root in status.roots],
    )
    yield _gauge(
        "scan_timestamp_seconds",
        "When the root was last scanned to its end",
        ["root"],
        [
            ([display_id(root.name)], root.scanned_at.timestamp())
            for root in status.roots
            if root.scanned_at
        ],
    )


def _failures(status: views.Status) -> Iterator[Metric]:
    yield _gauge(
        "failing_assets",
        "Assets whose last try failed, by cause",
        ["cause", "state"],
        [([trouble.cause, trouble.state], trouble.count) for trouble in status.troubles],
    )


def _exports(status: views.Status, sums: Totals) -> Iterator[Metric]:
    yield _counter(
        "transitions",
        "Moves of assets from one state to another",
        ["from_state", "to_state"],
        [([before, after], count) for (before, after), count in sums.moves().items()],
    )
    yield _gauge(
        "operations",
        "Operations of the project at Earth Engine, when we last looked",
        ["kind"],
        [([kind], status.queue.get(kind, 0)) for kind in ("running", "queued", "foreign")],
    )
    yield _gauge(
        "exports_in_flight", "Our exports under way", (), [([], sum(status.operations.values()))]
    )
    counts = sums.by_label("exports")
    yield _counter("exports_asked", "Exports asked for", (), [([], counts.get("asked", 0))])
    yield _counter(
        "exports_ended",
        "Exports that ended, by how",
        ["outcome"],
        [([ending], counts.get(ending, 0)) for ending in ENDINGS],
    )
    spans = sums.by_label("export_s")
    durations = SummaryMetricFamily(
        "geesync_export_duration_seconds",
        "From asking for an export to knowing its end",
        labels=["outcome"],
    )
    for ending, seconds in spans.items():
        durations.add_metric([ending], int(counts.get(ending, 0)), seconds)
    yield durations
    yield _counter(
        "eecu_seconds", "Compute used at Earth Engine", (), [([], sums.sum_of("eecu_s"))]
    )


def _bytes(status: views.Status, sums: Totals) -> Iterator[Metric]:
    yield _counter(
        "downloaded_bytes", "Bytes brought to disk", (), [([], sums.sum_of("landed_bytes"))]
    )
    yield _counter(
        "downloaded_objects", "Objects brought to disk", (), [([], sums.sum_of("landed_objects"))]
    )
    yield _counter(
        "swept_bytes", "Staged bytes deleted again", (), [([], sums.sum_of("swept_bytes"))]
    )
    yield _gauge("staged_bytes", "Bytes in the bucket", (), [([], status.staged_bytes)])


def _disks(status: views.Status, ledger: Path) -> Iterator[Metric]:
    mirrors = sorted({root.dest for root in status.roots})
    yield _gauge(
        "mirror_free_bytes",
        "What the mirror's file system has left; absent while it is not mounted",
        ["mirror"],
        [([dest], free) for dest in mirrors if (free := free_bytes(Path(dest))) is not None],
    )
    files = (ledger, ledger.with_name(f"{ledger.name}-wal"))
    size_bytes = sum(file.stat().st_size for file in files if file.exists())
    yield _gauge("ledger_bytes", "Size of the ledger on disk", (), [([], size_bytes)])
