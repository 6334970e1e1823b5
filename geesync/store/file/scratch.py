"""Folders beside a file, in which it is made until it is whole."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def scratch(path: Path, doing: str) -> Iterator[Path]:
    """Make a folder beside a file, and remove it at the end.

    doing: what for, as its name says.
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
