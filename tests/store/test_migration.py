"""A ledger of the version before is opened by this one, and what was under way goes on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from geesync.config import Config
from geesync.domain.tasks.exports import body_hash
from geesync.domain.tasks.lifecycle import TaskState
from geesync.steps.tasks.planner import Planner
from geesync.store.copies.staging import Staging
from geesync.store.file.database import Database, open_migrating
from geesync.store.file.soundness import HEAD
from geesync.store.ledger.ledger import Ledger
from geesync.store.ledger.plans import Plans
from geesync.store.ledger.roots import Roots
from geesync.store.ledger.tasks import Tasks
from tests.story.accounts import HOME

#: Made by geesync before it had tasks: an asset in each state, with exports in most of theirs.
OLD = Path(__file__).with_name("ledger_0001.db.gz")
#: The bodies of its exports in flight as they were sent, by token.
SENT = json.loads(Path(__file__).with_name("ledger_0001_requests.json").read_text())


@pytest.fixture
def old(ledger_path: Path) -> Iterator[Database]:
    ledger_path.write_bytes(gzip.decompress(OLD.read_bytes()))
    with closing(open_migrating(ledger_path)) as database:
        yield database


def query(database: Database, sql: str) -> list[Any]:
    with database.read() as connection:
        return list(connection.exec_driver_sql(sql))


def planner(database: Database) -> Planner:
    told = Roots(database).get("ledger_id")
    assert told
    return Planner(Plans(database), Config(), told)


def test_it_is_backed_up_first(old: Database) -> None:
    backup = old.path.with_name(f"{old.path.name}.before-{HEAD}")

    with closing(Database(backup)) as before:
        assert query(before, "SELECT count(*) FROM export")[0][0] == 25


def test_what_is_in_flight_is_sent_byte_for_byte_as_it_was(old: Database) -> None:
    in_flight = Tasks(old).in_flight()

    assert {task.token for task in in_flight} == SENT.keys()
    for task in in_flight:
        body = planner(old).request(task)
        assert json.dumps(body) == json.dumps(SENT[task.token])
        assert body_hash(SENT[task.token]) == task.body_hash


def test_every_live_task_has_a_plan_that_makes_its_request_again(old: Database) -> None:
    assets = [row[0] for row in query(old, "SELECT id FROM asset")]
    live = [task for tasks in Tasks(old).of(assets).values() for task in tasks]

    assert len(live) == 16
    assert [task.token for task in live if planner(old).request(task) is None] == []


def test_assets_stand_where_they_stood_with_their_files(old: Database) -> None:
    ledger, staging, plans = Ledger(old), Staging(old), Plans(old)
    there = {
        name: ledger.find(f"{HOME}/{name}")
        for name in ("verified", "cut", "tab", "downloaded", "in_bucket", "exporting")
    }
    found = {}
    for name, asset in there.items():
        assert asset
        files = staging.staged([asset.id])[asset.id]
        known = plans.latest([asset.id])[asset.id]
        assert known.is_current
        assert {one.part_id for one in files} <= {part.id for part in known.plan.parts}
        found[name] = (asset.standing.state, [(one.file, one.landed, one.swept) for one in files])

    assert found == {
        "verified": ("verified", [("verified.tif", True, True)]),
        "cut": ("verified", [("cut.bands_a.tif", True, True), ("cut.bands_b.tif", True, True)]),
        "tab": ("verified", [("tab.geojson", True, True), ("tab.csv", True, True)]),
        "downloaded": ("downloaded", [("downloaded.tif", True, False)]),
        "in_bucket": ("in_bucket", [("in_bucket.tif", False, False)]),
        "exporting": ("exporting", []),
    }


def test_what_earlier_tries_taught_is_in_the_plans(old: Database) -> None:
    ledger, plans = Ledger(old), Plans(old)
    cut, tab = ledger.find(f"{HOME}/cut"), ledger.find(f"{HOME}/tab")
    assert cut
    assert tab

    known = plans.latest([cut.id, tab.id])

    assert [part.bands for part in known[cut.id].plan.lessons.too_much] == [("b", "c")]
    assert "sometimes" in known[tab.id].plan.lessons.columns
    assert known[cut.id].plan.masks == "nodata"


def test_counters_are_what_they_were(old: Database) -> None:
    assert query(old, "SELECT value FROM total WHERE name = 'exports' AND label = 'asked'") == [
        (25.0,)
    ]
    states = dict(query(old, "SELECT state, count(*) FROM task GROUP BY state"))
    assert states[TaskState.RUNNING] == 3
    assert query(old, "PRAGMA foreign_key_check") == []
