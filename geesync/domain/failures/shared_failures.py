"""Failures that are nobody's own: refusals of all calls of a kind, and what many meet alike.

The world has more ways to fail than rules can list: a policy, a key, a bill, a bucket. They have in
common that everything fails alike, while nothing succeeds.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from geesync.errors import BugError, Cause, RemoteError

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


#: So many assets that fail in the same words, and none that does not, are no coincidence.
MANY = 3

#: Failures that are further apart have nothing to do with one another.
_WHILE = timedelta(days=1)


class SharedFailureError(RemoteError):
    """A failure that nobody knows, and that many met: the world's."""


@dataclass(frozen=True)
class Tried:
    """What came of something that was tried for an asset."""

    asset_id: int  #: negative for what is no asset of the mirror
    name: str  #: of the asset; its last component may be in the words
    place: str  #: the bucket: what succeeds elsewhere says nothing of it
    answer: object  #: an exception is one, too
    store: str = ""  #: whose gate judges it, where there are several
    began: datetime | None = None  #: when it was asked for; of tasks


#: A cause, a place, and what was said.
Words = tuple[Cause, str, str]


@dataclass
class SharedFailures:
    """Judges the failures of one class of work.

    An asset that failed while others succeeded proves nothing when it does so again.
    """

    causes: Collection[Cause]  #: of failures that may be the world's
    _lately: dict[Words, dict[int, datetime]] = field(default_factory=dict, init=False)
    _own: dict[Words, set[int]] = field(default_factory=dict, init=False)
    _judged: set[Words] = field(default_factory=set, init=False)  #: words that are the world's now

    def judge(
        self, tried: Collection[Tried], now: datetime, *, halted: bool
    ) -> tuple[list[object], set[int]]:
        """Return the answers of a pass, and which assets were blamed wrongly before it.

        What is the world's is a SharedFailureError among them. halted: nothing has succeeded since
        the work was halted, so what fails now says nothing against an asset.
        """
        messages = [self._words(attempt) for attempt in tried]
        by_words = list(zip(messages, tried, strict=True))
        failed = [(words, attempt.asset_id) for words, attempt in by_words if words]
        for words, asset_id in failed:
            if asset_id not in self._own.get(words, ()):
                self._lately.setdefault(words, {})[asset_id] = now
        works = {attempt.place for attempt in tried if not isinstance(attempt.answer, Exception)}
        for words in [words for words in self._lately if words[1] in works]:
            self._own.setdefault(words, set()).update(self._lately.pop(words))
        worlds = {
            words
            for words, assets in self._lately.items()
            if sum(at > now - _WHILE for at in assets.values()) >= MANY
        }
        blamed = {asset_id for words in worlds - self._judged for asset_id in self._lately[words]}
        self._judged = worlds
        answers = [
            SharedFailureError(Cause.TRANSIENT, str(attempt.answer))
            if words and (halted or words in worlds)
            else attempt.answer
            for words, attempt in by_words
        ]
        return answers, blamed - {asset_id for _, asset_id in failed}

    def _words(self, attempt: Tried) -> Words | None:
        """Return what failed, as it may be said of others; None if it did not, or is known."""
        error = attempt.answer
        known = isinstance(error, BugError | NotTriedError)
        if known or not isinstance(error, RemoteError) or error.cause not in self.causes:
            return None
        return (
            error.cause,
            attempt.place,
            general_words(str(error), attempt.name.rpartition("/")[2]),
        )


_QUOTED = re.compile(r"""(?<!\w)(['"`]).*?\1""", re.DOTALL)
#: Paths, addresses, ids, numbers.
_PARTICULAR = re.compile(r"[\d/@]")


def general_words(message: str, name: str) -> str:
    """Return a message without what differs from one asset to the next.

    name: of the asset; left out, too.
    """
    general = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", _QUOTED.sub("", message))
    return " ".join(word for word in general.split() if not _PARTICULAR.search(word)).lower()
