"""Quick-looks of verified images: made when first asked for, then kept beside the mirror."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path

from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.mirror import MARKER
from geesync.errors import GeesyncError
from geesync.logger import get_logger
from geesync.store.browsing.pages import Picture, picture

log = get_logger()

_CACHE = f"{MARKER}/quicklooks"

#: One at a time: the mirror's disk and the processors have better things to do.
_ONE = threading.Lock()


def find(ledger: Path, asset_id: int) -> bytes | None:
    """Return the PNG of a verified image; None if there is none to show."""
    wanted = picture(ledger, asset_id)
    if wanted is None:
        return None
    try:
        with _ONE:
            return _kept(wanted) or _made(wanted)
    except (GeesyncError, OSError) as error:
        log.warning("quicklook_failed", asset=wanted.name, error=str(error))
        return None


def _file(wanted: Picture) -> str:
    digest = hashlib.sha256(f"{wanted.name}\n{wanted.revision}".encode()).hexdigest()
    return f"{digest[:32]}.png"


def _kept(wanted: Picture) -> bytes | None:
    with (
        suppress(FileNotFoundError),
        folder(wanted.mirror, _CACHE, create=False) as cache,
        cache.opened(_file(wanted), os.O_RDONLY) as descriptor,
    ):
        return Path(f"/proc/self/fd/{descriptor}").read_bytes()
    return None


def _made(wanted: Picture) -> bytes | None:
    # Imported late: a daemon whose page shows no picture need not hold what makes them.
    from geesync.adapters.formats.quicklook import quicklook  # noqa: PLC0415

    with folder(wanted.mirror, wanted.folder, create=False) as place:
        made = quicklook(place, wanted.files)
    if made:
        # A page that may only read shows it all the same.
        with suppress(GeesyncError, PermissionError), folder(wanted.mirror, _CACHE) as cache:
            cache.write(_file(wanted), made)
            cache.sync()
    return made
