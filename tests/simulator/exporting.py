"""Exports that write a name into a list, and the account that runs them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from geesync.simulator import CALM, Profile, always
from geesync.simulator.clock import SimClock
from geesync.simulator.tasks.operation import Operation, Task, Work
from geesync.simulator.tasks.operations import Operations
from geesync.simulator.wire.audit import Audit

PROJECT = "demo-project"
MINUTE = replace(CALM, run_s=always(60))


@dataclass
class File:
    """A file that appears in a list when it may be seen."""

    files: list[str]
    name: str

    def publish_some(self) -> None:
        pass

    def publish(self) -> None:
        self.files.append(self.name)

    def drop(self) -> None:
        pass


class Account:
    """Operations on a clock, and the names of the files that exports have written."""

    def __init__(self, profile: Profile, seed: int = 0) -> None:
        self.clock = SimClock()
        self.audit = Audit(self.clock)
        self.operations = Operations(self.clock, profile, self.audit, seed=seed)
        self.files: list[str] = []

    def start(self, description: str = "d", **fields: object) -> Operation:
        """Start an export that writes one file, named like it."""
        known = {"project": PROJECT, "type": "EXPORT_IMAGE", "body_hash": description}
        task = Task(**{**known, **fields}, description=description, work=self._work(description))  # type: ignore[arg-type] # a test's shorthand
        operation = self.operations.start(task)
        self.operations.settle()
        return operation

    def _work(self, name: str) -> Work:
        return lambda: File(self.files, name)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.operations.settle()

    def states(self) -> list[str]:
        return [operation.state.value for operation in self.operations.all()]
