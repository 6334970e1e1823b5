"""Scripted trouble: which requests go wrong, how, and how often each did.

A test adds rules and afterwards asserts from their counts that the trouble really happened.
``FaultyTransport`` beside it puts the rules between a server and the wire.
"""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

Action = Literal[
    "status",  # answer with an error instead of doing the work
    "html",  # answer with a web page instead of doing the work (a proxy's 502, a login page)
    "bomb",  # answer with ``after_bytes`` of blanks, as gzip packs them, before an empty object
    "reset",  # drop the connection before doing the work; with ``after_bytes``, in the answer
    "drop_response",  # do the work, then drop the connection instead of answering
    "replace_response",  # do the work, then answer with an error all the same
    "change",  # change the account, then go on as usual: something happens between two requests
    "mix_up",  # answer what was asked of ``change["asset"]`` as if it were of ``change["for"]``
    "swap",  # answer what was asked by the next request that is hit, and that one likewise
    "truncate",  # answer, but close the connection properly after ``after_bytes`` of the body
    "corrupt",  # answer, with one byte of the body changed at ``after_bytes``
    "stall",  # do the work, answer ``after_bytes`` of the body, then send nothing for a while
    "trickle",  # answer ``after_bytes`` of the body at a time, each after ``seconds``
    "delay",  # wait ``seconds``, then go on as usual
    "ignore_range",  # answer as if the request had not asked for a part only
]
ACTIONS: frozenset[str] = frozenset(get_args(Action))


@dataclass
class Fault:
    """One rule; the first rule that matches a request and is not used up is taken."""

    action: Action
    server: str = ""  #: "earth_engine" or "storage"; "" = both
    method: str = ""  #: "GET", "POST" …; "" = any
    path: str = ""  #: regular expression, searched in "/decoded/path?raw-query"
    skip: int = 0  #: so many matching requests pass before the first one is hit
    count: int | None = 1  #: so many are hit; None = all
    status: int = 503  #: HTTP status for "status" and "html"
    #: Text of the answer; None = what Google would say. "{fired}" in a page counts the hits.
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)  #: e.g. {"Retry-After": "30"}
    after_bytes: int = 0  #: how much of the body arrives intact
    seconds: float = 0.0  #: real seconds, for "delay", "stall" and "trickle"
    change: dict[str, Any] = field(default_factory=dict)  #: as for ``POST /-/world``
    seen: int = 0  #: matching requests so far
    fired: int = 0  #: hits so far

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"unknown action {self.action!r}")
        re.compile(self.path)

    def matches(self, server: str, method: str, target: str) -> bool:
        """Tell whether the rule is about this request."""
        return (
            self.server in ("", server)
            and self.method in ("", method)
            and re.search(self.path, target) is not None
        )


class Faults:
    """The rules in force; shared by all servers of one simulation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, action: Action, **knobs: Any) -> Fault:
        """Add a rule (knobs as in ``Fault``) and return it, so that its count can be read.

        Raises ValueError or TypeError if there is no such action or knob.
        """
        rule = Fault(action, **knobs)
        with self._lock:
            self._rules.append(rule)
        return rule

    def take(self, server: str, method: str, target: str) -> Fault | None:
        """Return the rule that hits this request, if one does, and count the hit."""
        with self._lock:
            for rule in self._rules:
                if not rule.matches(server, method, target):
                    continue
                rule.seen += 1
                if rule.seen <= rule.skip or rule.fired == rule.count:
                    continue
                rule.fired += 1
                return rule
        return None

    def clear(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._rules.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Return all rules with their counts."""
        with self._lock:
            return [asdict(rule) for rule in self._rules]


KNOBS: frozenset[str] = frozenset(knob.name for knob in fields(Fault)) - {"seen", "fired"}
