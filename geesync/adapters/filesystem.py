"""What kind of file system a path is on, and whether it can be written."""

from __future__ import annotations

import os
from pathlib import Path

#: File systems on which SQLite's locks and shared memory do not hold.
_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "fuse.rclone", "fuse.gcsfuse", "9p", "afs", "ceph")


def is_network(path: Path) -> bool:
    """Whether a path is on another machine's disk, as far as this one knows."""
    return kind(path).startswith(_NETWORK)


def kind(path: Path, *, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Return the type of the file system of a path, e.g. ``ext4``; "" if that is not known."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    found = ("", "")
    for _, place, name, *_ in (line.split() for line in lines):
        mounted = Path(place.replace("\\040", " "))
        if path.is_relative_to(mounted) and len(place) >= len(found[0]):
            found = (place, name)
    return found[1]


def is_writable(folder: Path) -> bool:
    """Whether we may make files in a folder; one that is absent, in the nearest that is there."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return os.access(there, os.W_OK | os.X_OK)
