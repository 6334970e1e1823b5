"""Notices for people who do not look: what is worth one, and how often the same is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

#: Sent when they begin, and not again while they last.
_ONCE = frozenset({"complete", "finished", "quarantined", "unreadable"})

_RETRY = timedelta(minutes=10)

#: What Google's and others' errors may quote: tokens, signatures, passwords in addresses.
_SECRETS = re.compile(
    r"ya29\.[\w.-]+|(?<=Bearer )[\w.~+/=-]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?<=[?&])(?:X-Goog-(?:Signature|Credential)|access_token|key|token)=[^&\s]+"
    r"|-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)",
    re.IGNORECASE,
)
_LONGEST = 500


@dataclass(frozen=True)
class Notice:
    """One notice."""

    kind: str  #: complete, finished, stuck, quarantined, unreadable, disk, halted,
    #: permission or alarm
    subject: str  #: the root, folder, restore or job that it is about; "" is all
    title: str
    text: str
    count: int = 0  #: how many it concerns; one that grows is sent again

    @property
    def key(self) -> str:
        """What identifies it."""
        return f"{self.kind} {self.subject}".strip()

    def to_json(self) -> dict[str, Any]:
        """Return it for a command; docs/notifications.md names the members."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "title": safe(self.title),
            "text": safe(self.text),
            "count": self.count,
        }


@dataclass(frozen=True)
class LastSent:
    """When a notice was sent last, and whether its reason has lasted since."""

    at: datetime
    count: int = 0
    lasting: bool = True


def due(
    found: Sequence[Notice], sent: Mapping[str, LastSent], now: datetime, again: timedelta
) -> list[Notice]:
    """Return the notices to be sent now; the same at most once in ``again``."""
    return [notice for notice in found if _is_due(notice, sent.get(notice.key), now, again)]


def _is_due(notice: Notice, last: LastSent | None, now: datetime, again: timedelta) -> bool:
    if last is None:
        return True
    if _is_fresh(last, now, again):
        return False
    return not last.lasting or notice.kind not in _ONCE or notice.count > last.count


def _is_fresh(last: LastSent, now: datetime, again: timedelta) -> bool:
    return abs(now - last.at) < again  # of the future: the clock was ahead


def remembered(
    found: Sequence[Notice],
    last_sent: Mapping[str, LastSent],
    sent: Mapping[str, bool],
    now: datetime,
    again: timedelta,
) -> dict[str, LastSent]:
    """Return what is to be remembered after sending: ``{key: whether it was sent}``.

    What has ended is remembered until it may be sent again, so that it cannot flutter; what could
    not be sent is tried again soon.
    """
    kept = {
        key: LastSent(last.at, last.count, lasting=False)
        for key, last in last_sent.items()
        if _is_fresh(last, now, again)
    }
    for notice in found:
        last = last_sent.get(notice.key)
        if notice.key in sent:
            went = sent[notice.key]
            at = now if went else now - again + _RETRY
            kept[notice.key] = LastSent(at, notice.count if went else 0, went)
        elif last is not None:
            kept[notice.key] = last
    return kept


def safe(text: str) -> str:
    """Return a text without what looks like a secret, and not too long."""
    hidden = _SECRETS.sub("…", text)
    return hidden if len(hidden) <= _LONGEST else hidden[:_LONGEST] + "…"
