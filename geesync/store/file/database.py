"""The file behind the ledger: how it is opened, checked, locked, migrated and written."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

import sqlalchemy as sa

from geesync.errors import LockedError
from geesync.store.file.backups import backup, scratch, sweep, sync
from geesync.store.file.soundness import (
    APPLICATION_ID,
    HEAD,
    check,
    held_open,
    is_large,
    refuse_another,
    refuse_other_schema,
)
from geesync.store.file.sqlite_errors import translated

Read = TypeVar("Read")

_BUSY_TIMEOUT_MS = 30_000

#: Of the connection that writes, and of each that reads: what is written empties its cache.
_WRITING_KIB, _READING_KIB = 1024, 128

#: Of each connection. One of many values takes 100 kB, and is another for another number of them.
_KEPT_STATEMENTS = 16

#: To what the write-ahead log is cut once it begins anew. It grows beyond while somebody reads.
LOG_LIMIT_BYTES = 8 * 1024 * 1024


class Database:
    """One SQLite file: many readers, one writer at a time, every commit on the platter."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.Lock()
        self._reader = _engine(path, _READING_KIB)
        # A reader that starts to write on an old snapshot is refused at once, whatever the timeout.
        self._writer = _engine(path, _WRITING_KIB, begin="BEGIN IMMEDIATE")
        self._open = ExitStack()
        with translated(path):
            self._watch = _connect(path)
        self._open.enter_context(held_open(path))

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Open a transaction that may write: all of it happens, or nothing."""
        with (
            translated(self.path),
            self._writing,
            self._writer.connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a short transaction that sees one consistent state."""
        with translated(self.path), self._reader.connect() as connection, connection.begin():
            yield connection

    def select(self, query: sa.Executable, read: Callable[[sa.Row[Any]], Read]) -> list[Read]:
        """Return what is read of each row of a query, in a transaction of its own."""
        with self.read() as connection:
            return [read(row) for row in connection.execute(query)]

    def rows(self, query: sa.Executable) -> Sequence[Any]:
        """Return the rows of a query."""
        with self.read() as connection:
            return connection.execute(query).all()

    def scalars(self, query: sa.Executable) -> list[Any]:
        """Return the first column of a query's rows."""
        with self.read() as connection:
            return list(connection.execute(query).scalars())

    def scalar(self, query: sa.Executable) -> Any:
        """Return the first column of a query's first row; None if there is no row."""
        with self.read() as connection:
            return connection.execute(query).scalar()

    def execute(self, statement: sa.Executable) -> int:
        """Write by one statement, in a transaction of its own; return how many rows it changed."""
        with self.write() as connection:
            return connection.execute(statement).rowcount

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """Lend a connection of its own, for temporary tables; the caller opens transactions."""
        with translated(self.path), self._reader.connect() as connection:
            yield connection

    def data_version(self) -> int:
        """Return a number that differs whenever anything was committed since."""
        with translated(self.path), closing(self._watch.execute("PRAGMA data_version")) as cursor:
            return int(cursor.fetchone()[0])

    def check_in_place(self) -> None:
        """Raise LedgerError if the file is not the one that was opened."""
        with suppress(OSError):  # of its disk: it passes, and the steps report it
            refuse_another(self.path)

    def check_whole(self, keep_on: Callable[[], bool]) -> None:
        """Read a large ledger for damage, which was not done when it was opened."""
        if is_large(self.path):
            check(self.path, thorough=True, keep_on=keep_on)

    def close(self) -> None:
        """Give the file back."""
        self._watch.close()
        self._reader.dispose()
        self._writer.dispose()
        self._open.close()


class Records:
    """Something that is kept in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file that is there; never make a new one in the place of one that was removed."""
    refuse_another(path)
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        check_same_thread=False,
        cached_statements=_KEPT_STATEMENTS,
    )


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def _engine(path: Path, cache_kib: int, *, begin: str = "BEGIN") -> sa.Engine:
    """Return what keeps connections; begin: the statement that opens a transaction."""
    creator, pool = partial(_connect, path), sa.pool.QueuePool
    engine = sa.create_engine("sqlite://", creator=creator, poolclass=pool, pool_use_lifo=True)
    sa.event.listen(engine, "connect", partial(_prepare, cache_kib))
    sa.event.listen(engine, "begin", partial(_begin, begin))
    return engine


def _prepare(cache_kib: int, connection: Any, record: Any) -> None:
    # Python's own BEGIN would come too late for BEGIN IMMEDIATE.
    _leave_transactions_to_us(connection, record)
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        f"journal_size_limit = {LOG_LIMIT_BYTES}",
        "synchronous = FULL",  # NORMAL loses the last commits in a power cut
        "foreign_keys = ON",
        "temp_store = FILE",
        f"cache_size = -{cache_kib}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(statement: str, connection: sa.Connection) -> None:
    connection.exec_driver_sql(statement)


def open_current(path: Path) -> Database:
    """Open a ledger for a command; make it if there is none.

    Raises LedgerError if it is unusable, or older than the program: only the daemon migrates.
    """
    revision = check(path)
    if revision is None:
        _create(path)
    else:
        refuse_other_schema(path, revision)
    return Database(path)


def open_migrating(path: Path) -> Database:
    """Open a ledger for the daemon: check it, back it up and migrate it if it is older.

    A large one is checked whole by a step of its own, so that a start need not wait for it.
    Raises LedgerError if it is unusable, RemoteError DISK if its disk does not let us.
    """
    sweep(path, _CREATING)
    revision = check(path, thorough=not is_large(path))
    if revision is None:
        _create(path)
    elif revision != HEAD:
        with translated(path):
            check(path, thorough=True)
            backup(path, path.with_name(f"{path.name}.before-{HEAD}"))
            _upgrade(path)
    return Database(path)


#: The purpose of the folder in which a new ledger is made; part of its name.
_CREATING = "creating"


def _create(path: Path) -> None:
    """Make the ledger aside first: a crash must not leave half a ledger, nor a race two."""
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch(path, _CREATING) as aside:
            made = aside / path.name
            with closing(sqlite3.connect(made)) as connection:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            _upgrade(made)
            with suppress(FileExistsError):  # another process was first; its ledger is as good
                os.link(made, path)
        sync(path.parent)


def _upgrade(path: Path) -> None:
    # Imported here: Alembic takes longer to import than most commands take to run.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_migrations()))
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    # A migration that fails half-way must leave nothing: Python would commit each CREATE TABLE.
    sa.event.listen(engine, "connect", _leave_transactions_to_us)
    sa.event.listen(engine, "begin", partial(_begin, "BEGIN"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def _migrations() -> Path:
    """Return where the migrations are: in the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the ledger's lock: one daemon a ledger. The kernel frees it however we end.

    To be held around all use of the ledger by this process. Raises LockedError naming the holder's
    pid, RemoteError DISK if the disk does not let us.
    """
    with ExitStack() as held:
        with translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock_file = path.with_name(path.name + ".lock")
            lock = held.enter_context(lock_file.open("a+b", buffering=0))
            if not _hold(lock):
                raise _locked(path, lock_file.read_text("utf-8").strip())
            if path.exists():  # and by whatever other name it is opened
                itself = held.enter_context(path.open("rb"))
                if not _hold(itself):
                    raise _locked(path, "")
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n".encode())
        yield


def _hold(file: IO[Any]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(path: Path, holder: str) -> LockedError:
    whose = f"pid {holder}" if holder else "by another name of the file"
    return LockedError(f"another geesync works on {path} ({whose})", hint="stop it first")
