"""What it means when Google's clients stumble: over a token, or over an answer that is none."""

from __future__ import annotations

from geesync.domain.tasks.failures import classify_credentials
from geesync.errors import Cause, RemoteError

#: An endpoint may answer with a whole web page.
_LONGEST_WORD = 200


def token_error(error: Exception) -> RemoteError:
    """Return what it means that Google gave no token, without the endpoint's answer.

    google-auth's own ``retryable`` calls a broken token endpoint final; OAuth's words decide.
    """
    told = str(error.args[0]) if error.args else type(error).__name__
    return RemoteError(classify_credentials(told), f"credentials: {told[:_LONGEST_WORD]}")


def no_answer(error: BaseException) -> RemoteError:
    """Return what it means that a connection failed, with the system's own word for it."""
    chain: list[BaseException] = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    told = [one.strerror for one in chain if isinstance(one, OSError) and one.strerror]
    words = [type(error).__name__, *told[-1:]]
    return RemoteError(Cause.TRANSIENT, f"no answer: {': '.join(words)}")


#: What Google's clients raise, all the way through, for answers that they did not expect.
UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, RecursionError)


def unreadable(error: Exception) -> RemoteError:
    """Return what it means that a client stumbled over an answer: somebody else's page."""
    return RemoteError(Cause.TRANSIENT, f"an unreadable answer: {type(error).__name__}")
