"""Prints to terminals of any encoding, and lets no text control them."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from geesync.domain.messages.words import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, ConsoleRenderable
    from rich.segment import Segment

#: What our own words have beyond ASCII, for terminals that have no more.
_LIKE = str.maketrans(
    {"→": "->", "…": "...", "–": "-", "—": "-", "·": "-", "━": "#", "─": "-", "≥": ">=", "×": "x"}
)
_ERRORS = "geesync.like"


def console(*, stderr: bool = False) -> Console:
    """Return a console; without wrapping where the output is no terminal."""
    from rich.console import Console

    soft_wrap = stderr or not sys.stdout.isatty()
    # Of a terminal that tells no size nothing would be shown.
    width = None if os.environ.get("COLUMNS", "1").strip("0") else 80
    made = Console(stderr=stderr, soft_wrap=soft_wrap, highlight=False, emoji=False, width=width)
    made.push_render_hook(_Printable())  # type: ignore[arg-type] # it is one by its shape
    return made


def accept_any_text() -> None:
    """Have standard output and error take any text, whatever their encoding, or if closed."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 # till the end
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 # likewise
    codecs.register_error(_ERRORS, _like)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def _like(error: UnicodeError) -> tuple[str, int]:
    """Return replacements for characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end].translate(_LIKE)
    return "".join(char if char.isascii() else "?" for char in missing), error.end


class _Printable:
    """What rich asks before it renders: all text passes ``printable``, its own controls do not."""

    def process_renderables(self, renderables: list[Any]) -> list[Any]:
        return [_Shown(renderable) for renderable in renderables]


class _Shown:
    def __init__(self, renderable: ConsoleRenderable) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Segment]:
        for segment in console.render(self._renderable, options):
            shown = segment.text if segment.control else printable(segment.text, lines=True)
            yield segment._replace(text=shown)
