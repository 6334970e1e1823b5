"""The metrics for Prometheus, read anew at each scrape; docs/metrics.md explains each name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

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
from geesync.steps.mirrors import Mirrors
from geesync.store.views import status as views
from geesync.store.views.heartbeat import heartbeat_at
from geesync.store.views.samples import Totals, totals

#: One value of a metric: its labels, and the number.
Row = tuple[Sequence[str], float]


@dataclass(frozen=True)
class LedgerCollector(Collector):
    """Answers a scrape from the ledger's counters: as quick for a million assets as for one."""

    ledger: Path
    now: datetime

    def collect(self) -> Iterator[Metric]:
        """Yield every metric there is."""
        whole_status = views.status(self.ledger, now=self.now, trouble=Mirrors(self.ledger).trouble)
        # What is watched no longer moves no more: it must not alarm for ever.
        status = replace(whole_status, roots=whole_status.watched)
        sums = totals(self.ledger)
        yield InfoMetricFamily("geesync_build", "The running program", {"version": __version__})
        yield from _daemon(status.daemon or {}, self.ledger)
        yield from _assets(status)
        yield from _exports(status, sums)
        yield from _bytes(status, sums)
        yield from _disks(status, self.ledger)


def exposition(ledger: Path, now: datetime) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector(ledger, now))
    return generate_latest(registry)


def _gauge(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    return _filled(GaugeMetricFamily(f"geesync_{name}", text, labels=labels), rows)


def _counter(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    return _filled(CounterMetricFamily(f"geesync_{name}", text, labels=labels), rows)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, rows: Iterable[Row]) -> Metric:
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def _one(value: float) -> list[Row]:
    """Return the row of a metric without labels."""
    return [((), value)]


def _daemon(beat: dict[str, Any], ledger: Path) -> Iterator[Metric]:
    """Yield what the heartbeat holds; of brakes shares of their limits, since units differ."""
    yield _gauge("daemon_up", "1 while the daemon gives signs of life", (), _one(bool(beat)))
    if at := heartbeat_at(ledger):
        text = "When the daemon last gave a sign of life"
        yield _gauge("heartbeat_timestamp_seconds", text, (), _one(at.timestamp()))
    yield _gauge(
        "step_waiting",
        "1 for each step that a brake holds back",
        ["step"],
        [([step], 1) for step in beat.get("waiting", ())],
    )
    yield _gauge(
        "halted",
        "1 for each kind of work and destination that is refused",
        ["work", "destination"],
        [([halt["work"], halt["store"]], 1) for halt in beat.get("halts", ())],
    )
    brakes = [([brake["name"], brake["where"]], brake) for brake in beat.get("brakes", ())]
    yield _gauge(
        "brake_used_ratio",
        "What is used of what a brake allows; absent for one without a limit",
        ["brake", "where"],
        [(which, brake["used"] / brake["limit"]) for which, brake in brakes if brake["limit"]],
    )
    yield _gauge(
        "brake_holds",
        "1 while a brake holds work back",
        ["brake", "where"],
        [(which, brake["holds"]) for which, brake in brakes],
    )


def _assets(status: views.Status) -> Iterator[Metric]:
    roots = [([display_id(root.name)], root) for root in status.roots]
    yield _gauge(
        "assets",
        "Assets by state",
        ["root", "state"],
        [([*name, state], root.counts.get(state, 0)) for name, root in roots for state in State],
    )
    for metric, text, values in (
        (
            "source_bytes",
            "Size of the assets as Earth Engine counts it",
            [(name, root.size_bytes) for name, root in roots],
        ),
        (
            "verified_source_bytes",
            "The same, of verified assets only",
            [(name, root.verified_bytes) for name, root in roots],
        ),
        (
            "unreadable_assets",
            "Assets and folders that Earth Engine did not let be read at the last scan",
            [(name, root.completeness.unreadable) for name, root in roots],
        ),
        (
            "root_complete",
            "1 while all is here that is wanted of a root",
            [(name, root.completeness.is_complete) for name, root in roots],
        ),
        (
            "root_alarm",
            "1 if the root's last scan was not believed",
            [(name, bool(root.alarm)) for name, root in roots],
        ),
        (
            "scan_timestamp_seconds",
            "When the root was last scanned to its end",
            [(name, root.scanned_at.timestamp()) for name, root in roots if root.scanned_at],
        ),
    ):
        yield _gauge(metric, text, ["root"], values)
    yield _gauge("metadata_only_assets", "Not files in whole", (), _one(status.left_out))
    yield _gauge(
        "failing_assets",
        "Assets whose last try failed, by cause",
        ["cause", "state"],
        [([trouble.cause, trouble.state], trouble.count) for trouble in status.troubles],
    )
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


def _exports(status: views.Status, sums: Totals) -> Iterator[Metric]:
    yield _counter(
        "transitions",
        "Moves of assets from one state to another",
        ["from_state", "to_state"],
        sums.moves().items(),
    )
    yield _gauge(
        "operations",
        "Operations of the project at Earth Engine, when we last looked",
        ["kind"],
        [([kind], status.queue.get(kind, 0)) for kind in ("running", "queued", "foreign")],
    )
    in_flight = sum(status.operations.values())
    yield _gauge("exports_in_flight", "Our exports under way", (), _one(in_flight))
    counts = sums.by_label("exports")
    yield _counter("exports_asked", "Exports asked for", (), _one(counts.get("asked", 0)))
    yield _counter(
        "exports_ended",
        "Exports that ended, by how",
        ["outcome"],
        [([ending], counts.get(ending, 0)) for ending in ENDINGS],
    )
    durations = SummaryMetricFamily(
        "geesync_export_duration_seconds",
        "From asking for an export to knowing its end",
        labels=["outcome"],
    )
    for ending, seconds in sums.by_label("export_s").items():
        durations.add_metric([ending], int(counts.get(ending, 0)), seconds)
    yield durations


def _bytes(status: views.Status, sums: Totals) -> Iterator[Metric]:
    for metric, text, total in (
        ("eecu_seconds", "Compute used at Earth Engine", "eecu_s"),
        ("downloaded_bytes", "Bytes brought to disk", "landed_bytes"),
        ("downloaded_objects", "Objects brought to disk", "landed_objects"),
        ("swept_bytes", "Staged bytes deleted again", "swept_bytes"),
    ):
        yield _counter(metric, text, (), _one(sums.sum_of(total)))
    yield _gauge("staged_bytes", "Bytes in the bucket", (), _one(status.staged_bytes))


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
    yield _gauge("ledger_bytes", "Size of the ledger on disk", (), _one(size_bytes))
