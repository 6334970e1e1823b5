"""What the log looks like: for people on a terminal, JSON lines for machines."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog
from structlog.typing import EventDict

#: Longer texts come from outside; a log line is no place for them.
_LONGEST_TEXT = 2000


def configure(*, log_format: Literal["auto", "console", "json"], level: str) -> None:
    """Decide once where events go (stderr) and how they look."""
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _one_line,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def _one_line(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Keep names and messages from outside from writing lines of their own."""
    return {
        key: _tame(value) if isinstance(value, str) and key != "exception" else value
        for key, value in event.items()
    }


def _tame(text: str) -> str:
    cut = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in cut)
