"""Files that are made to be expensive, or to confuse: a reason, soon, in bounded memory."""

from __future__ import annotations

import io
import json
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geesync.adapters.formats.rasters import Expected, prove
from geesync.adapters.tables.table_reading import Contents, _Shallow, prove_csv, prove_geojson
from geesync.domain.assets.grid import Grid
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


def test_a_table_of_a_row_of_millions_of_cells_is_refused(tmp_path: Path) -> None:
    wide = tmp_path / "wide.csv"
    wide.write_text('a,b\n"x\ny",' + "," * 20_000_000 + "\n")
    before = peak_bytes()

    with pytest.raises(RemoteError, match="cells"):
        prove_csv(wide, rows=1)

    assert peak_bytes() - before < 150 * 1024 * 1024


def test_a_cell_of_millions_of_commas_is_none_of_many_cells(tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    geometry = "[" + "1," * 1_000_000 + "1]"
    large.write_text(f'a,.geo\n"two\nlines","{geometry}"\n')

    assert prove_csv(large, rows=1).rows == 1


@pytest.mark.parametrize("text", ["", 'quoted \\" [[[', "\\\\"], ids=["bare", "quotes", "slashes"])
def test_a_table_that_nests_a_million_deep_is_refused(tmp_path: Path, text: str) -> None:
    deep = tmp_path / "deep.geojson"
    nested = "[" * 1_000_000 + "]" * 1_000_000
    deep.write_text(f'{{"features": [{{"properties": {{"t": "{text}", "a": {nested}}}}}]}}')
    before = peak_bytes()

    with pytest.raises(RemoteError, match="deeper") as refused:
        prove_geojson(deep, rows=1)

    assert refused.value.cause == Cause.INTEGRITY
    assert peak_bytes() - before < 100 * 1024 * 1024


@given(st.lists(st.text(alphabet='[]{}"\\,a\n', max_size=40), max_size=30), st.integers(1, 7))
def test_brackets_in_texts_are_no_depth(texts: list[str], piece_bytes: int) -> None:
    rows = [{"properties": {"t": text * 300, "l": [[text]]}} for text in texts]
    file = _Shallow(io.BytesIO(json.dumps({"features": rows}).encode()))

    while file.read(piece_bytes):
        pass


CSV = b'system:index,a,.geo\r\n0,1,"{""type"":""Point""}"\r\n1,"x,\ny",\r\n'
GEOJSON = (
    b'{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Point",'
    b' "coordinates": [1, 2.5]}, "properties": {"a": 1, "b": [null, true]}}]}'
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 300), st.one_of(st.integers(0, 255), st.none())),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize(("content", "prove_table"), [(CSV, prove_csv), (GEOJSON, prove_geojson)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_any_table_is_read_or_refused_with_a_reason(
    tmp_path: Path,
    content: bytes,
    prove_table: Callable[..., Contents],
    changes: list[tuple[int, int | None]],
) -> None:
    spoiled = bytearray(content)
    for place, value in changes:  # nothing is there: cut
        spoiled[place % len(content) :] = (
            b"" if value is None else bytes([value]) + spoiled[place % len(content) + 1 :]
        )
    file = tmp_path / "table"
    file.write_bytes(spoiled)

    refusal = None
    try:
        contents = prove_table(file, rows=None)
        json.dumps([contents.rows, contents.columns, contents.geometries])
    except RemoteError as error:
        refusal = error

    assert refusal is None or refusal.cause == Cause.INTEGRITY


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
