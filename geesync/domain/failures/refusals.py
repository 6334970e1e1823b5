"""What concerns all calls of a kind: after one that hears it, the rest need not ask."""

from __future__ import annotations

import re

from geesync.errors import Cause, RemoteError

#: So many calls in a row without an answer are an outage, not bad luck.
OUTAGE = 8

#: Causes that would be the same for everything of its kind.
FOR_ALL = frozenset({Cause.PERMISSION, Cause.QUEUE_FULL, Cause.OVER_QUOTA})


#: Causes of refusals that no rule knows.
UNKNOWN = frozenset({Cause.FAILED, Cause.BUG})


_POLICY = re.compile(r"organi[sz]ation policy|\bbilling\b", re.IGNORECASE)
_STORE = re.compile(r"\bbuckets?\b|\bstorage\b|\bdrive\b|gs://|\bkms\b|\bassets?\b", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"\bprojects?\b(?!/)|\baccount\b|\bquota\b|earthengine\.exports|revoked|credentials|_grant",
    re.IGNORECASE,
)


def concerns_all(error: RemoteError) -> bool:
    """Whether a refusal is of the account or project, wherever results go.

    Nobody documents the words. What is not plain concerns one destination: the others learn it by
    themselves.
    """
    message = str(error)
    if error.cause in {Cause.QUEUE_FULL, Cause.OVER_QUOTA} or _POLICY.search(message):
        return True
    return not _STORE.search(message) and bool(_ACCOUNT.search(message))


class NotTriedError(RemoteError):
    """It was not even asked: others of its kind had just been refused."""


def stopped() -> RemoteError:
    """Return what ends work that was asked to end."""
    return RemoteError(Cause.TRANSIENT, "stopped")


class Calls:
    """The calls of one pass: after a refusal, or an outage, the rest of them need not try."""

    def __init__(self, *, unknown_too: bool = False) -> None:
        """Begin; unknown_too: refusals that no rule knows are an outage, too, if they go on."""
        self._outage = {Cause.TRANSIENT, *(UNKNOWN if unknown_too else ())}
        self._unanswered = 0
        self._last: RemoteError | None = None

    def refusal(self) -> NotTriedError | None:
        """Return what those hear that need not try; None lets them through."""
        return NotTriedError(self._last.cause, str(self._last)) if self._last else None

    def note(self, answer: object) -> None:
        """Learn from one answer."""
        if not isinstance(answer, RemoteError):
            self._unanswered = 0
        elif answer.cause in FOR_ALL:
            self._last = answer
        elif answer.cause in self._outage:
            self._unanswered += 1
            if self._unanswered >= OUTAGE:
                self._last = answer
        else:
            self._unanswered = 0
