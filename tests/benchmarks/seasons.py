"""Fits of seasons: geesync's beside loops and Earth Engine's own regression, and a whole tile."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.report import Table

#: Who fits, and how many pixels of the tiny run's and of the real one's.
WAYS = {
    "geesync": ("geesync series", 1000, 100_000),
    "numpy": ("numpy.linalg.lstsq, one pixel after the other", 50, 5_000),
    "statsmodels": ("statsmodels' OLS, one pixel after the other", 20, 500),
    "earth-engine": ("linearRegression on the simulator", 100, 10_000),
}
DATES = 73
TILE_EDGE = 10_980  #: of a Sentinel-2 tile


def series(folder: Path, rounds: int, say: Callable[[str], None], *, tiny: bool) -> list[Table]:
    """Fit one year of pixels in each way, and tiles of two sizes by geesync."""
    told: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, (name, few, many) in WAYS.items():
            pixels = few if tiny else many
            found = _module("tests.benchmarks.fits", way, str(pixels))
            each = {key: found[key] / pixels for key in ("wall_s", "cpu_s")}
            told[way].append({**each, "apart": found["apart"]})
            say(f"  {name}: {1e6 * each['cpu_s']:.1f} µs of CPU a pixel")
    rows = [_row(name, told[way], told["geesync"]) for way, (name, _, _) in WAYS.items()]
    columns = ("", "pixels/s", "× time", "CPU µs/pixel", "× CPU", "most apart from lstsq")
    folder.mkdir(exist_ok=True)
    edges = (128, 256) if tiny else (768, 1536)
    tiles = [_tile(folder, edge) for edge in edges]
    return [
        Table(f"{DATES} dates, a trend and two waves", columns, rows),
        Table(
            "Blocks of a tile, two at a time: made, fitted and written",
            ("", "s", "CPU s", "peak MB", f"CPU minutes, {TILE_EDGE:,}²"),
            tiles,
        ),
    ]


def _row(name: str, found: list[dict[str, Any]], ours: list[dict[str, Any]]) -> tuple[str, ...]:
    def ratio(what: str) -> str:
        pairs = zip(found, ours, strict=True)
        return f"{statistics.median(their[what] / our[what] for their, our in pairs):.1f}"

    wall_s, cpu_s = (
        statistics.median(each[what] for each in found) for what in ("wall_s", "cpu_s")
    )
    apart = max(each["apart"] for each in found)
    rate = f"{1 / wall_s:,.0f}"
    return (name, rate, ratio("wall_s"), f"{1e6 * cpu_s:.1f}", ratio("cpu_s"), f"{apart:.0e}")


def _tile(folder: Path, edge: int) -> tuple[str, ...]:
    found = _module("tests.series.memory_script", str(edge), str(DATES), str(folder))
    whole_s = found["cpu_s"] * (TILE_EDGE / edge) ** 2
    figures = (
        f"{found['wall_s']:.1f}",
        f"{found['cpu_s']:.1f}",
        f"{found['peak_bytes'] / 1e6:.0f}",
    )
    return (f"{edge:,}² pixels", *figures, f"{whole_s / 60:.0f}")


def _module(name: str, *arguments: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", name, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
