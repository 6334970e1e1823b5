"""Work for a process that is not this one: it finds these functions by their names."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from geesync.adapters.executors.executor import Results, orders_of
from geesync.adapters.storage.stores import ObjectSource


def do(items: Sequence[Any]) -> Iterator[Results[Any]]:
    """Call each; told at once, so that it is known which came last."""
    for number, (function, *arguments) in enumerate(items):
        yield [(number, function(*arguments))]


def source_keeps_on(items: Sequence[ObjectSource]) -> Iterator[Results[int]]:
    """Tell whom it is that works, then whether the daemon wants that still, until it does not."""
    yield [(0, os.getpid())]
    while items[0].keep_on():
        time.sleep(0.01)
    yield [(1, 0)]


def rate(_items: object) -> Iterator[Results[float | None]]:
    """Tell at what rate may be fetched."""
    yield [(0, orders_of("daemon").rate)]


def a_mistake(items: Sequence[Any]) -> Iterator[Results[None]]:
    """Have failed in a way that nobody thought of."""
    yield [(number, KeyError("oops")) for number, _ in enumerate(items)]


def die_once(mark: Path) -> str:
    """Die as one does whom the system kills; the second time live."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def nothing() -> None:
    """Go on."""
