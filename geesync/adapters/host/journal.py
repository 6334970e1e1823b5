"""systemd's journal, spoken to in its own protocol: each field of an event can be asked for.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")

#: A datagram holds about 200 KiB; what is longer is cut, not lost.
_LONGEST_VALUE = 32 * 1024


def is_journal(descriptor: int) -> bool:
    """Whether systemd has connected this descriptor to the journal."""
    stream = os.environ.get("JOURNAL_STREAM", "")
    status = os.fstat(descriptor)
    return stream == f"{status.st_dev}:{status.st_ino}"


class Journal:
    """A connection to the journal."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.connect(str(path))

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def send(self, fields: Mapping[str, object]) -> None:
        """Write one entry; names are made valid, None is left out. Raises OSError."""
        lines = [_field(name, str(value)) for name, value in fields.items() if value is not None]
        self._socket.sendall(b"".join(lines))


def _field(name: str, value: str) -> bytes:
    key = re.sub(r"[^A-Z0-9_]", "_", name.upper()).encode()
    data = value.encode(errors="backslashreplace")[:_LONGEST_VALUE]
    if b"\n" in data:
        return key + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return key + b"=" + data + b"\n"
