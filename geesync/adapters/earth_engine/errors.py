"""What the Earth Engine client raises, as what it means: its status is hidden in its context."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from geesync.domain.failures.google_errors import (
    UNREADABLE,
    classify_call,
    no_answer,
    token_error,
    unreadable,
)
from geesync.errors import Cause, RemoteError

Answer = TypeVar("Answer")


def translated(call: Callable[[], Answer]) -> Answer:
    """Make a call, and raise what the client raises as a RemoteError."""
    import ee  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
    from googleapiclient.errors import Error as ApiError  # noqa: PLC0415

    try:
        return call()
    except ee.EEException as error:
        raise _from_answer(error, error.__context__) from error
    except ApiError as error:  # not translated by the client while it connects
        raise _from_answer(error, error) from error
    except GoogleAuthError as error:
        raise token_error(error) from None  # its context holds the endpoint's whole answer
    except OSError as error:
        raise no_answer(error) from error
    except UNREADABLE as error:
        raise unreadable(error) from error


#: What the client makes of a proxy's page: the name of its status, at best.
_NO_WORDS = {"", "ok"}


def _from_answer(error: Exception, cause: BaseException | None) -> RemoteError:
    response = getattr(cause, "resp", None)
    status = getattr(response, "status", None)
    message = str(error)
    if status and message.strip().lower() in _NO_WORDS:
        message = f"HTTP {status} without a reason"
    retry_after = (response or {}).get("retry-after", "") if response is not None else ""
    return RemoteError(
        classify_call(status, message) if status else Cause.TRANSIENT,
        message if status else f"an unreadable answer: {message}",
        status=status,
        retry_after_s=float(retry_after) if retry_after.isdecimal() else None,
    )
