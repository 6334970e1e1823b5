"""The mirror as a whole: whether a folder is one, and how much room it has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from geesync.errors import MirrorError

#: In the mirror's top folder; without it the folder is not ours, or its disk is not mounted.
MARKER = ".geesync"

#: What a disk holds that was just formatted.
_OF_THE_FILE_SYSTEM = frozenset({"lost+found"})


def prepare_mirror(path: Path) -> None:
    """Make sure that the mirror's folder is ours and writable; mark a new one.

    An empty or absent folder becomes a mirror; one that holds other things does not.
    Raises MirrorError.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        marker = path / MARKER
        if not marker.exists():
            if any(entry.name not in _OF_THE_FILE_SYSTEM for entry in path.iterdir()):
                raise MirrorError(
                    f"{path} is not empty and not a geesync mirror",
                    hint=f"choose another folder, or create {marker} if you are sure",
                )
            marker.mkdir()
            _sync(path)
        probe = marker / "probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise MirrorError(
            f"the mirror {path} cannot be written or synced: {error.strerror}"
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_mirror(path: Path) -> bool:
    """Whether the folder is a mirror of ours: an unmounted disk is not an empty mirror."""
    return not unmarked(str(path))


def unmarked(path: str) -> str:
    """Return why a folder is no mirror at all, or cannot be read; "" if it is one, whosever."""
    try:
        if (Path(path) / MARKER).is_dir():
            return ""
    except OSError as error:  # of its disk, which is waited for
        return f"{path} cannot be read: {error.strerror}"
    return f"{path} is no mirror ({MARKER} is missing): is its disk mounted?"


def free_bytes(path: Path) -> int | None:
    """Return what the file system of the mirror has left for us; None if it does not tell."""
    try:
        return shutil.disk_usage(path).free if is_mirror(path) else None
    except OSError:
        return None
