"""The ledger's disk full or failing, and the ledger taken away while it is in use."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from geesync.errors import ExitCode, LedgerError, RemoteError
from geesync.simulator import Simulator
from geesync.step_threads import run_step
from geesync.store.file.database import LOG_LIMIT_BYTES, open_migrating
from geesync.store.file.soundness import check
from geesync.store.file.sqlite_errors import translated
from geesync.store.ledger.roots import Roots
from geesync.store.views.status import status
from tests.faults.conditions import needs_root, needs_strace, python_under_strace, run, tmpfs
from tests.faults.conftest import ARCHIVE, Build
from tests.service.daemon_process import PATIENCE_S, Place, eventually
from tests.story.world import World, a_world

SCRIPT = Path(__file__).with_name("ledger_script.py")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[World]:
    """Twelve images; ledger and mirror on a small file system."""
    with (
        tmpfs(tmp_path / "disk", "size=3m"),
        Simulator("thousands:12") as simulator,
        a_world(simulator, tmp_path / "disk") as world,
    ):
        world.enqueue(ARCHIVE)
        yield world


@needs_root
@pytest.mark.root
def test_a_ledger_whose_disk_is_full_takes_no_work_and_goes_on_by_itself(
    on_small_disk: World,
) -> None:
    world = on_small_disk
    ballast = world.mirror.parent / "ballast"
    _fill(ballast)

    tallies = [step.name for step in world.service.steps if _held(world, step.name)]
    exports = world.simulator.audit.count("export")
    ballast.unlink()
    world.settle()

    assert "discoverer" in tallies
    assert exports == 0
    assert world.counts() == {"verified": 14}
    assert world.simulator.audit.count("export") == 12


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass


def _held(world: World, name: str) -> bool:
    return "full" in run_step(next(s for s in world.service.steps if s.name == name)).waiting


@needs_strace
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_a_write_that_failed_is_the_disks_and_the_next_one_counts(
    tmp_path: Path, call: str, error: str
) -> None:
    ledger = tmp_path / "geesync.db"
    open_migrating(ledger).close()
    open_log = Path(f"{ledger}-wal")
    open_log.touch()

    told = python_under_strace(f"{call}:error={error}:when=1", SCRIPT, ledger, path=open_log)

    lines = told.splitlines()
    assert lines[0] == "RemoteError disk"
    assert lines[-1] == "written 2"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Simulator("thousands:5", speed=600) as simulator:
        yield Place(tmp_path, simulator)


@needs_root
@pytest.mark.root
@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_daemon_that_begins_while_the_ledgers_disk_takes_nothing_waits_for_it(
    place: Place, tmp_path: Path, trouble: str
) -> None:
    with tmpfs(tmp_path / "disk", "size=3m") as disk:
        place.ledger = disk / "geesync.db"
        place.write_config()
        place.geesync("enqueue", ARCHIVE)
        if trouble == "full":
            _fill(disk / "ballast")
        else:
            run("mount", "-o", "remount,ro", disk)

        with place.daemon() as daemon:
            eventually(lambda: place.logged("ledger_unavailable"))
            assert daemon.poll() is None
            place.geesync("backup", str(disk / "copy.db"), code=ExitCode.MIRROR)
            place.geesync("export-metadata", "-o", str(disk / "all.json"), code=ExitCode.MIRROR)
            assert not list(disk.glob("*.part"))
            assert f"{disk}: " in place.geesync("doctor", code=ExitCode.INCOMPLETE)
            if trouble == "full":
                (disk / "ballast").unlink()
            else:
                run("mount", "-o", "remount,rw", disk)
            eventually(lambda: place.logged("daemon_started"))

    assert "Traceback" not in place.log.read_text()


@pytest.mark.parametrize("harm", ["unlinked", "replaced", "emptied", "overwritten"])
def test_a_ledger_that_is_taken_away_ends_the_daemon_with_its_own_code(
    place: Place, harm: str
) -> None:
    place.geesync("enqueue", ARCHIVE)
    other = place.folder / "other.db"
    open_migrating(other).close()
    with place.daemon() as daemon:
        eventually(lambda: place.logged("daemon_started"))
        match harm:
            case "unlinked":
                place.ledger.unlink()
            case "replaced":
                other.replace(place.ledger)
            case "emptied":
                place.ledger.write_bytes(b"")
            case _:
                with place.ledger.open("r+b") as file:
                    file.write(b"junk" * 200_000)

        assert daemon.wait(PATIENCE_S) == ExitCode.LEDGER


def test_a_daemon_whose_shared_file_is_emptied_dies_and_the_next_one_loses_nothing(
    place: Place,
) -> None:
    place.geesync("enqueue", ARCHIVE)
    with place.daemon() as daemon:
        eventually(lambda: any(place.mirror.rglob("*.tif")))
        os.truncate(f"{place.ledger}-shm", 0)

        assert daemon.wait(PATIENCE_S) == -signal.SIGBUS  # systemd starts it again

    place.geesync("sync", "--once")
    exports = [
        name for one in place.simulator.audit.records("export") for name in one.details["assets"]
    ]
    assert len(exports) == len(set(exports))
    place.geesync("check", "--read-data")


def test_what_replaced_the_ledger_is_not_opened_while_the_other_is_in_use(tmp_path: Path) -> None:
    """SQLite would cut the file in memory that both share: who reads it then dies of SIGBUS."""
    ledger, other = tmp_path / "geesync.db", tmp_path / "other.db"
    open_migrating(other).close()
    database = open_migrating(ledger)
    with database.connection() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM root")
        shared = Path(f"{ledger}-shm")
        before = shared.stat()

        other.replace(ledger)

        for look in (partial(status, ledger, now=NOW), partial(check, ledger)):
            with pytest.raises(LedgerError, match="removed, replaced or emptied"):
                look()
        with pytest.raises(LedgerError, match="removed, replaced or emptied"), database.read():
            pass
        assert shared.stat() == before
    database.close()
    assert status(ledger, now=NOW).roots == []


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE asset SET state = 'verifyed'",
        "UPDATE asset SET cause = 'sorcery'",
        "UPDATE source SET json = x'00ff'",
        "UPDATE root SET options = '{'",
        "UPDATE task SET kind = 'sorcery'",
        "UPDATE plan SET document = x'00ff'",
        "UPDATE asset SET name = CAST(x'ff' AS TEXT) WHERE id = 1",
    ],
)
def test_damage_inside_the_ledgers_texts_is_told_as_damage(build: Build, harm: str) -> None:
    world = build(3)
    world.enqueue(ARCHIVE)
    world.run("discoverer", "exporter")
    world.simulator.advance(60)
    with closing(sqlite3.connect(world.config.ledger, isolation_level=None)) as other:
        other.execute("PRAGMA ignore_check_constraints = ON")
        other.execute(harm)

    with pytest.raises(LedgerError, match="is damaged") as refusal:
        world.run()

    assert refusal.value.exit_code == ExitCode.LEDGER
    assert "recover --from-backup" in str(refusal.value)


def test_a_ledger_that_is_in_its_place_is_left_in_peace(tmp_path: Path) -> None:
    database = open_migrating(tmp_path / "geesync.db")
    database.check_in_place()
    database.path.rename(tmp_path / "elsewhere.db")

    with pytest.raises(LedgerError, match="removed, replaced or emptied"):
        database.check_in_place()

    database.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder that the kernel shows as another machine's: served by FUSE under sshfs' name."""
    if shutil.which("bindfs") is None:
        pytest.skip("bindfs is not installed (apt install bindfs)")
    source, folder = tmp_path / "source", tmp_path / "elsewhere"
    source.mkdir()
    folder.mkdir()
    if run("bindfs", "-o", "subtype=sshfs", source, folder, check=False).returncode:
        pytest.skip("FUSE is not allowed here, though we are root")
    try:
        yield folder
    finally:
        run("umount", "-l", folder)


