"""Text from outside as a terminal, a log or the journal may show it.

Names, errors and pages are anybody's: an escape would change the terminal's title, its screen or
the clipboard of whoever looks, and marks of direction would have a name read as another one.
"""

from __future__ import annotations

import unicodedata


def printable(text: str, *, lines: bool = False) -> str:
    """Return a text in which what is not shown as itself is written out, as Python does.

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
