"""Walks a mirror as it is, and puts bad files where nobody takes them for good ones."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.mirror import MARKER, unmarked
from geesync.errors import MirrorError

#: In the mirror's own folder; nothing in it is ever deleted.
_DAMAGED = f"{MARKER}/damaged"


def entries(mirror: Path, relative: str) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is a folder) of what lies in a folder of the mirror, unsorted.

    A link is no folder, wherever it leads. Raises MirrorError if the mirror is not there.
    """
    if why := unmarked(str(mirror)):
        raise MirrorError(why)
    if not (mirror / relative).is_dir():
        return
    with os.scandir(mirror / relative) as found:
        for entry in found:
            if relative or entry.name != MARKER:
                yield entry.name, entry.is_dir(follow_symlinks=False)


def move_aside(mirror: Path, relative: str, names: Collection[str], now: datetime) -> Path | None:
    """Move files of an asset's folder out of the way; return where they are now, if any."""
    if not names:
        return None
    stamp = f"{now:%Y%m%dT%H%M%S.%fZ}"
    with folder(mirror, relative) as place, folder(mirror, f"{_DAMAGED}/{relative}") as aside:
        for name in names:
            (place.path / name).rename(aside.path / f"{name}.{stamp}")
        aside.sync()
        place.sync()
        return aside.path
