"""The files of table exports, read back."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geesync.simulator.computing.scene import Scene
from geesync.simulator.exports.writer import write_export
from geesync.simulator.refusals import ExportRefused
from geesync.simulator.scenarios.features import make_features
from geesync.simulator.world.pixels import SimAsset, SimFeature
from tests.simulator.graphs import account, call, graph

POINT = {"type": "Point", "coordinates": [1.5, -2.25]}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


def export(rows: list[SimFeature], file_format: str = "CSV", **fields: Any) -> tuple[str, str]:
    """Export these rows and return (object name, text)."""
    destination = {"bucket": "bkt", "filenamePrefix": "p/t"}
    body = {
        "expression": graph(call("Collection.loadTable", tableId="t")),
        "fileExportOptions": {
            "fileFormat": file_format,
            "cloudStorageDestination": destination,
        },
        **fields,
    }
    table = SimAsset(name="t", type="TABLE", features=lambda: iter(rows))
    with tempfile.TemporaryDirectory() as folder:
        ((bucket, name, file),) = write_export(
            "table", body, Scene(account(t=table)), Path(folder, "t")
        )
        return f"{bucket}/{name}", file.read_bytes().decode()


def test_the_columns_are_those_of_the_first_row() -> None:
    rows = [
        SimFeature("0", POINT, {"a": 1, "b": 2.5}),
        SimFeature("1", None, {"b": True, "c": "never seen"}),
    ]

    name, text = export(rows)

    assert name == "bkt/p/t.csv"
    assert list(csv.reader(text.splitlines())) == [
        ["system:index", "a", "b", ".geo"],
        ["0", "1", "2.5", '{"type":"Point","coordinates":[1.5,-2.25]}'],
        ["1", "", "true", '{"type":"MultiPoint","coordinates":[]}'],
    ]


def test_selectors_choose_columns_and_their_order() -> None:
    rows = [SimFeature("0", POINT, {"a": 1, "b": 2})]

    _, text = export(rows, selectors=["b", "system:index", "nowhere"])

    assert text == "b,system:index,nowhere\n2,0,\n"


def test_a_table_without_rows_is_a_header() -> None:
    assert export([])[1] == "system:index,.geo\n"
    assert json.loads(export([], "GEO_JSON")[1]) == {"type": "FeatureCollection", "features": []}


@settings(deadline=None)
@given(values=st.lists(TEXT, min_size=1, max_size=5))
def test_any_text_survives_a_csv(values: list[str]) -> None:
    rows = [SimFeature(str(number), None, {"t": text}) for number, text in enumerate(values)]

    _, text = export(rows, selectors=["t"])

    table = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[0] if row else "" for row in table[1:]] == values


def test_geojson_keeps_types_geometries_and_indexes() -> None:
    rows = list(make_features("mixed", 24, seed=3)())

    name, text = export(rows, "GEO_JSON")

    assert name == "bkt/p/t.geojson"
    assert [
        SimFeature(row["id"], row["geometry"], row["properties"])
        for row in json.loads(text)["features"]
    ] == rows


def test_a_missing_table_is_reported_in_the_service_s_words(tmp_path: Path) -> None:
    body = {
        "expression": graph(call("Collection.loadTable", tableId="nowhere")),
        "fileExportOptions": {"cloudStorageDestination": {"bucket": "b", "filenamePrefix": "p"}},
    }

    with pytest.raises(ExportRefused) as refusal:
        list(write_export("table", body, Scene(account()), tmp_path / "t"))

    assert refusal.value.message == "Collection.loadTable: Collection asset 'nowhere' not found."