@needs_root
@pytest.mark.root
def test_a_ledger_on_another_machines_disk_is_refused_in_one_line(
    place: Place, elsewhere: Path
) -> None:
    place.ledger = elsewhere / "geesync.db"
    place.write_config()

    def assert_refused(*command: str) -> None:
        told = place.geesync(*command, code=ExitCode.LEDGER, stream="stderr")
        assert "fuse.sshfs" in told.splitlines()[-1]
        assert "local disk" in told.splitlines()[-1]

    assert_refused("enqueue", ARCHIVE)
    assert_refused("recover", ARCHIVE)
    assert "fuse.sshfs" in place.geesync("doctor", code=1)
    assert not place.ledger.exists()
    open_migrating(place.folder / "moved.db").close()
    shutil.copy(place.folder / "moved.db", place.ledger)  # from a disk of this machine
    assert_refused("daemon")
    assert_refused("sync", "--once")
    assert not list(place.folder.joinpath("mirror").rglob("*.tif"))


@needs_root
@pytest.mark.root
def test_a_ledger_in_memory_or_on_a_disk_of_this_machine_is_taken(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "memory", "size=8m") as memory:
        open_migrating(memory / "geesync.db").close()
    open_migrating(tmp_path / "geesync.db").close()


def test_a_reader_that_holds_a_snapshot_holds_up_nobody_and_the_log_shrinks_after_it(
    build: Build,
) -> None:
    world = build(3)
    log = Path(f"{world.config.ledger}-wal")
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    with closing(sqlite3.connect(world.config.ledger, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        before = reader.execute("SELECT state FROM asset ORDER BY id").fetchall()
        world.settle()
        _write_much(world)
        held_bytes = log.stat().st_size
        assert reader.execute("SELECT state FROM asset ORDER BY id").fetchall() == before

    world.rescan()
    world.run()
    world.run()

    assert world.counts() == {"verified": 5}
    assert held_bytes > 2 * LOG_LIMIT_BYTES
    assert log.stat().st_size <= LOG_LIMIT_BYTES


def _write_much(world: World) -> None:
    """Let so much be written as weeks of work: the log cannot begin anew behind the reader."""
    for number in range(10):
        note = "x" * (LOG_LIMIT_BYTES // 4)
        world.service.roots.put(f"note{number}", note, world.now())


_ANOTHER = (
    "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM root').fetchall()"
)


def test_a_question_asked_within_the_daemon_does_not_give_up_its_locks(tmp_path: Path) -> None:
    ledger = tmp_path / "geesync.db"
    with closing(open_migrating(ledger)) as database:
        roots = Roots(database)
        roots.put("key", "before", NOW)
        status(ledger, now=NOW)
        with contextlib.suppress(RemoteError), translated(ledger):
            raise _cannot_open()
        subprocess.run([sys.executable, "-c", _ANOTHER, ledger], check=True)

        roots.put("key", "after", NOW)

        with closing(sqlite3.connect(ledger)) as another:
            kept = another.execute("SELECT value FROM setting WHERE key = 'key'").fetchone()
        assert kept == ("after",)
        assert ledger.with_name(f"{ledger.name}-wal").exists()


def _cannot_open() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    return error
