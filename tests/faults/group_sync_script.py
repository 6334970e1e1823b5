"""Lands some objects together, twice, and prints how each ended and what is there then."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import google_crc32c

from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.group_sync import WORTH_IT_FROM, GroupSync, Landed, settle
from geesync.adapters.mirror_files.landing import Landing, Writer
from geesync.adapters.mirror_files.mirror import prepare_mirror
from geesync.adapters.transfer.curl_loop import run
from geesync.domain.mirror.coverage import StoredObject

CONTENT = bytes(range(256)) * 100
MIRROR = Path(sys.argv[1])
PATHS = [f"users/x/img{number}" for number in range(WORTH_IT_FROM)]


async def fetch(sink: Writer, _start: int) -> None:
    """Write the object."""
    sink.write(CONTENT)


def land(folders: Folders, path: str) -> str:
    """Bring an object to disk, in memory only; return its file's name."""
    obj = StoredObject("geesync/t/x.tif", 1, len(CONTENT), google_crc32c.value(CONTENT))
    with (
        folders.folder(path, durable=False) as place,
        Landing(place, "x.tif", "t", obj) as landing,
    ):
        run([landing.fetch(fetch, lambda: True)])
    return landing.name


prepare_mirror(MIRROR)
for _ in range(2):
    with closing(Folders(MIRROR)) as folders, GroupSync(folders) as together:
        names = [land(folders, path) for path in PATHS]
        error = together.sync_files(list(zip(PATHS, names, strict=True)))
        landed = [Landed(*one, "x.tif", "t") for one in zip(PATHS, names, strict=True)]
        failures = [error] * len(PATHS) if error else settle(folders, landed)
    print(*(getattr(failure, "cause", "settled") for failure in failures))
    print(*sorted(path.name for path in MIRROR.rglob("x.tif*")))
