"""Files that are made to be expensive, or to confuse: a reason, soon, in bounded memory."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geesync.adapters.rasters import Expected, prove
from geesync.adapters.tables import prove_csv
from geesync.domain.grid import Grid
from geesync.errors import Cause, RemoteError

EDGE = 60_000
TRANSFORM = (30.0, 0.0, 500_000.0, 0.0, -30.0, 5_200_000.0)


def expected(edge: int) -> Expected:
    return Expected(Grid("EPSG:32633", TRANSFORM, edge, edge), "uint8", ("b1",))


def written(path: Path, edge: int, **options: object) -> Path:
    profile = {
        "driver": "GTiff",
        "width": edge,
        "height": edge,
        "count": 1,
        "dtype": "uint8",
        "crs": "EPSG:32633",
        "transform": rasterio.Affine(*TRANSFORM),
        **options,
    }
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.set_band_description(1, "b1")
        if edge < 1000:
            dataset.write(np.ones((1, edge, edge), np.uint8))
    return path


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("promised", [EDGE, 100])
def test_a_huge_raster_in_a_small_file_is_refused_before_it_fills_the_memory(
    tmp_path: Path, promised: int
) -> None:
    bomb = written(tmp_path / "bomb.tif", EDGE, sparse_ok=True, blockysize=EDGE, compress="deflate")
    assert bomb.stat().st_size < 1_000_000
    before = peak_bytes()

    with pytest.raises(RemoteError) as refused:
        prove(bomb, expected(promised))

    assert refused.value.cause == Cause.INTEGRITY
    assert peak_bytes() - before < 200 * 1024 * 1024


def test_a_table_of_millions_of_columns_is_refused(tmp_path: Path) -> None:
    wide = tmp_path / "wide.csv"
    wide.write_text("a," * 5_000_000 + "\n")
    before = peak_bytes()

    with pytest.raises(RemoteError, match="header is longer") as refused:
        prove_csv(wide, rows=0)

    assert refused.value.cause == Cause.INTEGRITY
    assert peak_bytes() - before < 100 * 1024 * 1024


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
# rasterio cannot write down GDAL's words where they quote the file's bytes.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_header_is_proved_or_refused_with_a_reason(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    file = tmp_path / "file.tif"
    file.unlink(missing_ok=True)
    written(file, 40, tiled=True, blockxsize=16, blockysize=16)
    content = bytearray(file.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    file.write_bytes(content)

    refusal = _refusal(file)

    assert refusal is None or refusal.cause in {Cause.INTEGRITY, Cause.PLAN}


def _refusal(file: Path) -> RemoteError | None:
    try:
        prove(file, expected(40))
    except RemoteError as error:
        return error
    return None
