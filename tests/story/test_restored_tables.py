"""Tables on their way back: their rows are compared directly with the mirror's, whatever way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from geesync.checks.restore_plan import RestorePlan, plan_restore
from geesync.domain.restore import tables
from geesync.domain.restore.lifecycle import RestoreState
from geesync.domain.restore.losses import LossKind
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimFeature
from geesync.store.making.restores import Restores
from tests.story.accounts import HOME, an_account
from tests.story.round_trip import BACK, ask, made_but_not_proved, settle
from tests.story.world import World, a_world

PROJECT = SimAsset("projects/demo-project/assets", "FOLDER")
POINT = {"type": "Point", "coordinates": [15.25, 45.125]}
LINE = {"type": "LineString", "coordinates": [[0, 0], [1, 1.5]]}
ROWS = [
    SimFeature("0", POINT, {"id": "007", "geometry": "no shape", "n": 7, "x": 0.1, "mixed": 7}),
    SimFeature("1", None, {"id": "", "n": 2**60, "x": 1e300, "mixed": "seven", "ü": "ß — 日本"}),
    SimFeature("2", LINE, {"id": 'a "quoted",\ntext', "n": -1, "x": -0.5, "mixed": 7.5}),
    SimFeature("3", POINT, {"id": "007", "geometry": "no shape", "n": 7, "x": 0.1, "mixed": 7}),
]


@contextmanager
def mirrored(
    folder: Path, rows: list[SimFeature], **options: object
) -> Iterator[tuple[World, RestorePlan]]:
    table = SimAsset(f"{HOME}/tab", "TABLE", update_time="2024-01-01T00:00:00Z")
    table.features, table.feature_count = lambda: iter(rows), len(rows)
    with (
        Simulator(an_account(table, PROJECT)) as simulator,
        a_world(simulator, folder, direct={}, bucket=True) as world,
    ):
        world.enqueue("users/x", **options)
        world.settle()
        yield world, plan_restore(world.mirror, ["users/x/tab"], BACK)


def report(restores: Restores) -> dict[str, str]:
    ((_, told),) = restores.reports(BACK)
    return {one["what"]: one["likeness"] for one in told["compared"]}


@pytest.mark.parametrize(
    ("rows", "prove"), [(ROWS, "pixels"), (ROWS, "mirror"), (ROWS[:1], "digest")]
)
def test_every_row_of_an_odd_table_is_compared(
    tmp_path: Path, rows: list[SimFeature], prove: str
) -> None:
    with mirrored(tmp_path, rows) as (world, planned):
        (one,) = settle(world, restores := ask(world, planned, prove=prove), passes=200)

        assert one.standing.state == RestoreState.PROVED, one.standing
        told = report(restores)
        assert told["values and geometries of all rows"] == "equal"
        indexes = "equivalent" if len(rows) > 1 else "equal"  # mixed types go by a CSV
        assert told["system:index of all rows"] == indexes
        lost = [loss["what"] for loss in one.wanted.losses]
        assert len(lost) == (len(rows) > 1)
        assert all("mixed become texts" in what for what in lost)


WRONG: list[dict[str, Any]] = [
    {"geometry": {"type": "Point", "coordinates": [15.25, 45.126]}},
    {"geometry": None},
    {"properties": {**ROWS[0].properties, "x": 0.2}},
    {"properties": {**ROWS[0].properties, "id": 7}},
    {"properties": {**ROWS[0].properties, "more": 1}},
]


@pytest.mark.parametrize("wrong", range(len(WRONG)))
def test_a_row_that_came_out_otherwise_is_never_called_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: int
) -> None:
    if wrong % 2:  # by a CSV
        monkeypatch.setattr(tables, "_MOST_BYTES", 0)
    with mirrored(tmp_path, [ROWS[0], ROWS[2]]) as (world, planned):
        restores = ask(world, planned)
        made = made_but_not_proved(world)
        assert made.features is not None
        first, *others = made.features()
        kept = {"geometry": first.geometry, "properties": first.properties}
        changed = SimFeature(first.index, **(kept | WRONG[wrong]))
        made.features = lambda: iter([changed, *others])

        (one,) = settle(world, restores)

        assert one.standing.state == RestoreState.QUARANTINED
        assert "values and geometries of all rows" in one.standing.reason


def test_a_table_of_which_only_a_csv_is_here_is_named_before(tmp_path: Path) -> None:
    with mirrored(tmp_path, ROWS, tables=["csv"]) as (_, planned):
        (lost,) = planned.losses()

        assert lost == (
            f"{HOME}/tab",
            LossKind.NOT_MIRRORED,
            "TABLE: only its rows as CSV is in the mirror",
        )
        assert not planned.wanted
