"""Whether a file is a ledger that can be worked with: whole, ours, and of this program's schema.

And on what kind of file system it lies, and whether SQLite can do there what it promises.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from geesync.errors import RESTORE, LedgerError
from geesync.store.file.sqlite_errors import translated

#: Told to SQLite as application_id: "gees". A file without it is no ledger.
APPLICATION_ID = 0x67656573

#: The newest revision in migrations/; a test holds the two together.
HEAD = "0012"

#: A gigabyte is read for damage in some ten seconds.
_LARGE_BYTES = 256 * 1024**2

#: What SQLite adds to a ledger's name for its write-ahead log.
LOG = "-wal"

#: The byte of SQLite's header that is 2 when the file is used with a write-ahead log.
#: https://www.sqlite.org/fileformat2.html#the_database_header
_WRITTEN_AT, _WITH_LOG = 18, b"\x02"

#: Instructions of SQLite between two questions whether to keep on.
_STRIDE = 1_000_000

#: File systems of other machines, by their names in the table of mounts. SQLite's write-ahead log
#: needs locks and shared memory (https://www.sqlite.org/wal.html), and they do not hold there. The
#: kernel's type number would not do: it is the same for all that FUSE serves, local or not.
REMOTE = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p", "davfs"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "vboxsf", "prl_fs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.gcsfuse", "fuse.s3fs", "fuse.goofys", "fuse.ceph"),
        *("fuse.ceph-fuse", "fuse.glusterfs", "fuse.davfs", "fuse.davfs2", "fuse.curlftpfs"),
        *("fuse.smbnetfs", "fuse.vmhgfs-fuse", "fuse.juicefs"),
    }
)

_ESCAPED = re.compile(r"\\([0-7]{3})")


def open_read_only(path: Path, *, timeout_s: float = 5) -> sqlite3.Connection:
    """Open a ledger that nothing is written to, whatever its name has in it."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=timeout_s)


def is_large(path: Path) -> bool:
    """Whether to read all of a ledger takes longer than a start may."""
    return path.exists() and path.stat().st_size > _LARGE_BYTES


#: Ledgers that this process has open, by name, as often as it has; and which file each was then.
_OPEN: Counter[Path] = Counter()
_FIRST: dict[Path, tuple[int, int] | None] = {}
_COUNTING = threading.Lock()


@contextmanager
def held_open(path: Path) -> Iterator[None]:
    """Remember that this process has a ledger open by SQLite.

    Who closes the file otherwise meanwhile, having read as little as its header, gives up all
    locks that SQLite has on it, and the next process that closes it deletes the log that we write
    to: https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    """
    names = {path.absolute(), path.resolve()}
    with _COUNTING:
        for name in names:
            _OPEN[name] += 1
            _FIRST.setdefault(name, _identity(path))
    try:
        yield
    finally:
        with _COUNTING:
            for name in names:
                _OPEN[name] -= 1
                if not _OPEN[name]:
                    del _FIRST[name]


