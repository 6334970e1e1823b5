"""A large mirror in a project full of work: what a pass costs, and no step waits for another."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from geesync.domain.mirror.lifecycle import State
from geesync.simulator import Simulator
from geesync.simulator.profiles import CALM, always
from geesync.store.tables import notes, schema
from geesync.web.app import build
from tests.faults.conftest import ARCHIVE
from tests.story.world import World, a_world
from tests.web.asking import Asking

pytestmark = pytest.mark.slow

#: Of other people, listed before ours; and ours that wait: as many as a project may have.
FINISHED, QUEUED = 30_000, 3_000

#: What ends at a time, and images of the account: more than are asked for by a pass are left.
READY, IMAGES = 20, 3_700

#: What the ledger knows in the end: half of it is verified, most of the rest waits.
ASSETS = 100_000

#: Instructions of SQLite's machine between two counts.
_STRIDE = 100


@dataclass
class Costs:
    """What a pass of all steps costs."""

    requests: int = 0
    transactions: int = 0
    statements: int = 0
    instructions: int = 0  #: of SQLite's machine: these are many where a table is read whole


@dataclass
class Load:
    """A world whose queue is full, and what a pass cost before and after its ledger grew."""

    world: World
    small: Costs
    large: Costs
    peak_bytes: int  #: of this process in the latter pass, the simulator included


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    profile = replace(CALM, run_s=always(60), operation_order="oldest_first")
    folder = tmp_path_factory.mktemp("load")
    with (
        Simulator(f"thousands:{IMAGES}", profile=profile) as simulator,
        a_world(simulator, folder, max_operations=QUEUED, max_queue=QUEUED) as world,
    ):
        finish_foreign(world)
        world.enqueue(ARCHIVE)
        world.run("discoverer", "exporter")
        end_some(world)
        world.run("reconciler", "downloader", "verifier", "cataloguer", "sweeper")
        while world.counts()["exporting"] < QUEUED:
            world.run("exporter")
        small = costs_of_a_pass(world)
        grow(world, ASSETS - sum(world.counts().values()))
        tracemalloc.start()
        large = costs_of_a_pass(world)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        yield Load(world, small, large, peak_bytes)


def finish_foreign(world: World) -> None:
    """Let other people's operations come and end."""
    operations, project = world.simulator.operations, world.simulator.project
    operations.set_slots(project, FINISHED)
    operations.start_foreign(FINISHED, project=project, run_s=0)
    world.simulator.advance(1)
    operations.set_slots(project, 0)


def end_some(world: World) -> None:
    """Let as many operations of ours end as are READY."""
    operations, project = world.simulator.operations, world.simulator.project
    operations.set_slots(project, READY)
    operations.set_slots(project, 0)
    world.simulator.advance(61)


#: How copies of an asset differ from it in each table: n counts them.
_COPIES: dict[sa.Table, dict[str, str]] = {
    schema.asset: {
        "id": ":ids + n",
        "name": "name || n",
        "path": "path || n",
        "parent_id": "(SELECT max(id) FROM asset WHERE type = 'IMAGE_COLLECTION')",
    },
    schema.source: {"asset_id": ":ids + n"},
    schema.plan: {"id": ":ids + n", "asset_id": ":ids + n"},
    schema.task: {
        "id": ":ids + n",
        "subject_id": ":ids + n",
        "plan_id": ":ids + n",
        "token": "token || n",
    },
    schema.file: {"id": ":ids + n", "plan_id": ":ids + n", "task_id": ":ids + n"},
    schema.sidecar: {"asset_id": ":ids + n"},
    notes.event: {"id": "NULL", "asset_id": ":ids + n"},
}
_WHOSE = {
    schema.asset: "id = :asset",
    schema.task: "subject_id = :asset",
    schema.file: "plan_id IN (SELECT id FROM plan WHERE asset_id = :asset)",
}
_NUMBERS = "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < :by)"


