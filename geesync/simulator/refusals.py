"""How the simulated services say no: an answer to a call, or the end of an operation."""

from __future__ import annotations

#: HTTP status → the canonical name that Google's error envelope carries.
STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

#: What is said of calls that come too fast, or too many at once.
TOO_MANY = (
    "Too Many Requests: Request was rejected because the request rate or"
    " concurrency limit was exceeded."
)

#: google.rpc.Code, as ``Operation.error.code`` carries it.
CANCELLED = 1
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
INTERNAL = 13


class CallRefused(Exception):  # noqa: N818 - reads as what happened, like the others here
    """A call is answered with an HTTP error and Google's error envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class BadRequest(CallRefused):
    """A call that can never be right: HTTP 400."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


class NotSimulated(BadRequest):
    """A call that Earth Engine answers and this simulator does not.

    HTTP 400: the status for it would be 501, which clients repeat for a minute.
    """


class ExportRefused(Exception):  # noqa: N818 - reads as what happened, like the others here
    """An accepted export ends as a FAILED operation; ``code`` is a google.rpc.Code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
