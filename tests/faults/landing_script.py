"""Lands one object twice, and prints from where each fetch began and how it ended."""

from __future__ import annotations

import sys
from pathlib import Path

import google_crc32c

from geesync.adapters.mirror_files import landing as landings
from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.landing import (
    Landing,
    Writer,
    make_durable,
    name_unproved,
    unproved,
)
from geesync.adapters.transfer.curl_loop import run
from geesync.domain.mirror.coverage import StoredObject
from geesync.errors import RemoteError

landings._draw = lambda: "w"  # the writer's name, by which the tests find its file

CONTENT = bytes(range(256)) * 1000
MIRROR = Path(sys.argv[1])


async def fetch(sink: Writer, start: int) -> None:
    """Write the rest of the object."""
    print(f"from {start}")
    for at in range(start, len(CONTENT), 100_000):
        sink.write(CONTENT[at : at + 100_000])


obj = StoredObject("geesync/t/x.tif", 1, len(CONTENT), google_crc32c.value(CONTENT))
for _ in range(2):
    try:
        with folder(MIRROR, "users/x") as place:
            with Landing(place, "x.tif", "t", obj) as landing:
                run([landing.fetch(fetch, lambda: True)])
            make_durable(place, landing.name)
            name_unproved(place, landing.name, "x.tif", "t")
            place.sync()
            print("landed", sorted(place.names()), place.holds(unproved("x.tif", "t"), obj))
    except RemoteError as error:
        print(error.cause)
