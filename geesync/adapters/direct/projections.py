"""What a file that we write says of its coordinate system, where PROJ does not know its code."""

from __future__ import annotations

from geesync.adapters.direct.source import Source
from geesync.adapters.formats.rasters import is_known
from geesync.adapters.transfer.curl_loop import run
from geesync.domain.assets.grid import only_named, spelled_out
from geesync.errors import RemoteError
from geesync.logger import get_logger

log = get_logger()

#: What is answered of a code that Earth Engine does not know, or does not spell out.
_NOT_KNOWN = frozenset({400, 404})


def full_crs(source: Source, crs: str) -> str:
    """Return a CRS as GDAL can write it: by a code that it knows, or as WKT.

    The WKT is Earth Engine's, where it gives one that GDAL understands; else it only names the
    code. Raises RemoteError where the world does not answer.
    """
    text = spelled_out(crs)
    if is_known(text):
        return text
    answer = ""
    try:
        (answer,) = run([source.wkt(crs)])
    except RemoteError as error:
        if error.status not in _NOT_KNOWN:
            raise
        log.warning("crs_only_named", crs=crs, error=str(error))
    return answer if is_known(answer) else only_named(crs)
