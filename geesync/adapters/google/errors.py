"""What all of Google's clients raise, as what it means."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from geesync.domain.failures.google_errors import UNREADABLE, no_answer, token_error, unreadable

Answer = TypeVar("Answer")


def translated(call: Callable[[], Answer]) -> Answer:
    """Make a call, and raise what it raises as a RemoteError."""
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 # slow to load

    try:
        return call()
    except GoogleAuthError as error:
        raise token_error(error) from None  # its context holds the endpoint's whole answer
    except OSError as error:
        raise no_answer(error) from error
    except UNREADABLE as error:
        raise unreadable(error) from error
