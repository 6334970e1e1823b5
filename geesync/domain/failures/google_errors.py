"""What it means when Google's clients stumble: over a token, or over an answer that is none."""

from __future__ import annotations

import json

from geesync.domain.failures.failures import classify_credentials
from geesync.errors import Cause, RemoteError

#: An endpoint may answer with a whole web page.
_LONGEST_WORD = 200


def token_error(error: Exception) -> RemoteError:
    """Return what it means that Google gave no token, without the endpoint's answer.

    google-auth's own ``retryable`` calls a broken token endpoint final; OAuth's words decide.
    """
    message = str(error.args[0]) if error.args else type(error).__name__
    status, words = _refusal(error.args[1:])
    message = f"{message[:_LONGEST_WORD]}{words}"
    return RemoteError(classify_credentials(message, status), f"credentials: {message}")


def _refusal(details: tuple[object, ...]) -> tuple[int | None, str]:
    """Return the status and the words of a Google API's refusal, if google-auth tells one."""
    try:
        error = json.loads(str(details[0]))["error"]
        return int(error["code"]), f": {str(error['message'])[:_LONGEST_WORD]}"
    except (LookupError, ValueError, TypeError, RecursionError):
        return None, ""


def no_answer(error: BaseException) -> RemoteError:
    """Return what it means that a connection failed, with the system's own word for it."""
    chain: list[BaseException] = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    reasons = [link.strerror for link in chain if isinstance(link, OSError) and link.strerror]
    words = [type(error).__name__, *reasons[-1:]]
    return RemoteError(Cause.TRANSIENT, f"no answer: {': '.join(words)}")


#: What Google's clients raise, all the way through, for answers that they did not expect.
UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, RecursionError)


def unreadable(error: Exception) -> RemoteError:
    """Return what it means that a client stumbled over an answer: somebody else's page."""
    return RemoteError(Cause.TRANSIENT, f"an unreadable answer: {type(error).__name__}")
