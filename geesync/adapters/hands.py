"""Who does work on bytes: an executor, and the one that needs nobody.

A job is a function of a module with plain values and a plain answer, so that it can be pickled and
done anywhere where the mirror's file system is.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from importlib.util import find_spec
from typing import Any, TypeVar

from geesync.errors import ConfigError, RemoteError

Answer = TypeVar("Answer")


class HearsayError(RemoteError):
    """What somebody elsewhere said against an asset: it counts only once it was seen here, too.

    A worker with a bad memory or a stale view of the mirror must not cost an asset its good name.
    """


class Hands(Executor):
    """An executor that may be away for a while."""

    def require(self) -> None:
        """Raise RemoteError TRANSIENT if nothing can be done just now."""


class Here(Hands):
    """Does what is submitted in the thread that submits it, before it returns the future."""

    def submit(self, fn: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Future[Answer]:
        """Return a future that is done."""
        future: Future[Answer] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 # it is the future's, as with any executor
            future.set_exception(error)
        return future


def require_dask() -> None:
    """Raise ConfigError if Dask's client is not installed."""
    if not find_spec("distributed"):
        raise ConfigError(
            "workers.executor is dask, and Dask is not installed",
            hint="pip install 'geesync[dask]'",
        )
