"""Copies of a ledger: made while it is in use, and put back so that nothing old works on in them.

A ledger that is worked with has a write-ahead log beside it; a backup never has one.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from geesync.errors import LedgerError
from geesync.store.file.soundness import LOG, check, in_use, open_read_only

#: A ledger's file, then what SQLite keeps beside it: its log, and who reads how far in it.
_FILES = ("", LOG, "-shm")


def backup(path: Path, copy: Path) -> None:
    """Write a consistent copy of a ledger, also while it is written to; replaces an older copy.

    A copy by ``cp`` would lose what is still in the write-ahead log. Raises LedgerError if
    something else than an older copy has that name, OSError if it cannot be written.
    """
    _refuse_to_replace(path, copy)
    with closing(open_read_only(path)) as connection, scratch(copy, "writing") as aside:
        made = aside / copy.name
        write(connection, made)
        made.replace(copy)
        sync(copy.parent)


def _refuse_to_replace(path: Path, copy: Path) -> None:
    hint = "name another file"
    if copy.absolute() in {Path(f"{path.absolute()}{end}") for end in (*_FILES, ".lock")}:
        raise LedgerError(f"{copy} is the ledger itself", hint=hint)
    if not copy.exists() or (copy.is_file() and not copy.stat().st_size):
        return
    if not copy.is_file() or copy.samefile(path) or in_use(copy) or not _is_sound(copy):
        raise LedgerError(f"{copy} is no backup: it would be lost", hint=hint)


def _is_sound(copy: Path) -> bool:
    try:
        check(copy)
    except LedgerError:
        return False
    return True


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a backup to be put back. Raises LedgerError if it is not there, or not whole."""
    if not file.is_file():
        raise LedgerError(f"there is no backup {file}", hint="name a file of `geesync backup`")
    check(file, thorough=True)
    with closing(open_read_only(file)) as connection:
        connection.execute("SELECT count(*) FROM root")  # opened by who may read it
        yield connection


def write(connection: sqlite3.Connection, made: Path) -> None:
    """Write all that a ledger holds, its log included, into a file that is not there yet."""
    connection.execute("VACUUM INTO ?", (str(made),))
    sync(made)


def put_in_place(made: Path, path: Path) -> Path | None:
    """Give a ledger that was made aside its name; return where the older one is now, if any was.

    Its log goes with it: SQLite would replay it into the new one. The ledger goes first: without
    its log it may be torn, and nothing works on a ledger that is not there.
    """
    there = [end for end in _FILES if Path(f"{path}{end}").exists()]
    kept = f"{path}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    for end in there:
        Path(f"{path}{end}").rename(f"{kept}{end}")
    if there:
        sync(path.parent)
    os.link(made, path)  # never over one that another process made meanwhile
    sync(path.parent)
    return Path(kept) if there else None


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def scratch(path: Path, doing: str) -> Iterator[Path]:
    """Make a folder beside a file, and remove it at the end.

    doing: its purpose, part of its name.
    """
    sweep(path, doing)
    with ExitStack() as stack:
        yield _made(path, doing, stack)


def _made(path: Path, doing: str, stack: ExitStack) -> Path:
    """Make a folder and lock it; if somebody sweeps it before it is locked, another."""
    while True:
        made = TemporaryDirectory(prefix=f"{path.name}.{doing}-", dir=path.parent)
        folder = Path(stack.enter_context(made))
        with suppress(FileNotFoundError):
            fcntl.flock(stack.enter_context(_opened(folder)), fcntl.LOCK_EX)
            if folder.exists():
                return folder


def sweep(path: Path, doing: str) -> None:
    """Remove such folders of processes that were killed: nobody holds their locks."""
    for folder in path.parent.glob(f"{glob.escape(path.name)}.{doing}-*"):
        with suppress(OSError), _opened(folder) as descriptor:  # another process was first
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
