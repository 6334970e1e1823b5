"""One long-running operation: what the service knows of it, and how it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from geesync.simulator.assets.asset_json import plain_number
from geesync.simulator.clock import EPOCH, rfc3339
from geesync.simulator.world.pixels import Json

METADATA_TYPE = "type.googleapis.com/google.earthengine.v1.OperationMetadata"
EMPTY_TYPE = "type.googleapis.com/google.protobuf.Empty"
CODE_EDITOR = "https://code.earthengine.google.com/?asset="
WORK_UNITS = 12
#: Compute seconds that one second of running costs; a whole fraction keeps sums exact.
EECU_PER_S = 0.75
LEAST_EECU_S = 0.125


class State(StrEnum):
    """The states of an operation, in Earth Engine's words."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Result(Protocol):
    """What an operation has made, before anybody may see it."""

    def publish_some(self) -> None:
        """Let a part of it be seen, if it has parts; raises ExportRefused as ``publish`` does."""

    def publish(self) -> None:
        """Let it be seen; raises ExportRefused if there is no place for it."""

    def drop(self) -> None:
        """Throw it away."""


#: Does the work of an operation, once.
Work = Callable[[], Result]


@dataclass(frozen=True)
class Task:
    """What an operation is asked to do."""

    project: str
    type: str  #: EXPORT_IMAGE, EXPORT_FEATURES, INGEST_IMAGE, INGEST_TABLE
    work: Work | None = None  #: None = a foreign task, which only takes up a slot
    description: str = ""
    priority: int = 100
    principal: str = ""
    request_id: str = ""
    body_hash: str = ""
    workload_tag: str = ""
    destination_uris: tuple[str, ...] = ()
    queue_s: float | None = None  #: virtual seconds; None = as the profile draws
    run_s: float | None = None  #: likewise

    @property
    def is_import(self) -> bool:
        """Tell whether it uses the slots of imports."""
        return self.type.startswith("INGEST")

    @property
    def writes_asset(self) -> bool:
        """Tell whether it ends in an asset, not in files."""
        return any(uri.startswith(CODE_EDITOR) for uri in self.destination_uris)


@dataclass(eq=False)
class Operation:
    """An operation as it stands; changed only by ``Operations``, under its lock."""

    id: str  #: 24 characters
    number: int  #: order of creation, from 0
    task: Task
    created: datetime
    seen_from: datetime  #: listings do not show it earlier
    updated: datetime
    state: State = State.PENDING
    attempt: int = 0
    started: datetime = EPOCH  #: start of the last attempt
    due: datetime = EPOCH  #: when the last attempt ends, if nothing happens
    ended: datetime | None = None
    error: tuple[int, str] | None = None
    eecu_s: float = 0.0
    result: Result | None = None  #: from when the work is done until it can be seen
    late: timedelta = timedelta()  #: that it is published so long after success
    in_slot: bool = False
    step: int = 0  #: events planned for an earlier step are void
    holes: frozenset[str] = field(default=frozenset())  #: parts of the metadata that are odd
    told: Json | None = None  #: what is told of it since its end, made when first asked for

    @property
    def name(self) -> str:
        """The resource name."""
        odd = "legacy_name" in self.holes
        project = "earthengine-legacy" if odd else self.task.project
        return f"projects/{project}/operations/{self.id}"

    @property
    def done(self) -> bool:
        """Tell whether the state is final."""
        return self.state in FINAL

    def progress(self, now: datetime) -> float:
        """Return how much of the last attempt is done, 0 to 1."""
        if self.state is State.SUCCEEDED:
            return 1.0
        span = (self.due - self.started).total_seconds()
        if self.state is State.PENDING or span <= 0:
            return 0.0
        return round(min(max((now - self.started).total_seconds() / span, 0.0), 0.999), 3)


#: Parts of the metadata that the real service sometimes leaves out or writes oddly.
HOLES = (
    "description",
    "priority",
    "batchEecuUsageSeconds",
    "endTime",
    "stage_numbers",
    "done",
    "type",
    "legacy_name",
    "digits_0",
    "digits_3",
    "digits_9",
    "created_state",
)


def operation_json(operation: Operation, now: datetime) -> Json:
    """Return the resource as it looks at a moment; not to be changed by the caller."""
    if not operation.done:
        return _resource(operation, now)
    if operation.told is None:
        operation.told = _resource(operation, now)
    return operation.told


def _resource(operation: Operation, now: datetime) -> Json:
    answer: Json = {"name": operation.name, "metadata": _metadata(operation, now)}
    if operation.done:
        answer["done"] = True
    elif "done" in operation.holes:
        answer["done"] = False
    if operation.error is not None:
        code, text = operation.error
        answer["error"] = {"code": code, "message": text}
    elif operation.state is State.SUCCEEDED:
        answer["response"] = {"@type": EMPTY_TYPE}
    return answer


def created_json(operation: Operation) -> Json:
    """Return the resource as the request that created it is answered."""
    stamp = rfc3339(operation.created)
    state = {} if "created_state" in operation.holes else {"state": State.PENDING}
    return {
        "name": operation.name,
        "metadata": {
            "@type": METADATA_TYPE,
            **state,
            "description": operation.task.description,
            "createTime": stamp,
            "updateTime": stamp,
            "startTime": rfc3339(EPOCH),
            "type": operation.task.type,
            "priority": operation.task.priority,
        },
    }


def _metadata(operation: Operation, now: datetime) -> Json:
    digits = next((n for n in (0, 3, 9) if f"digits_{n}" in operation.holes), 6)
    running = operation.state in (State.RUNNING, State.CANCELLING)
    progress = operation.progress(now)
    metadata: Json = {
        "@type": METADATA_TYPE,
        "state": operation.state,
        "description": operation.task.description,
        "priority": operation.task.priority,
        "createTime": rfc3339(operation.created, digits=digits),
        "updateTime": rfc3339(now if running else operation.updated, digits=digits),
        "startTime": rfc3339(operation.started, digits=digits),
        "type": "EXPORT_SOMETHING_NEW" if "type" in operation.holes else operation.task.type,
    }
    if operation.attempt:
        metadata |= {"attempt": operation.attempt, "stages": _stages(operation, progress)}
    if progress:
        metadata["progress"] = plain_number(progress)
    if operation.ended is not None:
        metadata["endTime"] = rfc3339(operation.ended, digits=digits)
        metadata["batchEecuUsageSeconds"] = plain_number(operation.eecu_s)
    if operation.state is State.SUCCEEDED and operation.task.destination_uris:
        metadata["destinationUris"] = list(operation.task.destination_uris)
    empty = {name for name in ("description", "batchEecuUsageSeconds") if not metadata.get(name)}
    return {
        name: value
        for name, value in metadata.items()
        if name not in empty and (name == "type" or name not in operation.holes)
    }


def _stages(operation: Operation, progress: float) -> list[Json]:
    stage: Json = {
        "displayName": "Create Local Files",
        "description": "Computation and writing of temporary files.",
    }
    # A number and a text: the real service has been seen with both.
    if progress and "stage_numbers" not in operation.holes:
        stage["completeWorkUnits"] = round(progress * WORK_UNITS, 2)
        stage["totalWorkUnits"] = str(WORK_UNITS)
    return [stage]


def eecu_seconds(started: datetime, ended: datetime) -> float:
    """Return the compute that an attempt is billed, in EECU seconds."""
    return LEAST_EECU_S + (ended - started).total_seconds() * EECU_PER_S
