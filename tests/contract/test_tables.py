"""Tables: parsed whole, every row counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geesync.adapters.tables.table_reading import prove_csv, prove_geojson
from geesync.errors import Cause, RemoteError

ROWS = 'system:index,name,.geo\n0,"say ""hi"", twice",\n1,"two\nlines","{""type"":""Point""}"\n'
FEATURE = {"type": "Feature", "geometry": None, "properties": {"name": "Zürich", "features": [{}]}}


def complaint(prove: object, file: Path, rows: int | None) -> str:
    with pytest.raises(RemoteError) as failure:
        prove(file, rows=rows)  # type: ignore[operator] # one of the two functions
    assert failure.value.cause == Cause.INTEGRITY
    return str(failure.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "table"


def test_rows_with_quotes_and_line_breaks_are_rows(file: Path) -> None:
    file.write_text(ROWS)

    prove_csv(file, rows=2)
    prove_csv(file, rows=None)


def test_a_cell_of_any_size_is_read(file: Path) -> None:
    file.write_text('a,.geo\n1,"' + "x" * 1_000_000 + '"\n')

    prove_csv(file, rows=1)


@pytest.mark.parametrize("rows", [1, 3])
def test_another_number_of_rows_is_noticed(file: Path, rows: int) -> None:
    file.write_text(ROWS)

    assert "Earth Engine says" in complaint(prove_csv, file, rows)


@pytest.mark.parametrize(
    "text", ["a,b\n1\n", "a,b\n1,2,3\n", 'a,b\n1,"2\n', 'a,b\n1,"2"x\n', ROWS[:-15]]
)
def test_a_broken_csv_is_noticed(file: Path, text: str) -> None:
    file.write_text(text)

    complaint(prove_csv, file, 2 if text == ROWS[:-15] else 1)


def test_bytes_that_are_no_text_are_noticed(file: Path) -> None:
    file.write_bytes(b"a,b\n1,\xff\xfe\n")

    assert "cannot be parsed" in complaint(prove_csv, file, 1)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_every_feature_counts_once(file: Path, count: int) -> None:
    collection = {"type": "FeatureCollection", "features": [FEATURE] * count}
    file.write_text(json.dumps(collection, ensure_ascii=False))

    prove_geojson(file, rows=count)
    assert "Earth Engine says" in complaint(prove_geojson, file, count + 1)


@pytest.mark.parametrize("cut", [-1, -2, -30])
def test_a_truncated_geojson_is_noticed(file: Path, cut: int) -> None:
    collection = {"type": "FeatureCollection", "features": [FEATURE]}
    file.write_text(json.dumps(collection)[:cut])

    assert "cannot be parsed" in complaint(prove_geojson, file, 1)


@pytest.mark.parametrize("content", [b"", b"<html>", b"{}{}", b'{"features": [\xff]}'])
def test_what_is_no_geojson_is_noticed(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    complaint(prove_geojson, file, 1)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (2**63 - 1, "integer"),
        (-(2**63), "integer"),
        (2**63, "number"),
        (-(2**63) - 1, "number"),
        (10**300, "number"),
    ],
)
def test_whole_numbers_of_any_length_are_read(file: Path, number: int, kind: str) -> None:
    feature = FEATURE | {"properties": {"n": number}}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))

    assert prove_geojson(file, rows=1).columns == {"n": [kind]}
