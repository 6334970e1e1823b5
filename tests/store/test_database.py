"""The file behind the ledger: made whole or not at all, refused when it is not ours, locked."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config as Alembic
from alembic.script import ScriptDirectory

from geesync.config import Config
from geesync.errors import ExitCode, LedgerError, LockedError, RemoteError
from geesync.steps.step import StepContext
from geesync.steps.upkeep.ledger_care import Examiner
from geesync.store.file import database as module
from geesync.store.file import soundness
from geesync.store.file.backups import backup, scratch
from geesync.store.file.database import (
    locked,
    open_current,
    open_migrating,
)
from geesync.store.file.soundness import APPLICATION_ID, HEAD, check, reading
from geesync.store.ledger.ledger import Ledger
from geesync.store.ledger.roots import Roots
from geesync.store.tables.schema import metadata
from tests.store.conftest import Store, image
from tests.store.triggers import TRIGGERS

#: The revision after this program's.
TOMORROW = f"{int(HEAD) + 1:04}"

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

Schema = dict[str, str]


def schema_of(path: Path) -> Schema:
    """Return what SQLite keeps of the schema, without regard to blanks."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> ?",
            ("alembic_version",),
        )
        return {name: "".join(sql.split()) for name, sql in rows}


def test_the_migrations_make_exactly_the_schema(store: Store, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'described.db'}")
    with engine.begin() as connection:
        metadata.create_all(connection)
        for trigger in TRIGGERS:
            connection.execute(sa.text(trigger))
    engine.dispose()

    assert schema_of(store.path) == schema_of(tmp_path / "described.db")


def test_the_newest_revision_is_the_one_that_the_program_names() -> None:
    config = Alembic()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


