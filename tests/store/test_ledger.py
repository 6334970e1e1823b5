"""The ledger: one writer of states, compare-and-set, and rules that the database itself keeps."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

import geesync
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.lifecycle import (
    TABLE,
    CheckPassed,
    DownloadFinished,
    ExportFailed,
    ExportsSucceeded,
    ExportStarted,
    NothingToExport,
    SourceChanged,
    SourceGone,
    State,
)
from geesync.domain.state_machine import Delayed, Event, IllegalEvent, Refused
from geesync.domain.tasks import lifecycle as tasks
from geesync.domain.tasks.exports import Way
from geesync.domain.tasks.lifecycle import TaskState
from geesync.errors import Cause
from geesync.store.ledger.ledger import Move
from geesync.store.ledger.steering import Steering
from geesync.store.tasks.task_rows import Task
from geesync.store.tasks.tasks import TaskMove
from tests.diagrams import arrows
from tests.store.conftest import NOW, Store, image

DONE = (ExportStarted(), ExportsSucceeded(), DownloadFinished(), CheckPassed())


def test_what_happened_is_the_state_and_a_row_of_history(store: Store) -> None:
    (asset,) = store.see(store.root(), image())

    store.move(asset, *DONE)

    assert store.get(asset.name).standing.state == State.VERIFIED
    history = store.query("SELECT name, from_state, to_state FROM event ORDER BY id")
    assert [tuple(row) for row in history] == [
        ("Discovered", None, "discovered"),
        ("ExportStarted", "discovered", "exporting"),
        ("ExportsSucceeded", "exporting", "in_bucket"),
        ("DownloadFinished", "in_bucket", "downloaded"),
        ("CheckPassed", "downloaded", "verified"),
    ]


def test_who_saw_an_older_asset_writes_nothing(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    store.move(asset, ExportStarted())

    moved = store.ledger.record([Move(asset, NothingToExport())], NOW)

    assert moved == 0
    assert store.get(asset.name).standing.state == State.EXPORTING
    assert store.query("SELECT count(*) FROM event")[0][0] == 2


def test_a_pass_with_one_illegal_event_moves_nobody(store: Store) -> None:
    one, other = store.see(store.root(), image("a"), image("b"))

    with pytest.raises(IllegalEvent):
        store.ledger.record([Move(one, ExportStarted()), Move(other, CheckPassed())], NOW)

    assert set(store.states().values()) == {State.DISCOVERED}


def test_a_nights_outage_is_one_line_of_history(store: Store) -> None:
    (asset,) = store.see(store.root(), image())

    store.move(asset, *[Delayed("down", cause=Cause.TRANSIENT)] * 50)

    assert store.query("SELECT count(*) FROM event WHERE name = 'Delayed'")[0][0] == 1


def test_what_waits_is_due_when_its_time_has_come(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    store.move(asset, Delayed("down", wait=timedelta(minutes=5)))

    def due(after: timedelta) -> int:
        return len(store.ledger.due(State.DISCOVERED, now=NOW + after, limit=10))

    assert (due(timedelta(minutes=4)), due(timedelta(minutes=5))) == (0, 1)


def test_nothing_is_due_of_a_root_that_was_removed(store: Store) -> None:
    root = store.root()
    store.see(root, image())

    store.roots.update(root.id, removed_at=NOW)

    assert store.ledger.due(State.DISCOVERED, now=NOW, limit=10) == []


def test_quarantined_assets_are_tried_again_by_name_or_cause(store: Store) -> None:
    a, b = store.see(store.root(), image("a"), image("b"))
    store.move(a, Refused("no", cause=Cause.CANCELLED))
    store.move(b, Refused("no", cause=Cause.FAILED))

    assert Steering(store.database).retry(NOW, cause=Cause.PLAN) == 0
    assert Steering(store.database).retry(NOW, names=[a.name]) == 1
    assert Steering(store.database).retry(NOW) == 1
    assert set(store.states().values()) == {State.DISCOVERED}


# --- What the database itself refuses.


@pytest.mark.parametrize(
    "change",
    [
        "state = 'downloading'",
        "state = 'quarantined'",
        "state = 'verified'",
        "failures = -1",
        "root_id = 99",
        "name = NULL",
    ],
)
def test_an_impossible_asset_is_refused_by_the_database(store: Store, change: str) -> None:
    store.see(store.root(), image())

    with pytest.raises(IntegrityError), store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE asset SET {change}")  # noqa: S608 # our own words


@pytest.mark.parametrize(
    "change",
    [
        "state = 'running'",
        "state = 'waiting'",
        "plan_id = 99",
        "plan_id = NULL",
        "token = NULL",
        "kind = 'image:make'",
    ],
)
def test_an_impossible_export_is_refused_by_the_database(store: Store, change: str) -> None:
    (asset,) = store.see(store.root(), image())
    store.intend(asset)

    with pytest.raises(IntegrityError), store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE task SET {change}")  # noqa: S608 # our own words


def test_a_part_has_one_live_export_at_most(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    first = store.intend(asset)

    with pytest.raises(IntegrityError):
        store.intend(asset, attempt=2)
    store.happen(first, tasks.Refused())

    assert store.intend(asset, attempt=2).attempt == 2


def test_an_export_that_another_step_ended_meanwhile_does_not_begin_again(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    given_up = store.intend(asset)
    store.happen(given_up, tasks.Refused())
    asked_anew = store.intend(asset, attempt=2)

    found_late = TaskMove(given_up, tasks.Started(operation="OP"))
    moved = store.tasks.record([found_late, TaskMove(asked_anew, tasks.MaybeStarted())], NOW)

    by_attempt = store.tasks.of([asset.id], live=False)[asset.id]
    assert [task.state for task in by_attempt] == [TaskState.REFUSED, TaskState.UNCLEAR]
    assert list(moved) == [asked_anew.id]


def test_a_pass_with_one_illegal_event_moves_no_task(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    one, other = store.intend(asset), store.intend(asset, key="grid2")

    with pytest.raises(IllegalEvent):
        store.tasks.record(
            [TaskMove(one, tasks.MaybeStarted()), TaskMove(other, tasks.Disproved())], NOW
        )

    states = [task.state for task in store.tasks.of([asset.id])[asset.id]]
    assert states == [TaskState.INTENDED, TaskState.INTENDED]


def test_other_parts_have_exports_of_their_own(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    store.intend(asset)
    store.intend(asset, key="grid2")

    assert len(store.tasks.of([asset.id])[asset.id]) == 2
    assert store.tasks.attempts([asset.id]) == {(asset.id, ".csv"): 1, (asset.id, "grid2.csv"): 1}


def test_nothing_is_swept_before_it_has_landed(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    export = succeeded(store, store.intend(asset))

    (staged,) = store.staging.staged([asset.id])[asset.id]

    with pytest.raises(IntegrityError):
        store.staging.mark("swept_at", [staged.id], NOW)
    assert staged.task
    assert staged.task.id == export.id


def its_object(export: Task) -> StoredObject:
    return StoredObject(f"{export.destination.prefix}.csv", 7, 5, 1)


def succeeded(store: Store, export: Task) -> Task:
    """Let an export end with one object."""
    running = store.happen(export, tasks.Started(operation=f"OP{export.id}"))
    store.tasks.succeed(
        [(running, [StoredObject(f"{export.destination.prefix}.csv", 7, 5, 1)])], NOW
    )
    return running


def test_what_an_export_wrote_is_written_down_once(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    export = store.intend(asset)

    running = succeeded(store, export)
    store.tasks.succeed(
        [(running, [StoredObject(f"{export.destination.prefix}.csv", 7, 5, 1)])], NOW
    )

    assert len(store.staging.staged([asset.id])[asset.id]) == 1


# --- A copy that turned out bad must not be taken for good again.


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ((ExportStarted(),), SourceChanged("r2")),
        ((), SourceGone()),
    ],
)
def test_what_was_copied_of_another_revision_is_asked_for_anew(
    store: Store, before: tuple[Event, ...], event: Event
) -> None:
    (asset,) = store.see(store.root(), image())
    succeeded(store, store.intend(asset))

    store.move(asset, *before, event)

    assert store.tasks.of([asset.id])[asset.id] == []
    assert store.intend(asset, attempt=2).state == "intended"


def test_a_part_that_failed_does_not_cost_its_siblings(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    failed, good = store.intend(asset), store.intend(asset, key="grid2")
    succeeded(store, good)
    store.happen(failed, tasks.Started(operation="OP"), tasks.Failed("Internal error."))

    store.move(asset, ExportStarted(), ExportFailed("Internal error."))

    assert [task.id for task in store.tasks.of([asset.id])[asset.id]] == [good.id]


def test_only_objects_of_verified_assets_are_swept(store: Store) -> None:
    (asset,) = store.see(store.root(), image())
    succeeded(store, store.intend(asset))
    (staged,) = store.staging.staged([asset.id])[asset.id]
    store.staging.mark("landed_at", [staged.id], NOW)

    for event in DONE:
        assert store.staging.sweepable(limit=10, ways=[Way.BUCKET]) == []
        store.move(asset, event)

    assert [one.id for one in store.staging.sweepable(limit=10, ways=[Way.BUCKET])] == [staged.id]
    store.staging.mark("swept_at", [staged.id], NOW)
    assert store.staging.sweepable(limit=10, ways=[Way.BUCKET]) == []


# --- Counters.

KINDS = sorted({event for _, event, _ in arrows(TABLE)}, key=lambda kind: kind.__name__)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(KINDS),
        st.integers(0, 99),
    ),
    max_size=40,
)


@settings(
    deadline=None,
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one ledger for all examples
)
@given(STEPS)
def test_the_counters_are_what_one_would_count(
    store: Store, steps: list[tuple[str, type[Event], int]]
) -> None:
    root, other = store.root(), store.root(image("else").name)
    for name, kind, size_bytes in steps:
        listed = image(name, revision=f"r{size_bytes}", size_bytes=size_bytes)
        store.see(root if size_bytes % 7 else other, listed)
        asset = store.get(listed.name)
        if kind in TABLE[asset.standing.state]:
            store.move(asset, kind())

    counted = store.query(
        "SELECT root_id, type, state, count(*), sum(size_bytes) FROM asset GROUP BY 1, 2, 3"
    )
    kept = store.query("SELECT root_id, type, state, assets, size_bytes FROM tally WHERE assets")
    assert sorted(map(tuple, kept)) == sorted(map(tuple, counted))
    failed = store.query(
        "SELECT cause, state, count(*) FROM asset WHERE cause IS NOT NULL GROUP BY 1, 2"
    )
    told = store.query("SELECT kind, state, assets FROM trouble WHERE assets")
    assert sorted(map(tuple, told)) == sorted(map(tuple, failed))


# --- One writer.


def test_nothing_but_the_ledger_writes_the_state_of_an_asset() -> None:
    package = Path(geesync.__file__).parent
    writers = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if "simulator" not in file.parts and _writes_state(file.read_text(encoding="utf-8"))
    }

    assert writers == {"store/ledger/ledger.py"}


#: States of tasks that are words for nothing else.
OF_TASKS = frozenset({"intended", "unclear", "succeeded", "disproved", "abandoned", "refused"})


def test_states_of_tasks_are_spelled_in_one_place() -> None:
    package = Path(geesync.__file__).parent
    spelled = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if "simulator" not in file.parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and (node.value in OF_TASKS or any(f"'{state}'" in str(node.value) for state in OF_TASKS))
    }

    assert spelled == {"domain/tasks/lifecycle.py"}


_CHANGES_A_TASK = re.compile(r"update\(schema\.task\)|UPDATE task|rows\(\w+, schema\.task")


def test_nothing_but_its_writer_changes_a_task() -> None:
    package = Path(geesync.__file__).parent
    writers = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if "simulator" not in file.parts and _CHANGES_A_TASK.search(file.read_text("utf-8"))
    }

    assert writers == {"store/tasks/tasks.py"}


def _writes_state(text: str) -> bool:
    """Tell whether a function that updates the table of assets speaks of a state to write."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return "UPDATE asset SET state" in text or any(map(_sets_state, functions))


def _sets_state(function: ast.FunctionDef) -> bool:
    text = ast.unparse(function)
    is_alias = "table = schema.asset" in text
    updates = "change_rows(connection, schema.asset" in text or "sa.update(schema.asset)" in text
    updates |= is_alias and "sa.update(table)" in text
    return updates and any(
        told in text for told in ("'state':", "values(state=", "standing_columns(")
    )