def grow(world: World, by: int) -> None:
    """Fill the ledger with copies of a verified image, and of one that waits: all they have."""
    for number, state in enumerate((State.VERIFIED, State.DISCOVERED), start=1):
        with world.database.write() as connection:
            query = "SELECT max(id) FROM asset WHERE state = ? AND type = 'IMAGE'"
            asset = connection.exec_driver_sql(query, (state,)).scalar_one()
            given = {"asset": asset, "ids": number * 1_000_000, "by": by // 2}
            for table, changed in _COPIES.items():
                columns = {column.name: column.name for column in table.columns} | changed
                insert = (
                    f"INSERT INTO {table.name} ({', '.join(columns)}) {_NUMBERS}"  # noqa: S608 # our own words
                    f" SELECT {', '.join(columns.values())} FROM {table.name}, count"
                    f" WHERE {_WHOSE.get(table, 'asset_id = :asset')}"
                )
                connection.execute(sa.text(insert), given)


def costs_of_a_pass(world: World) -> Costs:
    """Run every step once."""
    costs = Costs()

    def begin(_: sa.Connection) -> None:
        costs.transactions += 1

    def execute(connection: sa.Connection, *_: Any) -> None:
        costs.statements += 1
        connection.connection.driver_connection.set_progress_handler(count, _STRIDE)  # type: ignore[union-attr] # it is open

    def executed(connection: sa.Connection, *_: Any) -> None:
        connection.connection.driver_connection.set_progress_handler(None, _STRIDE)  # type: ignore[union-attr] # it is open

    def count() -> int:
        costs.instructions += _STRIDE
        return 0

    listeners = (("begin", begin), ("before_cursor_execute", execute), ("commit", executed))
    requests = world.simulator.faults.add("delay", count=0)  # it only counts
    for name, listener in listeners:
        sa.event.listen(sa.Engine, name, listener)
    world.run()
    for name, listener in listeners:
        sa.event.remove(sa.Engine, name, listener)
    costs.requests = requests.seen
    return costs


def test_a_pass_costs_the_same_however_many_assets_the_ledger_knows(load: Load) -> None:
    known, small, large = load.world.counts(), load.small, load.large

    assert sum(known.values()) == ASSETS
    assert known["exporting"] == QUEUED
    assert large.requests <= small.requests
    assert large.transactions <= small.transactions
    assert large.statements <= small.statements
    assert large.instructions < 1.1 * small.instructions


class _Counted(sqlite3.Connection):
    """A connection that counts the instructions of SQLite's machine."""

    def __init__(self, spent: Costs, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._spent = spent
        self.set_progress_handler(self._count, _STRIDE)

    def _count(self) -> int:
        self._spent.instructions += _STRIDE
        return 0


@pytest.mark.parametrize(
    "page",
    [
        *("/", "/?span=all&map=world", "/status.json", "/metrics", "/healthz"),
        *("/assets", "/assets?state=verified", "/assets?state=discovered"),
    ],
)
def test_no_answer_reads_all_assets(load: Load, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spent = Costs()
    counted = partial(sqlite3.connect, factory=partial(_Counted, spent))
    monkeypatch.setattr(sqlite3, "connect", counted)

    answer = Asking(build(load.world.database.path, hosts=["localhost"])).get(page)

    assert answer.status_code in {200, 503}  # no daemon runs: healthz says so
    assert spent.instructions < 2 * ASSETS  # mostly for the pace, from the newest events


def test_thousands_of_operations_in_the_listing_are_read_in_little_memory(load: Load) -> None:
    simulator, queue = load.world.simulator, load.world.status().queue

    assert load.large.requests > (FINISHED + QUEUED) // 500  # all pages
    assert queue["foreign"] == 0  # what has ended fills no queue
    assert load.peak_bytes < 30 * 1024**2
    assert not simulator.audit.count("cancel")


def test_what_is_ready_goes_through_all_steps_though_thousands_wait(load: Load) -> None:
    before = load.world.counts()
    end_some(load.world)

    load.world.run()
    load.world.run("exporter")

    after = load.world.counts()
    assert after["verified"] == before["verified"] + READY
    assert after["exporting"] == QUEUED  # the room that came is taken
    assert not load.world.status().staged_bytes
