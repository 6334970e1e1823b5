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
    """Move every workload to both places; return a table for each workload.

    peers: beginnings of the names of those who take part; none are all.
    """
    tables = []
    for workload in workloads:
        with origin(places.memory / "origin") as filled:
            filled.fill("objects", workload.count, workload.size_bytes)
            rounds_of: dict[str, Rounds] = {}
            with filled.serving():
                for kind, place in (("tmpfs", places.memory), ("disk", places.disk)):
                    say(f"{workload.name}, {kind}")
                    work = Work(filled, "objects", place / "moved")
                    wanted = [one for one in movers(work) if one.name.startswith(tuple(peers))]
                    rounds_of[kind] = _compare(work, wanted, rounds, say)
            tables.append(_table(workload.name, rounds_of))
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


def _table(title: str, rounds_of: dict[str, Rounds]) -> Table:
    columns, cells = [""], {name: [name] for name in next(iter(rounds_of.values())).costs}
    peaks = dict.fromkeys(cells, 0)
    for kind, rounds in rounds_of.items():
        columns += [f"{kind}, s", "×", "CPU s"]
        for name, costs in rounds.costs.items():
            cells[name] += [
                f"{rounds.median(name, lambda cost: cost.durable_s):.2f}",
                f"{rounds.ratio(name, lambda cost: cost.durable_s):.2f}",
                f"{rounds.median(name, lambda cost: cost.cpu_s):.2f}",
            ]
            peaks[name] = max(peaks[name], *(cost.peak_bytes for cost in costs))
    rows = [[*row, f"{peaks[name] / 1e6:.0f}"] for name, row in cells.items()]
    return Table(title, [*columns, "peak MB"], rows)
