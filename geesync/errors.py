"""The errors of geesync: who must act, what to do next, and with which code the program ends.

Two trees. A ``UserError`` ends a command with one line and its exit code. A ``RemoteError`` says
what Earth Engine, Cloud Storage or the disk answered, already classed by ``Cause``; the daemon
never ends because of one.
"""

from __future__ import annotations

import os
from enum import IntEnum, StrEnum
from functools import partial
from pathlib import Path

#: Where the pages are that errors and help name: an installed program has no folder of them.
DOCS = "https://github.com/geesync/geesync/blob/main/docs"


class ExitCode(IntEnum):
    """What the program's end says; documented in docs/exit-codes.md."""

    OK = 0
    INCOMPLETE = 1  #: it worked, and not everything is verified or sound
    USAGE = 2
    LEDGER = 65  #: the ledger is damaged, foreign, or newer than the program
    UNAVAILABLE = 69  #: Earth Engine or the bucket cannot be reached
    MIRROR = 74  #: a disk: of the mirror, the ledger, or a file that a command names
    LOCKED = 75  #: another daemon works on this ledger
    PERMISSION = 77  #: credentials are missing or not allowed to do this
    CONFIG = 78
    INTERRUPTED = 130


class GeesyncError(Exception):
    """The root of what geesync raises itself."""

    exit_code = ExitCode.INCOMPLETE


class UserError(GeesyncError):
    """Something that a person must mend; shown as one line, never as a traceback."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}: {self.hint}" if self.hint else self.what


class ConfigError(UserError):
    """The configuration says something impossible, or too little."""

    exit_code = ExitCode.CONFIG


class LedgerError(UserError):
    """The ledger cannot be used as it is; nothing was written to it."""

    exit_code = ExitCode.LEDGER


#: What to do about a ledger that cannot be used.
RESTORE = "put a backup in its place: geesync recover --from-backup FILE"


def damaged(what: object, ledger: object = "") -> LedgerError:
    """Return what is to be said of something in the ledger that geesync does not write."""
    return LedgerError(f"the ledger {ledger or 'in use'} is damaged: {what}", hint=RESTORE)


class LockedError(UserError):
    """Another process holds the ledger's lock."""

    exit_code = ExitCode.LOCKED


class MirrorError(UserError):
    """The mirror's folder is missing, foreign or unwritable."""

    exit_code = ExitCode.MIRROR


class NotAllowedError(UserError):
    """Credentials are missing, expired or not allowed to do what was asked."""

    exit_code = ExitCode.PERMISSION


class UnavailableError(UserError):
    """Earth Engine or Cloud Storage did not answer a command that needs it."""

    exit_code = ExitCode.UNAVAILABLE


class Cause(StrEnum):
    """Why something did not work: it decides who must act and whether it is tried again."""

    #: The world's: an outage, a rate limit, a network. Costs time only.
    TRANSIENT = "transient"
    #: The project's queue at Earth Engine is full. Costs time only.
    QUEUE_FULL = "queue_full"
    #: The project's compute of the day is used up. Costs time only.
    OVER_QUOTA = "over_quota"
    #: The Drive that exports go to has no room. Costs time only.
    DRIVE_FULL = "drive_full"
    #: A request with this id was made before: its operation may be running.
    MAYBE_STARTED = "maybe_started"
    #: Not in this form: smaller tiles, another split. Tried again with another plan.
    PLAN = "plan"
    #: The asset, operation or object is not there (or not for us to see).
    GONE = "gone"
    #: Somebody cancelled the operation. Respected, never asked again by itself.
    CANCELLED = "cancelled"
    #: No right, no billing, no API. The class of work halts until a probe succeeds.
    PERMISSION = "permission"
    #: The disk: full, read-only, failing. Costs time only.
    DISK = "disk"
    #: Something that is not geesync's has the name of a file or folder. Costs time only.
    FOREIGN = "foreign"
    #: Bytes or pixels that differ from what they must be.
    INTEGRITY = "integrity"
    #: The process that read its file died of it, or had not the memory. Tried a few times.
    CRASHED = "crashed"
    #: It cannot be taken as files, by its nature.
    UNSUPPORTED = "unsupported"
    #: Earth Engine lists it, and does not let it be read. Asked again at each scan.
    UNREADABLE = "unreadable"
    #: Earth Engine failed this export and no rule says why. Tried a few times.
    FAILED = "failed"
    #: A request that Earth Engine calls malformed: geesync's own mistake.
    BUG = "bug"


#: Causes that lie in the world, not in the asset: they delay for ever and never quarantine.
WORLDLY = frozenset(
    {
        Cause.TRANSIENT,
        Cause.QUEUE_FULL,
        Cause.OVER_QUOTA,
        Cause.DRIVE_FULL,
        Cause.PERMISSION,
        Cause.DISK,
        Cause.FOREIGN,
        Cause.MAYBE_STARTED,
    }
)


#: Whatever an answer asks for: a number beyond any calendar must not be our error.
LONGEST_ASKED_S = 86_400.0

#: A reason is words; more is somebody's web page.
_LONGEST_REASON = 2000


def reason(text: object) -> str:
    """Return what a server told, as a text that ledger, log and page can hold."""
    return str(text)[:_LONGEST_REASON].encode(errors="replace").decode()


def refused(error: OSError) -> str:
    """Return what the system says of a file, and of which."""
    message = error.strerror or type(error).__name__
    here = Path(os.environ.get("PWD", "/"))
    if not error.filename and not here.exists():  # so no relative path leads anywhere
        return f"{here}, in which this was started, is gone: change into another folder"
    return f"{error.filename}: {message}" if error.filename else message


class RemoteError(GeesyncError):
    """What the outside world answered, classed.

    ``status`` is the HTTP status where there was one; ``retry_after_s`` what the answer asked for.
    """

    def __init__(
        self,
        cause: Cause,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason(message))
        self.exit_code = ExitCode.MIRROR if cause == Cause.DISK else ExitCode.UNAVAILABLE
        self.cause = cause
        self.status = status
        self.retry_after_s = retry_after_s and min(retry_after_s, LONGEST_ASKED_S)

    @property
    def costs_time_only(self) -> bool:
        """Whether it says nothing against an asset: it delays, and is never counted."""
        return self.cause in WORLDLY

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(type(self), status=self.status, retry_after_s=self.retry_after_s)
        return again, (self.cause, str(self))


class BugError(RemoteError):
    """An exception that is nobody's word: geesync's own mistake, wherever it was made."""

    costs_time_only = True
