"""What the simulated services were asked to do and did: the evidence that tests read."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from geesync.simulator.clock import SimClock, rfc3339
from geesync.simulator.world.pixels import Json

#: What is written down; nothing else can be asked for.
Kind = Literal[
    "create",
    "patch",
    "copy",
    "move",
    "delete",
    "set_policy",
    "export",
    "import",
    "duplicate",
    "cancel",
    "operation_ended",
    "compute_pixels",
    "get_pixels",
    "compute_images",
    "compute_features",
    "compute_value",
    "list_features",
    "download",
    "object_delete",
]


@dataclass(frozen=True)
class Record:
    """One thing that was done."""

    at: str  #: virtual time, RFC 3339
    kind: Kind
    target: str  #: what it was done to: an asset, an operation, "gs://bucket/object"
    details: Json = field(default_factory=dict)


class Audit:
    """An append-only log, in memory and, if a file is given, as JSON lines on disk."""

    def __init__(self, clock: SimClock, file: Path | None = None) -> None:
        self._clock = clock
        self._file = file
        self._lock = threading.Lock()
        self._records: list[Record] = []
        if file is not None:
            file.touch()  # now, not in the midst of the first task

    def add(self, kind: Kind, target: str, **details: Any) -> None:
        """Write down that something was done."""
        record = Record(rfc3339(self._clock.now()), kind, target, details)
        with self._lock:
            self._records.append(record)
            if self._file is not None:
                with self._file.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(record)) + "\n")

    def records(self, kind: Kind | None = None, target: str | None = None) -> list[Record]:
        """Return what was done, oldest first; only of this kind and target, if given."""
        with self._lock:
            return [
                record
                for record in self._records
                if kind in (None, record.kind) and target in (None, record.target)
            ]

    def count(self, kind: Kind, target: str | None = None) -> int:
        """Return how often this was done."""
        return len(self.records(kind, target))


def body_hash(body: Json) -> str:
    """Return a hash that two request bodies share only if they ask for the same."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
