"""What Earth Engine says of a long-running operation, read tolerantly: any field may be missing.

https://developers.google.com/earth-engine/reference/rest/Shared.Types/OperationMetadata
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geesync.domain.json import Json, parse_time
from geesync.domain.tasks.exports import token_in
from geesync.errors import reason

PENDING = "PENDING"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
CANCELLED = "CANCELLED"

_CANCELLING = "CANCELLING"

#: In which nothing more happens to it.
ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED})

#: All that are documented.
KNOWN = ENDED | {PENDING, "RUNNING", _CANCELLING}


@dataclass(frozen=True)
class Operation:
    """An operation, whoever started it."""

    id: str  #: last path segment of its name: the same work has names under several projects
    state: str  #: PENDING, RUNNING, CANCELLING, SUCCEEDED, CANCELLED, FAILED, or what is new
    token: str | None = None  #: ours, if its description carries one
    error_code: int | None = None
    error: str = ""
    eecu_s: float | None = None  #: EECU-seconds used; known when it has ended
    ended_at: datetime | None = None

    @classmethod
    def from_json(cls, operation: Json) -> Operation | None:
        """Read an operation; None for what is none."""
        name = operation.get("name")
        if not isinstance(name, str) or not name.rpartition("/")[2] or name != reason(name):
            return None
        metadata = _object(operation.get("metadata"))
        error = _object(operation.get("error"))
        description = metadata.get("description")
        return cls(
            id=name.rpartition("/")[2],
            state=_state(operation, metadata, error),
            token=token_in(description) if isinstance(description, str) else None,
            error_code=error.get("code") if isinstance(error.get("code"), int) else None,
            error=reason(error.get("message", "")),
            eecu_s=_number(metadata.get("batchEecuUsageSeconds")),
            ended_at=parse_time(metadata.get("endTime")),
        )

    @property
    def is_queued(self) -> bool:
        """Whether it fills the project's queue."""
        return self.state == PENDING

    @property
    def is_cancellable(self) -> bool:
        """Whether it is under way and nobody cancelled it yet."""
        return self.state not in {*ENDED, _CANCELLING}

    @property
    def is_working(self) -> bool:
        """Whether it holds one of the project's slots."""
        return self.state not in {*ENDED, PENDING}


def _state(operation: Json, metadata: Json, error: Json) -> str:
    state, done = metadata.get("state"), operation.get("done")
    if isinstance(state, str) and state and (state in KNOWN or not done):
        return reason(state)
    if not done:
        return PENDING
    return FAILED if error else SUCCEEDED


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None
