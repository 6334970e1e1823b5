"""What the doctor says: one line for each look, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's."""

    name: str
    verdict: Severity
    text: str
    mend: str = ""  #: the command, or the page, that mends it


def ok(name: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(name, Severity.OK, text)


def warn(name: str, text: str, mend: str) -> Finding:
    """Return what works, and not as it should."""
    return Finding(name, Severity.WARN, text, mend)


def fail(name: str, text: str, mend: str) -> Finding:
    """Return what does not work."""
    return Finding(name, Severity.FAIL, text, mend)
