"""What the disk refuses, as one of our causes."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geesync.errors import Cause, RemoteError

#: Something else has the name that a file or folder of ours should have.
_IN_THE_WAY = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY})

#: Encrypted folders take 143 bytes a name, and always will.
_NAMES = ": move the mirror to another file system"


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Turn the disk's errors into ours: a name in the way is told, all else is the disk's.

    The disk's, or the machine's, cost time, whatever asset they met first. FileNotFoundError is
    left to who knows whether that is one.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            name = error.filename or where
            raise RemoteError(
                Cause.FOREIGN, f"{name} below {where} is in the way, and not geesync's"
            ) from error
        hint = _NAMES if error.errno == errno.ENAMETOOLONG else ""
        raise RemoteError(Cause.DISK, f"{where}: {error.strerror}{hint}") from error