def _identity(path: Path) -> tuple[int, int] | None:
    """Return a file's device and inode; None if there is no file, or an empty one."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return (status.st_dev, status.st_ino) if status.st_size else None


def refuse_another(path: Path) -> None:
    """Raise LedgerError if the file is not the one that this process has open by SQLite.

    It would go on in a file that has no name any more, and all of it would be lost. And who opened
    the new one would cut the old one's index in memory, as no other process uses it: whoever
    reads that then gets SIGBUS. https://www.sqlite.org/walformat.html#the_wal_index_file_format
    """
    name = path.absolute()
    if name in _FIRST and _identity(path) != _FIRST.get(name):
        raise LedgerError(
            f"the ledger {path} was removed, replaced or emptied while it was in use",
            hint=f"put it back, or {RESTORE}",
        )


def in_use(path: Path) -> bool:
    """Whether a ledger is or was worked with: a copy that was never opened keeps no log."""
    if _OPEN[path.resolve()]:
        return True
    with path.open("rb") as file:
        file.seek(_WRITTEN_AT)
        return file.read(1) == _WITH_LOG


def refuse_foreign_log(path: Path) -> None:
    """Raise LedgerError if a log lies beside a ledger that never had one, or beside none.

    It is another's, and SQLite would replay it into this one. To be asked before SQLite is.
    """
    refuse_another(path)
    log = path.with_name(path.name + LOG)
    if not log.exists() or not log.stat().st_size:
        return
    if not path.exists():  # looked at after the log: who makes a ledger makes its log last
        raise LedgerError(f"the ledger {path} is gone, and {log.name} is left of it", hint=RESTORE)
    if not in_use(path):
        raise LedgerError(f"{log.name} lies beside a copy that it is not the log of", hint=RESTORE)


def kind_of(path: Path, *, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Return the kind of file system that a path is on, e.g. ``ext4``; "" if that is not known."""
    try:
        lines = os.fsdecode(mounts.read_bytes()).splitlines()
    except OSError:
        return ""
    there = path.resolve()
    found = ("", "")
    for _, place, kind, *_ in (line.split(" ") for line in lines):
        mounted = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), place)
        if there.is_relative_to(mounted) and len(mounted) >= len(found[0]):
            found = (mounted, kind)
    return found[1]


def check(
    path: Path, *, thorough: bool = False, keep_on: Callable[[], bool] = lambda: True
) -> str | None:
    """Return the ledger's schema revision, or None if there is no file yet; write nothing.

    thorough: read the whole file for damage, as the daemon does after its start; keep_on is asked
    meanwhile, and ends it. Raises LedgerError if the file is empty, foreign, damaged or newer than
    this program, or on another machine; RemoteError DISK if it cannot be looked at now.
    """
    with translated(path):
        return _check(path, thorough=thorough, keep_on=keep_on)


def _check(path: Path, *, thorough: bool, keep_on: Callable[[], bool]) -> str | None:
    if (kind := kind_of(path)) in REMOTE:
        raise LedgerError(
            f"the ledger {path} is on a file system of another machine ({kind}), where SQLite"
            " cannot keep it whole",
            hint="set `ledger` to a local disk; the mirror may stay",
        )
    refuse_foreign_log(path)
    if not path.exists():
        return None
    if path.stat().st_size == 0:
        # SQLite would take it for a new database, and everything would be exported again.
        raise LedgerError(
            f"the ledger {path} is empty", hint=f"{RESTORE}; or move it away to begin anew"
        )
    try:
        with closing(open_read_only(path)) as connection:
            connection.set_progress_handler(lambda: not keep_on(), _STRIDE)
            return _check_contents(path, connection, thorough=thorough)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        raise


def _check_contents(path: Path, connection: sqlite3.Connection, *, thorough: bool) -> str:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise LedgerError(f"{path} is a database, but not a geesync ledger", hint="check `ledger`")
    if thorough:
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise LedgerError(f"the ledger {path} is damaged: {damage}", hint=RESTORE)
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise LedgerError(f"the ledger {path} has no schema", hint=RESTORE)
    revision = str(row[0])
    if revision > HEAD:
        raise LedgerError(
            f"the ledger {path} has schema {revision}, newer than this program's {HEAD}",
            hint=f"upgrade geesync, or {RESTORE}, one made before the ledger was migrated",
        )
    return revision


def refuse_other_schema(path: Path, revision: str) -> None:
    """Raise LedgerError if a ledger's schema is not this program's: only the daemon migrates."""
    if revision != HEAD:
        raise LedgerError(
            f"the ledger {path} has schema {revision}, this program needs {HEAD}",
            hint="start the daemon once; it backs the ledger up and migrates it",
        )


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the ledger for questions; rows come by name."""
    with translated(path):
        refuse_foreign_log(path)
    with (
        held_open(path),
        translated(path),
        closing(open_read_only(path, timeout_s=10)) as connection,
    ):
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")  # one consistent state for all questions
        try:
            yield connection
        except sqlite3.OperationalError:
            # It lacks what an older program did not know.
            refuse_other_schema(path, _check_contents(path, connection, thorough=False))
            raise
