"""Draws how geesync grows, of what growth.py measured, and puts it into docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.benchmarks.report import Table, write

#: Seen on white and on near-black alike.
_INK = "#808a94"
_COLOURS = ("#2f81d7", "#d9822b", "#3fa45b", "#b065c8")

Size = dict[str, Any]


def report(measured: Path, page: Path) -> None:
    """Write the tables and the pictures of a page."""
    told = json.loads(measured.read_text())
    sizes: list[Size] = told["sizes"]
    write(page, "growth", "python -m tests.benchmarks.growth", told["machine"], _tables(sizes))
    mpl.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "geesync",
            "font.family": "sans-serif",
            **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), _INK),
            **dict.fromkeys(("xtick.color", "ytick.color"), _INK),
        }
    )
    _curves(sizes, page.with_name("growth-curves.svg"))
    _over_time(sizes[-1], page.with_name("growth-over-time.svg"))


def _tables(sizes: Sequence[Size]) -> list[Table]:
    columns = ["", *(f"{size['assets']:,}" for size in sizes)]
    return [
        Table("What it costs", columns, [[name, *map(tell, sizes)] for name, tell in _COSTS]),
        Table(
            "How long an answer takes, in s",
            columns,
            [
                [name, *(f"{size['answers_s'][key]:.3f}" for size in sizes)]
                for key in sizes[0]["answers_s"]
                for name in [f"`{key}`"]
            ],
        ),
    ]


def _each(key: str, of: str = "assets") -> Callable[[Size], float]:
    return lambda size: float(size[key]) / size[of]


_COSTS: list[tuple[str, Callable[[Size], str]]] = [
    ("scan, s", lambda size: f"{size['scan_s']:,.1f}"),
    ("scan, ms of CPU an asset", lambda size: f"{size['scan_cpu_s'] / size['assets'] * 1e3:.2f}"),
    ("scan, requests", lambda size: f"{size['scan_requests']:,}"),
    ("scan again, assets a second", lambda size: f"{size['assets'] / size['rescan_s']:,.0f}"),
    ("most memory of the daemon, MB", lambda size: f"{size['peak_bytes'] / 1e6:.0f}"),
    ("ledger when all is found, bytes an asset", lambda size: f"{_each('found_bytes')(size):,.0f}"),
    ("ledger when all is done, bytes an asset", lambda size: f"{_each('done_bytes')(size):,.0f}"),
    ("from the start until ready, s", lambda size: f"{size['ready_s']:.1f}"),
    ("idle, % of one processor", lambda size: f"{size['idle_cpu'] * 100:.2f}"),
]


def _curves(sizes: Sequence[Size], file: Path) -> None:
    figure = Figure(figsize=(9, 6), layout="constrained")
    (time, memory), (ledger, calls) = figure.subplots(2, 2)
    assets = [size["assets"] for size in sizes]
    _lines(
        time,
        "seconds",
        assets,
        {
            "scan": [size["scan_s"] for size in sizes],
            "scan again": [size["rescan_s"] for size in sizes],
            "start until ready": [size["ready_s"] for size in sizes],
            "geesync status": [size["answers_s"]["geesync status"] for size in sizes],
        },
    )
    _lines(
        memory,
        "MB of the daemon",
        assets,
        {
            "scanning, most": [size["peak_bytes"] / 1e6 for size in sizes],
            "idle": [size["idle_bytes"] / 1e6 for size in sizes],
        },
    )
    memory.set_yscale("linear")
    memory.set_ylim(0, 160)
    _lines(
        ledger,
        "MB of the ledger",
        assets,
        {
            "all verified": [size["done_bytes"] / 1e6 for size in sizes],
            "all found": [size["found_bytes"] / 1e6 for size in sizes],
        },
    )
    _lines(
        calls,
        "requests to Earth Engine",
        assets,
        {
            "scan": [size["scan_requests"] for size in sizes],
            "scan again": [size["rescan_requests"] for size in sizes],
        },
    )
    _save(figure, file)


def _lines(axes: Any, title: str, assets: list[int], curves: dict[str, list[float]]) -> None:
    for (name, values), colour in zip(curves.items(), _COLOURS, strict=False):
        axes.plot(assets, values, "o-", color=colour, label=name, linewidth=2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("assets")
    _style(axes)


def _over_time(size: Size, file: Path) -> None:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    memory, processor = figure.subplots(2, 1, sharex=True)
    points = size["over_time"]
    step = max(len(points) // 200, 1)
    points = points[::step]
    times = [at / 60 for at, _, _ in points]
    memory.plot(times, [resident / 1e6 for _, _, resident in points], color=_COLOURS[0])
    memory.set_ylim(0, 160)
    memory.set_title(f"memory of the daemon in MB, scanning {size['assets']:,} assets", fontsize=11)
    shares = [
        (later[1] - before[1]) / (later[0] - before[0]) * 100 for before, later in pairwise(points)
    ]
    processor.plot(times[1:], shares, color=_COLOURS[1])
    processor.set_ylim(0, None)
    processor.set_title("CPU of the daemon, % of one processor", fontsize=11)
    processor.set_xlabel("minutes")
    for axes in (memory, processor):
        _style(axes)
    _save(figure, file)


def _style(axes: Any) -> None:
    axes.grid(visible=True, color=_INK, alpha=0.25, linewidth=0.6)
    axes.set_facecolor("none")
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, labelcolor=_INK, fontsize=9)


def _save(figure: Figure, file: Path) -> None:
    figure.savefig(file, transparent=True, metadata={"Date": None})
