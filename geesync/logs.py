"""What the log looks like: for people on a terminal, fields in the journal, JSON elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from geesync.adapters.host.journal import Journal, is_journal
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import printable
from geesync.logger import get_logger, structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict

log = get_logger()

#: Longer texts come from outside; a log line is no place for them.
_LONGEST_TEXT = 2000


def configure(*, log_format: Literal["auto", "console", "json"], level: str) -> None:
    """Decide once where events go (stderr) and how they look."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            Fold(),
            _as_read,
            _renderer(log_format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[Libraries()])


class Libraries(logging.Handler):
    """Makes events of what libraries log: theirs would be no JSON, and raw text of servers."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a library's line, its traceback with it."""
        said = record.getMessage()
        log.warning("library_said", library=record.name, error=said, exc_info=record.exc_info)


def _renderer(log_format: Literal["auto", "console", "json"]) -> Any:
    """Return what writes an event; auto finds out who reads it."""
    if log_format == "auto" and is_journal(sys.stderr.fileno()):
        return JournalRenderer(Journal())
    if log_format == "json" or (log_format == "auto" and not sys.stderr.isatty()):
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    render = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=_EVENT_WIDTH)

    def for_people(logger: Any, method: str, event: EventDict) -> str:
        """Write an event to the second, and without what is not there."""
        line = {key: value for key, value in event.items() if value is not None}
        return render(logger, method, line | {"timestamp": f"{event['timestamp'][:_SECONDS]}Z"})

    return for_people


_EVENT_WIDTH = 16
_SECONDS = len("2026-01-01T00:00:00")

#: syslog's numbers, which the journal keeps.
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


@dataclass(frozen=True)
class JournalRenderer:
    """Sends events to the journal, each field by its name: ``journalctl GEESYNC_ASSET=…``."""

    journal: Journal

    def __call__(self, _logger: Any, method: str, event: EventDict) -> EventDict:
        """Send; nothing is left to be printed. What cannot be sent goes to stderr as JSON."""
        own = {key: value for key, value in event.items() if key not in _JOURNAL_KNOWS}
        shown = "".join(f" {key}={value}" for key, value in own.items() if value is not None)
        fields: dict[str, object] = {
            **{f"GEESYNC_{key}": value for key, value in own.items()},
            "MESSAGE": f"{event['event']}{shown}",
            "PRIORITY": _PRIORITIES.get(event.get("level", method), 6),
            "SYSLOG_IDENTIFIER": "geesync",
            "GEESYNC_EVENT": event["event"],
        }
        try:
            self.journal.send(fields)
        except OSError:
            sys.stderr.write(f"{event!r}\n")
        raise structlog.DropEvent


#: What every entry has anyway.
_JOURNAL_KNOWS = frozenset({"event", "level", "timestamp"})

#: The same trouble is told so often within the time, and then counted.
_TOLD = 3
_FOLDED_FOR_S = 60.0


@dataclass
class Fold:
    """Tells repeated trouble a few times a minute; the next telling says how many were not."""

    monotonic: Callable[[], float] = time.monotonic
    _seen: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __call__(self, _logger: Any, method: str, event: EventDict) -> EventDict:
        """Pass the event on, with ``folded`` untold ones, or drop it."""
        if method in {"debug", "info"}:
            return event
        words = (str(event.get(key) or "") for key in ("error", "reason", "alarm"))
        key = (str(event["event"]), "".join(words))
        with self._lock:
            now = self.monotonic()
            since, count = self._seen.pop(key, (now, 0))
            untold = max(count - _TOLD, 0)
            if now - since > _FOLDED_FOR_S:
                since, count = now, 0
            if len(self._seen) > _KINDS:
                self._seen.clear()
            self._seen[key] = (since, count + 1)
            if count >= _TOLD:
                raise structlog.DropEvent
        return {**event, "folded": untold} if untold and not count else event


#: Kinds of trouble that are remembered.
_KINDS = 1000


#: Fields that name assets.
_NAMES = ("asset", "root", "source", "target")


def _as_read(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Name assets by the ids that people type, and let no text from outside write lines."""
    return {
        key: _shown(key, value) if isinstance(value, str) else value for key, value in event.items()
    }


def _shown(key: str, text: str) -> str:
    if key == "exception":
        return printable(text, lines=True)
    named = display_id(text) if key in _NAMES else text
    cut = named if len(named) <= _LONGEST_TEXT else named[:_LONGEST_TEXT] + "…"
    return printable(cut)
