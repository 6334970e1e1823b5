"""What the errors of Earth Engine and Cloud Storage mean, decided once: by status, then by message.

Messages are Earth Engine's own words where they were seen in public (docs/earth-engine.md); an
unknown one is never fatal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from geesync.errors import WORLDLY, Cause, RemoteError


def _like(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


#: The limit that a project's administrator has set; other quotas are of calls a minute.
_OVER_QUOTA = _like(r"daily_eecu_usage_time")
_GONE = _like(
    r"does not exist or doesn.t allow|not found \(does not exist or caller|asset .* not found"
    r"|requested entity was not found"
)
#: What a refusal says of something that is, perhaps, not there at all.
_PERHAPS_ABSENT = _like(r"may not exist")
_PLAN = _like(
    r"export too large|compatible data types|unbounded image|memory limit|out of memory"
    r"|computation timed out|total request size|pixel grid dimensions|number of bands"
)
_TRANSIENT = _like(
    r"capacity exceeded|currently unavailable|too many concurrent|rate limit|quota exceeded"
    r"|try again"
)
_INTERNAL = _like(r"internal error")
#: Cloud Storage's refusal of our service account, as an export's failure repeats it.
_PERMISSION = _like(
    r"required permission to use project|insufficient authentication scopes"
    r"|has not been used in project|permission '.*' denied|does not have storage\."
    r"|do not have storage quota"
)
_RATE_LIMIT = _like(r"rate_?limit_?exceeded|userRateLimitExceeded")

_MESSAGES = (
    # https://developers.google.com/earth-engine/guides/image_manifest#mask_bands
    (_like(r"at most 1 mask band"), Cause.UNSUPPORTED),
    (_like(r"too many tasks already in the queue"), Cause.QUEUE_FULL),
    (_OVER_QUOTA, Cause.OVER_QUOTA),
    (_like(r"different operation was already started"), Cause.MAYBE_STARTED),
)

_ENDINGS = (
    (_like(r"not enough space in google drive"), Cause.DRIVE_FULL),
    (_OVER_QUOTA, Cause.OVER_QUOTA),
    (_PLAN, Cause.PLAN),
    (_PERMISSION, Cause.PERMISSION),
    (_GONE, Cause.GONE),
    (_TRANSIENT, Cause.TRANSIENT),
)

_CANCELLED_CODE = 1
_PERMISSION_CODE = 7

#: OAuth's own word (RFC 6749, 5.2), as google-auth repeats it before its description. Words that
#: are new are final, too; a page that some proxy put in its place has none.
_TOKEN_WORD = re.compile(r"(?:Error code )?([a-z]+(?:_[a-z]+)+)(?::|$)")
_PASSING_TOKEN_WORD = re.compile(
    r"internal_(?:failure|error)|(?:server|backend)_error|.*unavailable|.*_exceeded|.*timeout"
    r"|slow_down|authorization_pending"
)
#: What google-auth says itself when a person must log in anew.
_REAUTHENTICATE = _like(r"reauth|not all requested scopes")


def classify_credentials(message: str, status: int | None = None) -> Cause:
    """Return why no token could be had, by OAuth's own word; anything else passes.

    google-auth calls a broken token endpoint final, which it is not. status: that Google's API
    for impersonation answered with, if it did.
    """
    word = _TOKEN_WORD.match(message)
    final = (
        (word and not _PASSING_TOKEN_WORD.fullmatch(word[1]))
        or _REAUTHENTICATE.match(message)
        or (status is not None and classify_call(status, "") not in WORLDLY - {Cause.PERMISSION})
    )
    return Cause.PERMISSION if final else Cause.TRANSIENT


def classify_call(status: int | None, message: str) -> Cause:
    """Return why a call failed; a status of None is a connection that broke."""
    if cause := _cause_in(_MESSAGES, message):
        return cause
    if status is None or status in {408, 429} or status >= 500:  # noqa: PLR2004 # HTTP's own numbers
        return Cause.TRANSIENT
    if status in {401, 403}:
        limited = _RATE_LIMIT.search(message) or _TRANSIENT.search(message)
        return Cause.TRANSIENT if limited else Cause.PERMISSION
    if status in {404, 410} or _GONE.search(message):
        return Cause.GONE
    if _TRANSIENT.search(message) or _INTERNAL.search(message):
        return Cause.TRANSIENT
    return Cause.PLAN if _PLAN.search(message) else Cause.BUG


def refusal(status: int | None, message: str, retry_after: str) -> RemoteError:
    """Return what a refusal means; retry_after: its header of that name, or nothing."""
    return RemoteError(
        classify_call(status, message),  # by all of it: reasons stand beside the words
        _refusal((message,))[1] or message,
        status=status,
        retry_after_s=float(retry_after) if retry_after.isdecimal() else None,
    )


def may_be_absent(error: RemoteError) -> bool:
    """Whether an answer is that which Earth Engine gives for an asset that is not there.

    One that is not ours to see gets the same: a proof it is only with a listing that lacks it.
    """
    return error.cause == Cause.GONE or (
        error.cause == Cause.PERMISSION and bool(_PERHAPS_ABSENT.search(str(error)))
    )


def classify_operation(code: int | None, message: str) -> Cause:
    """Return why an operation failed, by its code and message.

    "Internal error." is FAILED, not TRANSIENT: an export that fails so each time must not be paid
    for without end.
    """
    if code == _CANCELLED_CODE:
        return Cause.CANCELLED
    by_code = Cause.PERMISSION if code == _PERMISSION_CODE else Cause.FAILED
    return _cause_in(_ENDINGS, message) or by_code


def _cause_in(patterns: Iterable[tuple[re.Pattern[str], Cause]], message: str) -> Cause | None:
    return next((cause for pattern, cause in patterns if pattern.search(message)), None)


#: An endpoint may answer with a whole web page.
_LONGEST_WORD = 200


def token_error(error: Exception) -> RemoteError:
    """Return what it means that Google gave no token, without the endpoint's answer.

    google-auth's own ``retryable`` calls a broken token endpoint final; OAuth's words decide.
    """
    message = str(error.args[0]) if error.args else type(error).__name__
    status, words = _refusal(error.args[1:])
    message = ": ".join(filter(None, (message[:_LONGEST_WORD], words)))
    return RemoteError(classify_credentials(message, status), f"credentials: {message}")


def _refusal(details: tuple[object, ...]) -> tuple[int | None, str]:
    """Return the status and the words of a Google API's refusal; None and "" where it is none."""
    try:
        error = json.loads(str(details[0]))["error"]
        return int(error["code"]), str(error["message"])[:_LONGEST_WORD]
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
