"""Tables come home with every row, every column and every value."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas
import pytest
from pyarrow import parquet

from geesync.adapters.tables import geoparquet
from geesync.config import load
from geesync.errors import ConfigError, RemoteError
from geesync.simulator.scenarios.features import TableKind, make_features
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimFeature
from tests.story.accounts import HOME, an_account
from tests.story.world import World, a_world


def a_table(kind: TableKind, rows: int) -> SimAsset:
    table = SimAsset(f"{HOME}/tab", "TABLE", update_time="2024-01-01T00:00:00Z")
    table.features = make_features(kind, rows, seed=4)
    table.feature_count = rows
    return table


def rows_of(table: SimAsset) -> list[SimFeature]:
    assert table.features is not None
    return list(table.features())


@contextmanager
def mirrored(folder: Path, table: SimAsset, **options: object) -> Iterator[World]:
    with Simulator(an_account(table)) as simulator, a_world(simulator, folder) as world:
        world.enqueue("users/x", **options)
        world.settle()
        assert world.counts() == {"verified": 2}, world.status()
        yield world


def kept(world: World, name: str) -> Path:
    return world.mirror / "users/x/tab" / name


def sidecar(world: World) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(kept(world, "geesync.json").read_text())
    return told


def exports(world: World) -> list[tuple[str, str]]:
    told: Any = world.show(f"{HOME}/tab")["exports"]
    return [(export["part"], export["state"]) for export in told]


def test_rows_that_differ_in_everything_are_kept_as_they_are(tmp_path: Path) -> None:
    table = a_table("mixed", 50)
    with mirrored(tmp_path, table) as world:
        features = json.loads(kept(world, "tab.geojson").read_text())["features"]
        with kept(world, "tab.csv").open(encoding="utf-8", newline="") as file:
            cells = list(csv.DictReader(file))

    for row, feature, cell in zip(rows_of(table), features, cells, strict=True):
        assert feature["id"] == cell["system:index"] == row.index
        assert feature["geometry"] == row.geometry
        assert feature["properties"] == row.properties
        texts = {name: value for name, value in row.properties.items() if isinstance(value, str)}
        assert {name: cell[name] for name in texts} == texts
        assert float(cell["value"]) == row.properties["value"]


def test_a_column_that_the_first_row_lacks_is_asked_for_by_name(tmp_path: Path) -> None:
    table = a_table("mixed", 50)
    with mirrored(tmp_path, table) as world:
        assert "sometimes" not in rows_of(table)[0].properties
        assert exports(world) == [
            (".csv", "disproved"),
            (".geojson", "succeeded"),
            (".csv", "succeeded"),
        ]
        header = kept(world, "tab.csv").read_text().partition("\n")[0].split(",")
        assert header == ["system:index", "code", "name", "value", "count", "sometimes", ".geo"]
        assert not list(world.mirror.rglob("*.new")), "the copy that lacked it is not left behind"


def test_what_a_table_holds_is_in_its_sidecar(tmp_path: Path) -> None:
    with mirrored(tmp_path, a_table("mixed", 12)) as world:
        told = sidecar(world)["table"]

    assert told["rows"] == 12
    assert told["columns"]["code"] == ["string"]
    assert told["columns"]["count"] == ["integer"]
    kinds = ("null", "Point", "LineString", "Polygon", "MultiPolygon", "GeometryCollection")
    assert told["geometries"] == dict.fromkeys(kinds, 2)


def test_a_table_without_rows_is_kept_as_one(tmp_path: Path) -> None:
    with mirrored(tmp_path, a_table("empty", 0)) as world:
        assert sidecar(world)["table"]["rows"] == 0
        assert exports(world) == [(".csv", "succeeded"), (".geojson", "succeeded")]


def test_many_rows_cost_no_more_than_one_export_for_each_format(tmp_path: Path) -> None:
    with mirrored(tmp_path, a_table("parcels", 5000)) as world:
        assert sidecar(world)["table"]["rows"] == 5000
        assert exports(world) == [(".csv", "succeeded"), (".geojson", "succeeded")]


@pytest.mark.parametrize(("form", "other"), [("geojson", "csv"), ("csv", "geojson")])
def test_only_the_formats_that_were_asked_for_are_taken(
    tmp_path: Path, form: str, other: str
) -> None:
    with mirrored(tmp_path, a_table("points", 3), tables=[form]) as world:
        assert not kept(world, f"tab.{other}").exists()
        assert kept(world, f"tab.{form}").exists()
        assert ["columns" in left for left in sidecar(world)["left_out"]] == [True] * (
            form == "csv"
        )


def test_geoparquet_holds_each_row_of_the_geojson_with_its_types(tmp_path: Path) -> None:
    table = a_table("mixed", 50)
    with mirrored(tmp_path, table, tables=["geoparquet"]) as world:
        features = json.loads(kept(world, "tab.geojson").read_text())["features"]
        rows = parquet.read_table(kept(world, "tab.parquet")).to_pylist()
        frame = geopandas.read_parquet(kept(world, "tab.parquet"))
        made = [file["name"] for file in sidecar(world)["made"]]

    assert made == ["tab.parquet"]
    assert frame.crs == "OGC:CRS84"
    for row, feature, shape in zip(rows, features, frame.geometry, strict=True):
        assert row["system:index"] == feature["id"]
        assert {name: row[name] for name in feature["properties"]} == feature["properties"]
        kind = feature["geometry"] and feature["geometry"]["type"]
        assert (shape and shape.geom_type) == kind


def test_geoparquet_of_a_table_without_rows_opens(tmp_path: Path) -> None:
    with mirrored(tmp_path, a_table("empty", 0), tables=["csv", "geoparquet"]) as world:
        assert len(geopandas.read_parquet(kept(world, "tab.parquet"))) == 0
        assert exports(world) == [(".csv", "succeeded"), (".geojson", "succeeded")]


def test_values_of_several_types_are_told_apart_as_json(tmp_path: Path) -> None:
    given = {"mixed": "007", "geometry": [1], "n": 1}, {"mixed": 7, "n": 0.5}
    features = [{"id": "0", "geometry": None, "properties": one} for one in given]
    (tmp_path / "t.geojson").write_text(json.dumps({"features": features}))
    columns = {
        "mixed": ["integer", "string"],
        "geometry": ["array"],
        "n": ["integer", "number"],
    }
    held = {"rows": 2, "columns": columns, "geometries": {"null": 2}}

    geoparquet.make_geoparquet(tmp_path / "t.geojson", tmp_path / "t.parquet", held)

    first, second = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert (first["mixed"], second["mixed"]) == ('"007"', "7")
    assert (first["geometry"], first["_geometry"]) == ("[1]", None)
    assert (first["n"], second["n"]) == (1.0, 0.5)


def test_geoparquet_holds_numbers_of_any_length_and_shapes_of_any_kind(tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [190.123456789012345, -7.1]}
    ring = {"type": "LinearRing", "coordinates": [[0.5, 0.5], [1, 0], [1, 1], [0.5, 0.5]]}
    several = {"type": "GeometryCollection", "geometries": [point, {**LINE}, ring]}
    features = [
        {"id": str(number), "geometry": shape, "properties": {"n": n, "deep": {"n": [n, 0.1]}}}
        for number, (shape, n) in enumerate([(ring, 2**63), (several, -(2**63)), (None, 0.1)])
    ]
    (tmp_path / "t.geojson").write_text(json.dumps({"features": features}))
    columns = {"n": ["integer", "number"], "deep": ["object"]}
    held = {"rows": 3, "columns": columns, "geometries": {"null": 1, "LinearRing": 1}}

    geoparquet.make_geoparquet(tmp_path / "t.geojson", tmp_path / "t.parquet", held)

    made = parquet.read_table(tmp_path / "t.parquet")
    rows = made.to_pylist()
    told = json.loads(made.schema.metadata[b"geo"])["columns"]["geometry"]
    assert told["geometry_types"] == ["LineString"]
    assert [row["n"] for row in rows] == [2.0**63, -(2.0**63), 0.1]
    assert json.loads(rows[0]["deep"]) == {"n": [2**63, 0.1]}


LINE = {"type": "LineString", "coordinates": [[0.1, 0.2], [0.3, 0.4]]}


@pytest.mark.parametrize("what", ["row", "value", "geometry"])
def test_a_geoparquet_that_is_not_its_geojson_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    feature: dict[str, object] = {"id": "0", "geometry": LINE, "properties": {"n": 1}}
    (tmp_path / "t.geojson").write_text(json.dumps({"features": [feature]}))
    held = {"rows": 1, "columns": {"n": ["integer"]}, "geometries": {"LineString": 1}}
    others: dict[str, dict[str, object]] = {
        "row": {"id": "1"},
        "value": {"properties": {"n": 2}},
        "geometry": {"geometry": LINE | {"coordinates": [[0.1, 0.2], [0.3, 0.5]]}},
    }
    other = feature | others[what]
    monkeypatch.setattr(geoparquet, "_groups", lambda _: iter([[other]]))

    with pytest.raises(RemoteError, match="cannot be made"):
        geoparquet.make_geoparquet(tmp_path / "t.geojson", tmp_path / "t.parquet", held)


def test_without_its_libraries_geoparquet_is_refused_by_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(geoparquet, "find_spec", lambda _: None)
    monkeypatch.setenv("GEESYNC_TABLES", "geoparquet")

    with pytest.raises(ConfigError, match=r"geesync\[geoparquet\]"):
        load()


def test_a_row_that_rots_into_another_one_is_fetched_again_not_exported_again(
    tmp_path: Path,
) -> None:
    account = an_account(a_table("points", 50))
    with Simulator(account) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")
        while not (files := list(world.mirror.rglob("tab.csv.*.new"))):
            world.run("discoverer", "exporter", "reconciler", "downloader")
            simulator.advance(60)
        there = files[0].read_bytes()
        files[0].write_bytes(there.replace(b"7", b"8", 1))

        world.settle()

        assert world.counts() == {"verified": 2}
        assert {state for _, state in exports(world)} == {"succeeded"}
        assert kept(world, "tab.csv").read_bytes() == there
