"""What the Cloud Storage client raises, as what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from geesync.domain.failures.google_errors import (
    UNREADABLE,
    classify_call,
    no_answer,
    token_error,
    unreadable,
)
from geesync.errors import Cause, RemoteError

Answer = TypeVar("Answer")

_PRECONDITION_FAILED = 412


@contextmanager
def missing_is_forbidden(bucket: str) -> Iterator[None]:
    """Tell of a bucket that is not there as of one that we may not use."""
    try:
        yield
    except RemoteError as error:
        if error.cause != Cause.GONE:
            raise
        raise RemoteError(
            Cause.PERMISSION, f"there is no bucket {bucket}: {error}", status=error.status
        ) from error


def translated(call: Callable[[], Answer]) -> Answer:
    """Make a call, and raise what it raises as a RemoteError."""
    with _translating():
        return call()


@contextmanager
def _translating() -> Iterator[None]:
    import requests  # noqa: PLC0415
    from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

    try:
        yield
    except GoogleAPICallError as error:
        raise classed(error.code, str(error.message), error.response) from error
    except GoogleAuthError as error:
        raise token_error(error) from None  # its context holds the endpoint's whole answer
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise no_answer(error) from error
    except UNREADABLE as error:
        raise unreadable(error) from error


def classed(status: int | None, message: str, response: Any) -> RemoteError:
    """Return what an answer of Cloud Storage means that is none."""
    retry_after = response.headers.get("retry-after", "") if response is not None else ""
    cause = Cause.GONE if status == _PRECONDITION_FAILED else classify_call(status, message)
    return RemoteError(
        cause,
        message,
        status=status,
        retry_after_s=float(retry_after) if retry_after.isdecimal() else None,
    )
