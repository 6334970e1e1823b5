"""A ledger of the version before is opened by this one, and what was under way goes on."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy.exc import IntegrityError

from geesync.config import Config
from geesync.domain.tasks.exports import body_hash
from geesync.domain.tasks.lifecycle import TaskKind, TaskState
from geesync.simulator.profiles import CALM, always
from geesync.simulator.scenarios import Tree
from geesync.simulator.simulator import Simulator
from geesync.steps.tasks.planner import Planner
from geesync.store.copies.staging import Staging
from geesync.store.file.database import Database, open_migrating
from geesync.store.file.soundness import HEAD
from geesync.store.ledger.ledger import Ledger
from geesync.store.ledger.roots import Roots
from geesync.store.tasks.plans import Plans
from geesync.store.tasks.tasks import Tasks
from tests.contract.conftest import connected
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import a_world

#: Made by geesync before it had tasks: an asset in each state, with exports in most of theirs.
OLD = Path(__file__).with_name("ledger_0001.db.gz")
#: The bodies of its exports in flight as they were sent, by token.
SENT = json.loads(Path(__file__).with_name("ledger_0001_requests.json").read_text())


#: A ledger that was rebuilt from a mirror, with exports made up for what it found there.
REBUILT = Path(__file__).with_name("ledger_0001_recovered.db.gz")


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


def test_states_that_came_later_are_states_of_an_old_ledger_too(old: Database) -> None:
    freed = "UPDATE asset SET state = '{}' WHERE name LIKE '%/verified'"
    with old.write() as connection:
        connection.exec_driver_sql(freed.format("freed"))
        with pytest.raises(IntegrityError, match="ck_asset_state"):
            connection.exec_driver_sql(freed.format("lost"))

    assert query(old, "SELECT assets FROM tally WHERE state = 'freed'") == [(1,)]
    assert query(old, "PRAGMA integrity_check") == [("ok",)]


def test_exports_that_were_made_up_become_files_without_a_task(ledger_path: Path) -> None:
    ledger_path.write_bytes(gzip.decompress(REBUILT.read_bytes()))

    with closing(open_migrating(ledger_path)) as database:
        cut = Ledger(database).find(f"{HOME}/cut")
        assert cut
        files = Staging(database).staged([cut.id])[cut.id]
        plan = Plans(database).latest([cut.id])[cut.id].plan
        assert query(database, "SELECT count(*) FROM task") == [(0,)]
        assert query(database, "SELECT value FROM total WHERE label = 'asked'") == [(0.0,)]
        assert [(one.file, one.task, one.landed) for one in files] == [
            ("cut.bands_a.tif", None, True),
            ("cut.bands_b.tif", None, True),
        ]
        assert [part.id for part in plan.lessons.too_much] == [".tif"]
        assert plan.attempts("bands_a.tif") == 1


def an_old_daemons_account(revisions: dict[str, str]) -> Tree:
    """Return what the exports in flight of the old ledger are of."""
    values = np.arange(12 * 9).reshape(9, 12)
    b, d = (a_band(name, values.astype("int16")) for name in "bd")
    c = a_band("c", values.astype("uint8"))
    bands = {"too_much": (b, c, d), "exporting": (b, c), "intended": (b,), "unclear": (b,)}
    images = (an_image(name, *of_image) for name, of_image in bands.items())
    return an_account(*(replace(image, update_time=revisions[image.name]) for image in images))


def test_a_daemon_that_is_updated_adopts_what_the_old_one_had_asked_for(
    ledger_path: Path, tmp_path: Path
) -> None:
    ledger_path.write_bytes(gzip.decompress(OLD.read_bytes()))
    with closing(sqlite3.connect(ledger_path)) as before, before:
        revisions = dict(before.execute("SELECT name, revision FROM asset"))
        before.execute("UPDATE root SET dest = ?", (str(tmp_path / "mirror"),))
        running = before.execute("SELECT token FROM export WHERE state = 'running'").fetchall()
    slow = replace(CALM, run_s=always(90), running_slots=50)
    with Simulator(an_old_daemons_account(revisions), profile=slow) as simulator:
        simulator.advance(6 * 3600)
        earth_engine = connected(simulator)
        asked = {
            token: earth_engine.start(TaskKind.IMAGE_EXPORT, body).id
            for token, body in SENT.items()
        }
        with closing(sqlite3.connect(ledger_path)) as before, before:
            for (token,) in running:
                told = (asked[token], token)
                before.execute("UPDATE export SET operation = ? WHERE token = ?", told)

        with a_world(simulator, tmp_path) as world:
            for _ in range(5):
                world.run("exporter", "reconciler")
                simulator.advance(60)

            names = [f"{HOME}/{name}" for name in ("exporting", "intended", "unclear")]
            assert [world.state(name) for name in names] == ["in_bucket"] * 3
            assert [world.accepted(name) for name in names] == [2, 1, 1]
