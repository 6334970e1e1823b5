"""Text as people read it: numbers, what to do about a failure, and what is safe in a terminal."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Sequence
from datetime import timedelta

_MOST_BANDS = 5

#: What to do about each cause.
_NEXT_ACTIONS = {
    "queue_full": "nothing: waiting for Earth Engine's queue",
    "drive_full": "make room in Google Drive, and empty its bin; then it goes on by itself",
    "over_quota": "nothing: resumes when the project may compute again, as a rule the next day",
    "maybe_started": "nothing: looking for an operation whose answer was lost",
    "plan": "nothing: tried again in another form",
    "permission": "check the roles of the account (docs/real-account.md); resumes by itself",
    "disk": "make room on the mirror's disk, or mount it; resumes by itself",
    "foreign": "move what is in the way elsewhere; resumes by itself",
    "unreadable": "have its owner share it with the account; each scan asks again",
    "cancelled": "somebody cancelled it; geesync retry {retry} asks again",
    "bug": "please report it, with what the log says; tried again by itself",
}
_BY_ITSELF = "nothing: tried again by itself"
#: Causes of which the way out of quarantine is another one.
_OWN_WAY_BACK = ("cancelled", "unreadable")
_RETRY = "geesync show {example} tells the history; geesync retry {retry} tries again"


def next_action(cause: str, state: str, example: str = "", count: int = 1) -> str:
    """Return what a person is to do about failures of a cause, in one line.

    What is quarantined is not tried again by itself, whatever the cause. example: an id.
    """
    rests = state == "quarantined" and cause not in _OWN_WAY_BACK
    action = _RETRY if rests else _NEXT_ACTIONS.get(cause, _BY_ITSELF)
    named = shlex.quote(example)
    return action.format(example=named, retry=named if count == 1 else f"--cause {cause}")


def counted(count: float, one: str, many: str = "") -> str:
    """Return a whole number and what follows it: ``1 asset``, ``2,000 assets``.

    many: what follows any number but 1, where that is not ``one`` and an s.
    """
    return f"{count:,.0f} {one if round(count) == 1 else many or one + 's'}"


def masks_text(seen: Sequence[str], unknown: Sequence[str]) -> str:
    """Return in which bands fractional masks count as valid, and where nobody could see it."""
    bands = [
        f"{how} in {', '.join(some[:_MOST_BANDS])}"
        + (f" and {counted(len(some) - _MOST_BANDS, 'other')}" if some[_MOST_BANDS:] else "")
        for how, some in (("count as valid", seen), ("may count as valid", unknown))
        if some
    ]
    return f"fractions {'; '.join(bands)}" if bands else ""


def size(size_bytes: float) -> str:
    """Return a readable size: ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size_bytes) < 1024 or unit == "TiB":  # noqa: PLR2004 # the step between units
            return f"{size_bytes:,.0f} {unit}" if unit == "B" else f"{size_bytes:,.1f} {unit}"
        size_bytes /= 1024
    raise AssertionError


def gib(size_bytes: float) -> str:
    """Return a size in GiB, beside others of which it is a share: ``0.5 GiB``."""
    return f"{size_bytes / 1024**3:,.1f} GiB"


def duration(span: timedelta) -> str:
    """Return a readable span: ``3 d 4 h``; one below nothing, by a clock that was set, is none."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length, smaller, part in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if seconds >= length:
            return f"{seconds // length:,} {unit} {seconds % length // part} {smaller}"
    return f"{seconds} s"


def percent(part: float, whole: float) -> str:
    """Return a share, never rounded up: 99.96 % must not say that all is done."""
    return f"{int(1000 * part / whole) / 10:.1f} %" if whole else "0.0 %"


def printable(text: str, *, lines: bool = False) -> str:
    """Return a text in which what is not shown as itself is written out, as Python does.

    Names, errors and pages are anybody's: an escape would change a terminal's title, its screen or
    somebody's clipboard, and marks of direction would have a name read as another one.
    lines: whether it may have several.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or _is_space(char, lines=lines) else _written_out(char)
        for char in text
    )


def _is_space(char: str, *, lines: bool) -> bool:
    return (lines and char == "\n") or unicodedata.category(char) == "Zs"


def _written_out(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 # two digits
