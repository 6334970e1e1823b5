"""Which request ids were used, by whom and for what, and what a repeat gets."""

from __future__ import annotations

from dataclasses import dataclass

from geesync.simulator.profiles import Dice, Profile
from geesync.simulator.refusals import CallRefused
from geesync.simulator.tasks.operation import Task

REFUSAL = "A different Operation was already started with the given request_id."


@dataclass(frozen=True)
class _Use:
    body_hash: str
    operation_id: str  #: "" = the request was rejected, the id is burnt


class RequestIds:
    """The memory of used ids, per principal; it never forgets."""

    def __init__(self, profile: Profile, dice: Dice) -> None:
        self._profile = profile
        self._dice = dice
        self._uses: dict[tuple[str, str], _Use] = {}

    def earlier(self, task: Task) -> str | None:
        """Return the operation that an identical request started before, or None.

        Raises CallRefused if the id was used before and the service will not say for what.
        """
        use = self._uses.get((task.principal, task.request_id)) if task.request_id else None
        if use is None:
            return None
        identical = use.body_hash == task.body_hash and use.operation_id
        if identical and self._returns_earlier():
            return use.operation_id
        raise CallRefused(self._profile.duplicate_status, REFUSAL)

    def started(self, task: Task, operation_id: str) -> None:
        """Remember what an id was used for."""
        if task.request_id:
            key = (task.principal, task.request_id)
            self._uses[key] = _Use(task.body_hash, operation_id)

    def rejected(self, task: Task) -> None:
        """Remember an id whose request was refused, if the service does."""
        if self._profile.burn_rejected_ids:
            self.started(task, "")

    def _returns_earlier(self) -> bool:
        if self._profile.duplicates == "either":
            return self._dice.happens("duplicate", 0.5)
        return self._profile.duplicates == "same_operation"
