"""What table comes of which manifest and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geesync.simulator import CALM
from geesync.simulator.ingestion.table_ingestion import ingest_table
from geesync.simulator.messages.manifest_messages import IMPORT_TABLE
from geesync.simulator.refusals import BadRequest, ExportRefused
from geesync.simulator.world.pixels import SimFeature

POINT = '{"type":"Point","coordinates":[1.5,-2.25]}'
QUOTED_POINT = '"' + POINT.replace('"', '""') + '"'


def ingest(
    tmp_path: Path, text: str | bytes, source: dict[str, Any] | None = None, **fields: Any
) -> list[SimFeature]:
    """Ingest a CSV; knobs of the profile are given as such."""
    knobs = {key: fields.pop(key) for key in list(fields) if key.startswith("imported_")}
    (tmp_path / "t.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    manifest = {
        "name": "projects/demo-project/assets/t",
        "sources": [{"uris": ["gs://b/t.csv"], **(source or {})}],
        **fields,
    }
    body = IMPORT_TABLE({"tableManifest": manifest}, "")

    def fetch(uris: Sequence[str]) -> Path:
        return tmp_path / uris[0].rpartition("/")[2]

    made = ingest_table(body["tableManifest"], fetch, replace(CALM, **knobs))
    assert made.features is not None
    return list(made.features())


def properties(rows: list[SimFeature]) -> list[dict[str, Any]]:
    return [row.properties for row in rows]


def test_columns_of_numbers_become_numbers_and_others_texts(tmp_path: Path) -> None:
    rows = ingest(tmp_path, "code,size,mixed\n007,1.5,7\n008,2e3,x\n")

    assert properties(rows) == [
        {"code": 7, "size": 1.5, "mixed": "7"},
        {"code": 8, "size": 2000.0, "mixed": "x"},
    ]


def test_a_type_can_be_declared(tmp_path: Path) -> None:
    overrides = {"code": "COLUMN_DATA_TYPE_STRING", "n": "COLUMN_DATA_TYPE_LONG"}

    rows = ingest(tmp_path, "code,n\n007,7\n", columnDataTypeOverrides=overrides)

    assert properties(rows) == [{"code": "007", "n": 7}]


def test_a_declared_number_must_be_one(tmp_path: Path) -> None:
    overrides = {"n": "COLUMN_DATA_TYPE_NUMERIC"}

    with pytest.raises(ExportRefused, match="Column 'n' has a value that is no number: 'x'"):
        ingest(tmp_path, "n\nx\n", columnDataTypeOverrides=overrides)


def test_an_empty_cell_is_nothing(tmp_path: Path) -> None:
    assert properties(ingest(tmp_path, "a,b\n,x\n1,\n")) == [{"b": "x"}, {"a": 1}]


@pytest.mark.parametrize("cell", [QUOTED_POINT, "POINT (1.5 -2.25)"])
@pytest.mark.parametrize("column", [".geo", "where"])
def test_a_column_of_geometries_is_found(tmp_path: Path, cell: str, column: str) -> None:
    rows = ingest(tmp_path, f"name,{column}\na,{cell}\n")

    assert rows[0].geometry == {"type": "Point", "coordinates": [1.5, -2.25]}
    assert properties(rows) == [{"name": "a"}]


def test_the_column_that_exports_name_may_be_taken_for_text(tmp_path: Path) -> None:
    text = f"name,.geo\na,{QUOTED_POINT}\n"

    taken = ingest(tmp_path, text, imported_geo_column="text")
    named = ingest(tmp_path, text, {"primaryGeometryColumn": ".geo"}, imported_geo_column="text")

    assert (taken[0].geometry, taken[0].properties[".geo"]) == (None, POINT)
    assert named[0].geometry == {"type": "Point", "coordinates": [1.5, -2.25]}


def test_a_named_column_must_hold_geometries(tmp_path: Path) -> None:
    for column, words in (("name", "holds no geometries"), ("other", "no column 'other'")):
        with pytest.raises(ExportRefused, match=words):
            ingest(tmp_path, "name\na\n", {"primaryGeometryColumn": column})


def test_the_geometry_without_points_that_exports_write_is_none(tmp_path: Path) -> None:
    empty = '"{""type"":""MultiPoint"",""coordinates"":[]}"'

    rows = ingest(tmp_path, f"n,.geo\n1,{empty}\n2,{QUOTED_POINT}\n")

    assert rows[0].geometry is None
    assert rows[1].geometry is not None


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("longitude,latitude\n15,0\n", {}),
        ("x,y\n15,0\n", {"xColumn": "x", "yColumn": "y"}),
        ("x,y\n500000,0\n", {"xColumn": "x", "yColumn": "y", "crs": "EPSG:32633"}),
    ],
)
def test_points_are_made_of_two_columns(tmp_path: Path, text: str, source: dict[str, Any]) -> None:
    (row,) = ingest(tmp_path, text, source)

    assert row.geometry is not None
    assert row.geometry["coordinates"] == pytest.approx([15, 0], abs=1e-6)
    assert len(row.properties) == 2


def test_geometries_of_another_projection_are_moved_to_degrees(tmp_path: Path) -> None:
    (row,) = ingest(tmp_path, "where\nPOINT (500000 0)\n", {"crs": "EPSG:32633"})

    assert row.geometry is not None
    assert row.geometry["coordinates"] == pytest.approx([15, 0], abs=1e-6)


@pytest.mark.parametrize(("index", "kept"), [("new", "0" * 20), ("kept", "mine")])
def test_rows_are_numbered_anew_or_keep_their_index(tmp_path: Path, index: str, kept: str) -> None:
    (row,) = ingest(tmp_path, "system:index,a\nmine,1\n", imported_index=index)

    assert (row.index, row.properties) == (kept, {"a": 1})


def test_other_characters_delimiters_and_quotes_can_be_named(tmp_path: Path) -> None:
    source = {"charset": "ISO-8859-1", "csvDelimiter": ";", "csvQualifier": "'"}

    assert properties(ingest(tmp_path, "a;b\n'Zürich; See';1\n".encode("latin-1"), source)) == [
        {"a": "Zürich; See", "b": 1}
    ]


@pytest.mark.parametrize(
    ("text", "source", "words"),
    [
        ("a,b\n1\n", {}, "Unable to read"),
        ('a\n"x\n', {}, "Unable to read"),
        ("a\nx\n", {"charset": "Klingon"}, "Unable to read"),
        (",".join(f"c{n}" for n in range(1025)) + "\n", {}, "1025 columns"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, text: str, source: dict[str, Any], words: str
) -> None:
    with pytest.raises(ExportRefused, match=words):
        ingest(tmp_path, text, source)


def test_each_source_of_a_table_is_one_file(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="exactly one URI"):
        ingest(tmp_path, "a\n1\n", {"uris": ["gs://b/t.csv", "gs://b/u.csv"]})


def test_several_sources_are_one_table(tmp_path: Path) -> None:
    source = {"uris": ["gs://b/t.csv"]}

    rows = ingest(tmp_path, "a\n1\n", sources=[source, source])

    assert properties(rows) == [{"a": 1}, {"a": 1}]
    assert rows[0].index != rows[1].index
