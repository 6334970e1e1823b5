"""``geesync backup`` and the way back: a whole copy, put where nothing old stays."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from geesync.errors import ExitCode, LedgerError
from geesync.store.browsing import assets as asset_views
from geesync.store.file.backups import backup
from geesync.store.file.database import open_current
from geesync.store.ledger.roots import Roots
from geesync.store.views import status as views
from tests import commands
from tests.faults.conftest import ARCHIVE, Build
from tests.story.world import World, a_world


def geesync(world: World, *arguments: object) -> tuple[int, str]:
    """Run a command of its own process; return how it ended, and what it told."""
    config = world.config
    told = {
        "GEESYNC_LEDGER": str(config.ledger),
        "GEESYNC_MIRROR": str(config.mirror),
        "GEESYNC_BUCKET": str(config.bucket),
        "GEESYNC_EARTH_ENGINE__PROJECT": str(config.earth_engine.project),
        "GEESYNC_EARTH_ENGINE__URL": str(config.earth_engine.url),
        "GEESYNC_STORAGE__URL": str(config.storage.url),
        "GEESYNC_WEB__LISTEN": "",
    }
    ended = commands.run(*map(str, arguments), env=os.environ | told)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, ended.stdout + ended.stderr


def killed(world: World) -> None:
    """Leave the ledger as a killed daemon leaves it: with a log that nobody took in."""
    ledger = world.config.ledger
    files = [Path(f"{ledger}{end}") for end in ("", "-wal", "-shm")]
    assert all(file.stat().st_size for file in files)
    kept = {file: file.read_bytes() for file in files}
    world.database.close()
    for file, content in kept.items():
        file.write_bytes(content)


def test_a_backup_is_whole_though_the_ledger_is_in_use(enqueued: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"

    code, _ = geesync(enqueued, "backup", copy)

    assert code == 0
    original = enqueued.config.ledger
    assert len(list(asset_views.assets(copy))) == len(list(asset_views.assets(original))) == 22


def test_a_backup_that_cannot_be_written_is_told(enqueued: World, tmp_path: Path) -> None:
    code, _ = geesync(enqueued, "backup", tmp_path / "no/copy.db")

    assert code != 0


@pytest.mark.parametrize(
    "place", ["itself", "its log", "its lock", "a link", "a hard link", "a folder", "foreign"]
)
def test_a_backup_replaces_nothing_but_a_backup(
    enqueued: World, tmp_path: Path, place: str
) -> None:
    ledger = enqueued.config.ledger
    other = tmp_path / "other"
    ends = {"itself": "", "its log": "-wal", "its lock": ".lock"}
    file = Path(f"{ledger}{ends[place]}") if place in ends else other
    match place:
        case "a link":
            other.symlink_to(ledger)
        case "a hard link":
            other.hardlink_to(ledger)
        case "a folder":
            other.mkdir()
        case "foreign":
            other.write_text("my thesis")

    code, told = geesync(enqueued, "backup", file)

    assert code == ExitCode.LEDGER
    assert "name another file" in told
    assert place != "foreign" or other.read_text() == "my thesis"
    assert len(list(asset_views.assets(ledger))) == 22


def test_a_backup_replaces_no_ledger_that_is_worked_with(enqueued: World, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "geesync.db"
    with closing(open_current(other)) as database:
        Roots(database).scan_all(enqueued.now())

    code, _ = geesync(enqueued, "backup", other)

    assert code == ExitCode.LEDGER
    assert list(asset_views.assets(other)) == []


def test_an_older_backup_is_replaced(enqueued: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(enqueued.config.ledger, copy)
    enqueued.settle()

    code, _ = geesync(enqueued, "backup", copy)

    assert code == 0
    assert {row["state"] for row in asset_views.assets(copy)} == {"verified"}
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.db"]


@pytest.mark.parametrize("taken", ["before the scan", "while exporting", "before a change"])
def test_a_backup_put_back_after_a_kill_is_whole_and_nothing_is_exported_again(
    build: Build, tmp_path: Path, taken: str
) -> None:
    world, copy = build(), tmp_path / "copy.db"
    world.enqueue(ARCHIVE)
    if taken == "while exporting":
        world.run("discoverer", "exporter")
    if taken == "before a change":
        world.settle()
    backup(world.config.ledger, copy)
    if taken == "before a change":
        world.simulator.advance(1)
        world.simulator.world.touch(f"{ARCHIVE}/c0000/i000001")
        world.rescan()
    world.settle()
    killed(world)
    exports = world.simulator.audit.count("export")

    code, told = geesync(world, "recover", "--from-backup", copy)

    assert code == 0, told
    assert list(tmp_path.glob("geesync.db.replaced-*-wal"))
    with a_world(world.simulator, tmp_path) as again:
        again.rescan()
        again.settle()

        assert again.counts() == {"verified": 22}
        assert again.simulator.audit.count("export") == exports


def test_a_copy_that_is_newer_than_the_backup_is_proved_after_a_scan(
    build: Build, tmp_path: Path
) -> None:
    world, copy, name = build(), tmp_path / "copy.db", f"{ARCHIVE}/c0000/i000001"
    world.enqueue(ARCHIVE)
    world.settle()
    backup(world.config.ledger, copy)
    world.simulator.advance(1)
    world.simulator.world.touch(name)
    world.rescan()
    world.settle()
    described = world.folder(name) / "asset.json"
    right = json.loads(described.read_text())
    described.write_text(json.dumps(right | {"startTime": "1999-01-01T00:00:00Z"}))
    killed(world)

    code, told = geesync(world, "recover", "--from-backup", copy)

    assert code == 0, told
    with a_world(world.simulator, tmp_path) as again:
        again.run("verifier")
        assert again.state(name) == "downloaded"
        assert views.is_quiet(again.config.ledger, now=again.now())

        again.settle()

        assert again.state(name) == "verified"
        assert json.loads(described.read_text()) == right


@pytest.mark.parametrize("command", ["status", "enqueue", "daemon", "backup"])
def test_a_copy_put_in_place_by_hand_beside_an_old_log_is_refused(
    enqueued: World, tmp_path: Path, command: str
) -> None:
    ledger, copy = enqueued.config.ledger, tmp_path / "copy.db"
    backup(ledger, copy)
    enqueued.run()
    killed(enqueued)
    shutil.copy(copy, ledger)
    needed: dict[str, list[object]] = {"enqueue": [ARCHIVE], "backup": [tmp_path / "another.db"]}

    code, told = geesync(enqueued, command, *needed.get(command, []))

    assert code == ExitCode.LEDGER
    assert "recover --from-backup" in told
    assert ledger.read_bytes() == copy.read_bytes()


def test_a_log_that_is_left_of_a_lost_ledger_gets_into_no_new_one(enqueued: World) -> None:
    ledger = enqueued.config.ledger
    killed(enqueued)
    ledger.unlink()

    with pytest.raises(LedgerError, match="recover"):
        open_current(ledger)

    assert not ledger.exists()


@pytest.mark.parametrize("given", ["nothing", "a text", "a folder", "half"])
def test_what_is_no_whole_backup_is_not_put_in_place(
    enqueued: World, tmp_path: Path, given: str
) -> None:
    ledger, file = enqueued.config.ledger, tmp_path / "given"
    match given:
        case "a text":
            file.write_text("my thesis")
        case "a folder":
            file.mkdir()
        case "half":
            backup(ledger, file)
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    code, _ = geesync(enqueued, "recover", "--from-backup", file)

    assert code == ExitCode.LEDGER
    assert len(list(asset_views.assets(ledger))) == 22
    assert not list(tmp_path.glob("*replaced*"))
