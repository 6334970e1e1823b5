"""The byte path: the same objects, by everyone, on a tmpfs and on a disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.measure import Contender, Cost, Rounds, alternate, run
from tests.benchmarks.movers import Work, movers
from tests.benchmarks.origin import origin
from tests.benchmarks.report import Table

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Workload:
    """Objects of one size."""

    name: str
    count: int
    size_bytes: int


WORKLOADS = (
    Workload("64 × 16 MiB", 64, 16 * _MIB),
    Workload("4,000 × 64 KiB", 4000, 64 * 1024),
    Workload("1 × 2 GiB", 1, 2048 * _MIB),
)
TINY = (Workload("3 × 64 KiB", 3, 64 * 1024),)


@dataclass(frozen=True)
class Places:
    """Where is room. memory: a tmpfs, in which the origin's objects lie, too."""

    memory: Path
    disk: Path


def download(
    places: Places,
    workloads: Sequence[Workload],
    rounds: int,
    peers: Sequence[str],
    say: Callable[[str], None],
) -> list[Table]:
    """Move every workload to both places; return a table for each.

    peers: beginnings of the names of those who take part; none are all.
    """
    tables = []
    for workload in workloads:
        with origin(places.memory / "origin") as filled:
            filled.fill("objects", workload.count, workload.size_bytes)
            with filled.serving():
                for kind, place in (("tmpfs", places.memory), ("disk", places.disk)):
                    say(f"{workload.name}, {kind}")
                    work = Work(filled, "objects", place / "moved")
                    wanted = [one for one in movers(work) if one.name.startswith(tuple(peers))]
                    told = _compare(work, wanted, rounds, say)
                    tables.append(_table(f"{workload.name}, {kind}", told))
    return tables


def _compare(
    work: Work, contenders: Sequence[Contender], rounds: int, say: Callable[[str], None]
) -> Rounds:
    log = work.folder.with_name("log")

    def measure(contender: Contender) -> Cost:
        return run(
            contender.argv,
            log=log,
            environment=contender.environment,
            servers=work.origin.servers(),
            sync=work.folder,
        )

    try:
        return alternate(contenders, rounds, measure, log, say)
    finally:
        shutil.rmtree(work.folder)


_COLUMNS = ("", "s", "s, synced", "×", "CPU s", "×", "peak MB")


def _table(title: str, told: Rounds) -> Table:
    rows = []
    for name, costs in told.costs.items():
        rows.append(
            (
                name,
                f"{told.median(name, lambda cost: cost.wall_s):.2f}",
                f"{told.median(name, lambda cost: cost.durable_s):.2f}",
                f"{told.ratio(name, lambda cost: cost.durable_s):.2f}",
                f"{told.median(name, lambda cost: cost.cpu_s):.2f}",
                f"{told.ratio(name, lambda cost: cost.cpu_s):.2f}",
                f"{max(cost.peak_bytes for cost in costs) / 1e6:.0f}",
            )
        )
    return Table(title, _COLUMNS, rows)