@pytest.mark.parametrize("name", ["year #2", "why?", "100%41", "a;b&c=d", "Läger"])
def test_a_ledger_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "geesync.db"

    open_migrating(path).close()
    open_current(path).close()
    backup(path, path.with_name("copy.db"))

    with reading(path.with_name("copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM asset").fetchone()[0] == 0
    assert {file.name for file in path.parent.iterdir()} == {"geesync.db", "copy.db"}


def test_a_new_ledger_says_what_it_is(ledger_path: Path) -> None:
    open_migrating(ledger_path).close()

    assert check(ledger_path, thorough=True) == HEAD
    with closing(sqlite3.connect(ledger_path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def test_every_commit_is_on_the_platter(store: Store) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys")
    with store.database.write() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert found == ["wal", 2, 1]  # 2 is FULL


# --- Refused ledgers.


def newer(path: Path) -> None:
    open_migrating(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmark (url TEXT)")


def empty(path: Path) -> None:
    path.touch()


def junk(path: Path) -> None:
    path.write_bytes(b"this is no database, but it is long enough to be one\n" * 100)


def without_revision(path: Path) -> None:
    open_migrating(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")


def damaged(path: Path, *, first_page: int = 8) -> None:
    open_migrating(path).close()
    rows = [(f"key {number}", "value" * 20, 0) for number in range(500)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO setting VALUES (?, ?, ?)", rows)
    whole = bytearray(path.read_bytes())
    whole[first_page * 4096 :] = os.urandom(len(whole[first_page * 4096 :]))
    path.write_bytes(whole)


@pytest.mark.parametrize("make", [newer, foreign, empty, junk, without_revision, damaged])
def test_what_is_no_usable_ledger_is_refused_in_one_line_and_left_as_it_is(
    ledger_path: Path, make: Callable[[Path], None]
) -> None:
    make(ledger_path)
    before = ledger_path.read_bytes()

    with pytest.raises(LedgerError) as refusal:
        open_migrating(ledger_path)

    assert refusal.value.exit_code == 65
    assert "\n" not in str(refusal.value)
    assert str(ledger_path) in str(refusal.value)
    assert ledger_path.read_bytes() == before


@pytest.mark.parametrize("make", [newer, foreign, empty, junk, without_revision])
def test_a_command_refuses_it_too(ledger_path: Path, make: Callable[[Path], None]) -> None:
    make(ledger_path)
    before = ledger_path.read_bytes()

    with pytest.raises(LedgerError):
        open_current(ledger_path)

    assert ledger_path.read_bytes() == before


def test_a_large_ledger_is_opened_at_once_and_read_whole_while_work_goes_on(
    ledger_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "_LARGE_BYTES", 0)
    damaged(ledger_path, first_page=-1)
    with ThreadPoolExecutor(1) as pool, closing(open_migrating(ledger_path)) as database:
        examiner = Examiner(StepContext(Ledger(database), pool), database)

        with pytest.raises(LedgerError, match=str(ledger_path)):
            examiner.run_once()


def test_a_stop_ends_the_reading_of_a_large_ledger(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "_LARGE_BYTES", 0)
    monkeypatch.setattr(soundness, "_STRIDE", 1)
    asked: list[str] = []

    def keep_on() -> bool:
        asked.append("a sign of life")
        return False

    store.database.check_whole(keep_on)

    assert len(asked) == 1


# --- Migration.


@pytest.fixture
def a_program_of_tomorrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program whose migrations go one revision further."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    tomorrow = f"{int(HEAD) + 1:04}"
    (folder / f"versions/{tomorrow}_tomorrow.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '{tomorrow}', '{HEAD}'\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE tomorrow (id INTEGER PRIMARY KEY)')\n"
    )
    for one in (module, soundness):
        monkeypatch.setattr(one, "HEAD", tomorrow)
    monkeypatch.setattr(module, "_migrations", lambda: folder)
    return tomorrow


def test_an_older_ledger_is_backed_up_and_then_migrated(
    store: Store, request: pytest.FixtureRequest
) -> None:
    store.see(store.root(), image())
    tomorrow = request.getfixturevalue("a_program_of_tomorrow")

    migrated = open_migrating(store.path)

    copy = store.path.with_name(f"{store.path.name}.before-{tomorrow}")
    assert "tomorrow" in schema_of(store.path)
    assert "tomorrow" not in schema_of(copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM asset").fetchone()[0] == 1
    migrated.close()


def test_only_the_daemon_migrates(ledger_path: Path, request: pytest.FixtureRequest) -> None:
    open_migrating(ledger_path).close()
    request.getfixturevalue("a_program_of_tomorrow")

    with pytest.raises(LedgerError, match="start the daemon once"):
        open_current(ledger_path)


def test_an_older_ledger_is_called_that_by_who_only_looks(
    ledger_path: Path, request: pytest.FixtureRequest
) -> None:
    open_migrating(ledger_path).close()
    request.getfixturevalue("a_program_of_tomorrow")

    with (
        pytest.raises(LedgerError, match="start the daemon once"),
        reading(ledger_path) as connection,
    ):
        connection.execute("SELECT * FROM day_after_tomorrow")


def test_a_migration_that_fails_leaves_the_backup(
    store: Store, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    tomorrow = request.getfixturevalue("a_program_of_tomorrow")
    broken = next((tmp_path / "migrations/versions").glob(f"{tomorrow}*"))
    broken.write_text(broken.read_text() + "    op.execute('nonsense')\n")

    with pytest.raises(sa.exc.OperationalError):
        open_migrating(store.path)

    assert "tomorrow" not in schema_of(store.path)
    assert store.path.with_name(f"{store.path.name}.before-{tomorrow}").exists()


def test_a_backup_holds_what_is_still_in_the_log(store: Store, tmp_path: Path) -> None:
    store.root()

    backup(store.path, tmp_path / "copy.db")

    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        assert connection.execute("SELECT count(*) FROM root").fetchone()[0] == 1
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.db"]


# --- Creation.


def test_half_a_ledger_is_never_seen(ledger_path: Path) -> None:
    """What a killed process leaves while it makes a ledger is no ledger and in nobody's way."""
    leftover = ledger_path.with_name(f"{ledger_path.name}.creating-killed")
    leftover.mkdir()
    (leftover / ledger_path.name).write_bytes(b"half")

    database = open_current(ledger_path)

    assert check(ledger_path, thorough=True) == HEAD
    database.close()


def test_many_who_begin_at_once_share_one_ledger(ledger_path: Path) -> None:
    begin = (
        "import sys\nfrom datetime import UTC, datetime\nfrom pathlib import Path\n"
        "from geesync.store.file.database import open_current\n"
        "from geesync.store.ledger.roots import Roots\n"
        "sys.stdin.read()\n"
        "Roots(open_current(Path(sys.argv[1]))).put(sys.argv[2], 'here', datetime.now(UTC))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", begin, str(ledger_path), str(number)], stdin=subprocess.PIPE
        )
        for number in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()  # now

    assert [process.wait() for process in processes] == [0, 0]

    database = open_current(ledger_path)
    assert {Roots(database).get(f"{number}") for number in range(2)} == {"here"}
    assert [path.name for path in ledger_path.parent.glob("*creating*")] == []
    database.close()


def test_a_ledger_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RemoteError, match="File exists") as refusal:
        open_current(tmp_path / "file/geesync.db")

    assert refusal.value.exit_code == ExitCode.MIRROR


@pytest.mark.parametrize("doing", ["creating", "writing"])
def test_what_killed_processes_left_beside_a_ledger_goes(
    store: Store, tmp_path: Path, doing: str
) -> None:
    killed = (
        "import os, sys\nfrom pathlib import Path\n"
        "from geesync.store.file.backups import scratch\n"
        "with scratch(Path(sys.argv[1]), sys.argv[2]) as folder:\n"
        "    (folder / 'half').touch()\n    os._exit(0)\n"
    )
    copy = tmp_path / "copy.db"
    path = store.path if doing == "creating" else copy
    subprocess.run([sys.executable, "-c", killed, str(path), doing], check=True)
    assert list(path.parent.glob(f"{path.name}.{doing}-*"))

    with scratch(path.with_name("other"), doing) as in_use:
        open_migrating(store.path).close()
        backup(store.path, copy)

        assert in_use.is_dir()
    assert not list(path.parent.glob(f"*.{doing}-*"))


# --- The lock.


def test_a_second_daemon_is_told_who_holds_the_ledger(ledger_path: Path) -> None:
    try_to_lock = (
        "import sys\nfrom pathlib import Path\nfrom geesync.errors import LockedError\n"
        "from geesync.store.file.database import locked\n"
        "try:\n    with locked(Path(sys.argv[1])): print('mine')\n"
        "except LockedError as error: print(error)\n"
    )
    command = [sys.executable, "-c", try_to_lock, str(ledger_path)]

    with locked(ledger_path):
        other = subprocess.run(command, capture_output=True, text=True, check=True)

    assert f"pid {os.getpid()}" in other.stdout


@pytest.mark.parametrize("make", ["symlink_to", "hardlink_to"])
def test_a_ledger_has_one_lock_whatever_it_is_called(
    store: Store, tmp_path: Path, make: str
) -> None:
    (tmp_path / "other").mkdir()
    getattr(tmp_path / "other/geesync.db", make)(store.path)
    other = Config.model_validate({"ledger": tmp_path / "other/geesync.db"}).ledger

    with locked(store.path), pytest.raises(LockedError), locked(other):
        pass


def test_the_lock_is_held_within_a_process_too(ledger_path: Path) -> None:
    with locked(ledger_path), pytest.raises(LockedError) as refusal, locked(ledger_path):
        pass

    assert refusal.value.exit_code == 75
    with locked(ledger_path):
        pass  # it is free again


def test_a_change_by_another_process_is_seen(store: Store) -> None:
    before = store.database.data_version()

    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("INSERT INTO setting VALUES ('a', 'b', 0)")

    assert store.database.data_version() != before
