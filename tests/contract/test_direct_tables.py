"""Tables that are read directly, over HTTP against the simulator: each row, and no page twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geesync.adapters.direct.brought import Brought
from geesync.adapters.direct.source import Access, Source, open_source
from geesync.adapters.direct.table_fetching import TableJob, fetch_tables
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.tables import table_reading as tables
from geesync.errors import Cause, RemoteError
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimFeature
from tests.story.accounts import HOME, an_account

TOKEN = "abcdefghijklmnop"
NAME = f"{HOME}/table"
FILES = ("table.geojson", "table.csv")

#: Of several columns, with all that a cell may hold.
ROWS = [
    SimFeature(
        index=f"{number:05x}",
        geometry=None if number % 7 == 0 else {"type": "Point", "coordinates": [number / 10, 50]},
        properties={
            "name": f'"Grüße", nr\r{number}',
            "real": number + 0.5 if number else -(2**63),
            **({"late": [number, True]} if number > 2_000 else {"early": number}),
        },
    )
    for number in range(2_500)
]
TABLE = SimAsset(
    NAME,
    "TABLE",
    update_time="2024-01-01T00:00:00Z",
    features=lambda: iter(ROWS),
    feature_count=len(ROWS),
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(an_account(TABLE), profile=replace(CALM, short_pages=0.5)) as running:
        yield running


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    (tmp_path / ".geesync").mkdir()
    return tmp_path


def a_source(simulator: Simulator) -> Source:
    access = Access("d", simulator.project, simulator.earth_engine_url, 30.0, 4, 1e9)
    return open_source(access, Pacer(1e9, sleep=lambda _: None), lambda: True)


def a_job(*files: str, count: int | None = len(ROWS), page_rows: int = 1_000) -> TableJob:
    tokens = tuple((file, TOKEN) for file in files or FILES)
    return TableJob(NAME, "users/x/table", tokens, count, page_rows)


def brought(simulator: Simulator, mirror: Path, job: TableJob) -> Brought:
    source = a_source(simulator)
    (answer,) = (one for told in fetch_tables(source, str(mirror), [job]) for _, one in told)
    if isinstance(answer, Exception):
        raise answer
    return answer


def path_of(mirror: Path, answer: Brought, file: str) -> Path:
    return mirror / "users/x/table" / dict(answer.files)[file].name


def read(mirror: Path, answer: Brought) -> list[dict[str, Any]]:
    told = json.loads(path_of(mirror, answer, "table.geojson").read_text())
    features: list[dict[str, Any]] = told["features"]
    return features


def truth() -> list[dict[str, Any]]:
    return [
        {
            "type": "Feature",
            "geometry": row.geometry,
            "id": row.index,
            "properties": row.properties,
        }
        for row in ROWS
    ]


def pages(simulator: Simulator) -> list[Any]:
    return [record.details["page"][1] for record in simulator.audit.records("list_features")]


def test_every_row_comes_home_with_its_index_types_and_lack_of_a_geometry(
    simulator: Simulator, mirror: Path
) -> None:
    answer = brought(simulator, mirror, a_job())

    assert read(mirror, answer) == truth()
    assert answer.requests == len(pages(simulator)) >= 3


def test_a_csv_made_of_it_has_all_rows_and_the_columns_of_all_of_them(
    simulator: Simulator, mirror: Path
) -> None:
    answer = brought(simulator, mirror, a_job())

    told = tables.prove_csv(path_of(mirror, answer, "table.csv"), rows=len(ROWS))
    assert list(told.columns) == ["system:index", "name", "real", "early", "late", ".geo"]


def test_where_only_a_csv_is_wanted_no_other_file_is_left(
    simulator: Simulator, mirror: Path
) -> None:
    answer = brought(simulator, mirror, a_job("table.csv"))

    assert [file for file, _ in answer.files] == ["table.csv"]


def test_a_page_that_is_on_disk_is_not_asked_for_again(simulator: Simulator, mirror: Path) -> None:
    simulator.faults.add("status", path="listFeatures", status=400, skip=2, count=None)
    with pytest.raises(RemoteError):
        brought(simulator, mirror, a_job())
    simulator.faults.clear()
    with next((mirror / "users/x/table").glob("*geojson.*.part")).open("ab") as file:
        file.write(b"half a r")  # as a kill leaves it

    answer = brought(simulator, mirror, a_job())

    assert read(mirror, answer) == truth()
    assert len(set(pages(simulator))) == len(pages(simulator))


def test_rows_that_rotted_are_asked_for_again(simulator: Simulator, mirror: Path) -> None:
    simulator.faults.add("status", path="listFeatures", status=400, skip=2, count=None)
    with pytest.raises(RemoteError):
        brought(simulator, mirror, a_job())
    simulator.faults.clear()
    rows = next((mirror / "users/x/table").glob("*geojson.*.part"))
    rows.write_bytes(rows.read_bytes().replace(b"Gr", b"gr", 1))

    assert read(mirror, brought(simulator, mirror, a_job())) == truth()


def test_a_table_of_which_rows_are_missing_is_not_complete(
    simulator: Simulator, mirror: Path
) -> None:
    with pytest.raises(RemoteError, match="2,500 rows came, Earth Engine says 2,501") as raised:
        brought(simulator, mirror, a_job(count=2_501))

    assert raised.value.cause == Cause.INTEGRITY


def test_smaller_pages_are_asked_for_if_they_are_wanted(simulator: Simulator, mirror: Path) -> None:
    brought(simulator, mirror, a_job(page_rows=250))

    asked = [record.details["page"][0] for record in simulator.audit.records("list_features")]
    assert set(asked) == {250}


@pytest.mark.parametrize(
    "trouble",
    [
        {"action": "truncate", "after_bytes": 5_000},
        {"action": "html", "status": 200},
        {"action": "status", "status": 503},
        {"action": "status", "status": 429},
    ],
)
def test_an_answer_that_is_none_is_asked_for_again(
    simulator: Simulator, mirror: Path, trouble: dict[str, Any]
) -> None:
    rule = simulator.faults.add(path="listFeatures", **trouble)

    answer = brought(simulator, mirror, a_job())

    assert rule.fired == 1
    assert read(mirror, answer) == truth()


@pytest.mark.simulated
def test_an_empty_table_comes_home_empty(mirror: Path) -> None:
    empty = replace(TABLE, features=lambda: iter(()), feature_count=0)
    with Simulator(an_account(empty)) as simulator:
        answer = brought(simulator, mirror, a_job(count=0))

    assert read(mirror, answer) == []


@pytest.mark.simulated
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_row_that_no_geojson_can_hold_is_named(mirror: Path, value: object) -> None:
    odd = replace(ROWS[0], properties={"odd": value})
    account = an_account(replace(TABLE, features=lambda: iter([odd])))
    told = pytest.raises(RemoteError, match="a row that no GeoJSON can hold")
    with Simulator(account) as simulator, told as refusal:
        brought(simulator, mirror, a_job(count=1))

    assert refusal.value.cause == Cause.INTEGRITY
