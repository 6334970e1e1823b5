"""Who does work on bytes: the daemon's own threads, processes beside it, or machines elsewhere.

Work is a function of a module: it takes some items, and yields what became of them as it comes.
With plain items it can be pickled, and done anywhere where the mirror's file system is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Self, TypeVar

from geesync.errors import (
    BugError,
    Cause,
    ConfigError,
    MirrorError,
    NotAllowedError,
    RemoteError,
    UnavailableError,
)

Item = TypeVar("Item")
Answer = TypeVar("Answer")

#: Answers, or exceptions, by the number of the item among those that were given.
Results = list[tuple[int, Answer | Exception]]

#: Smaller files are handed over, and synced, with one another; larger ones alone.
SMALL_BYTES = 4 * 1024 * 1024

#: Between two looks whether to go on, and how fast, while somebody works.
TICK_S = 0.5

Work = Callable[[Sequence[Item]], Iterable[Results[Answer]]]


class ByteExecutor:
    """Does work on some items; as a context it ends with whoever works for it.

    at_once: so many loads of items are to be under way at a time.
    """

    def __init__(self, at_once: int = 1) -> None:
        self.at_once = at_once

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Leave nobody at work."""

    def rest(self) -> None:
        """Let idle workers go: there is nothing to do just now."""

    def require(self) -> None:
        """Raise RemoteError TRANSIENT if nothing can be done just now."""

    def loads(self, sizes_bytes: Sequence[int]) -> list[list[int]]:
        """Return the numbers of the items, split into loads of about the same work."""
        loads: list[list[int]] = [[] for _ in range(min(self.at_once, len(sizes_bytes)))]
        weights = [0] * len(loads)
        for number, size_bytes in sorted(enumerate(sizes_bytes), key=lambda item: -item[1]):
            lightest = weights.index(min(weights))
            weights[lightest] += size_bytes + _LEAST_BYTES
            loads[lightest].append(number)
        return [sorted(load) for load in loads]

    def share(self, at_once: int) -> int:
        """Return how many items each load may have on its way, of so many altogether."""
        return -(-at_once // self.at_once)

    def do(
        self, work: Work[Item, Answer], items: Sequence[Item], go_on: Callable[[], object]
    ) -> Generator[Results[Answer]]:
        """Yield what becomes of items, as it comes.

        go_on: called now and then meanwhile; what it raises ends the work. Raises what the work
        fails of as a whole; what it has not answered then has failed of that.
        """
        raise NotImplementedError


#: What a file costs however small it is, in bytes of a large one.
_LEAST_BYTES = 256 * 1024


class ThreadExecutor(ByteExecutor):
    """The threads that ask."""

    def loads(self, sizes_bytes: Sequence[int]) -> list[list[int]]:
        """Return one load of small items: two threads would do Python's work no faster."""
        if sizes_bytes and max(sizes_bytes) <= SMALL_BYTES:
            return [list(range(len(sizes_bytes)))]
        return super().loads(sizes_bytes)

    def do(
        self, work: Work[Item, Answer], items: Sequence[Item], _go_on: Callable[[], object]
    ) -> Generator[Results[Answer]]:
        """Do it in the caller's thread, as far as the next answer is asked for."""
        yield from work(items)


class UnconfirmedError(RemoteError):
    """An error of a worker elsewhere that is an asset's own: it counts once it was seen here, too.

    A worker with a bad memory or a stale view of the mirror must not cost an asset its good name.
    """


#: Whose word the errors are that are not an outside service's; any other is nobody's.
_CAUSES: dict[type[Exception], Cause] = {
    MemoryError: Cause.CRASHED,
    NotAllowedError: Cause.PERMISSION,
    UnavailableError: Cause.TRANSIENT,
    MirrorError: Cause.DISK,  # it is not mounted, or shows another state
    OSError: Cause.DISK,
}


def plain(error: Exception) -> RemoteError:
    """Return an exception as one that can be sent to another process, and what it means."""
    if isinstance(error, RemoteError):
        return error
    for kind, cause in _CAUSES.items():
        if isinstance(error, kind):
            return RemoteError(cause, str(error) or "it takes more memory than there is")
    return BugError(Cause.BUG, f"{type(error).__name__}: {error}")


def require_dask() -> None:
    """Raise ConfigError if Dask's client is not installed."""
    if not find_spec("distributed"):
        raise ConfigError(
            "workers.executor is dask, and Dask is not installed",
            hint="pip install 'geesync[dask]'",
        )


@dataclass(frozen=True)
class Orders:
    """What a daemon tells its workers while they work: how fast, and whether to go on."""

    daemon: str
    number: int = 0  #: the highest counts
    rate: float | None = None  #: bytes a second for all that one of them fetches; None is no limit
    stop: bool = False


_orders: dict[str, Orders] = {}


def receive(orders: Orders) -> None:
    """Take over a daemon's orders, unless newer ones are known."""
    if orders.number >= orders_of(orders.daemon).number:
        _orders[orders.daemon] = orders


def orders_of(daemon: str) -> Orders:
    """Return the latest orders of a daemon."""
    return _orders.get(daemon, Orders(daemon))
