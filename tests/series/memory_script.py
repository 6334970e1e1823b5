"""``… EDGE FOLDER``: fits a square tile of so many pixels a side, and tells its peak memory."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_zeros

from geesync.series.harmonics import Model
from geesync.series.regression import Series, compute, open_rasters

BLOCK = 256  #: as the command reads
RESULTS = ("coefficients", "filled", "fitted")


def tile(edge: int, dates: int) -> Series:
    """Return an index of so many dates of one year, made block by block when it is asked for."""
    box = GeoBox.from_bbox(
        (5e5, 5e6, 5e5 + 10 * edge, 5e6 + 10 * edge), "EPSG:32633", resolution=10
    )
    times = np.datetime64("2023-01-01", "ns") + np.arange(dates) * np.timedelta64(365 // dates, "D")
    empty = xr_zeros(box, "float32", time=times, chunks=(dates, BLOCK, BLOCK))
    return Series(empty.copy(data=empty.data.map_blocks(_seen, dtype="float32")), Model())


def _seen(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a season with noise, of which a third is clouded."""
    draw = np.random.default_rng(block.shape[0])
    season = np.cos(np.arange(len(block)) / len(block) * 2 * np.pi)[:, None, None]
    seen = (0.5 + 0.3 * season + 0.03 * draw.standard_normal(block.shape)).astype("float32")
    seen[draw.random(block.shape) < 1 / 3] = np.nan
    return seen


def _peak_bytes() -> int:
    """Return the most memory of this program; ru_maxrss counts who started it, too."""
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak) * 1024


def main(edge: int, dates: int, folder: Path) -> None:
    """Fit, write, and print the peak, how long it took, and how far it said to be."""
    series = tile(edge, dates)
    told: list[tuple[int, int]] = []
    began, used = time.monotonic(), time.process_time()
    with open_rasters(series, folder, RESULTS) as rasters:
        compute(series, rasters, lambda done, of: told.append((done, of)))
    figures = {
        "peak_bytes": _peak_bytes(),
        "wall_s": time.monotonic() - began,
        "cpu_s": time.process_time() - used,
        "progress": told,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
