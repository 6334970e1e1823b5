"""The objects that an ingestion reads, as files on disk for as long as it reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from geesync.simulator.messages.manifest_messages import GS_URI
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.storage.bucket import CloudStorage


class SourceFiles:
    """Fetches sources into a folder, which is the caller's to remove."""

    def __init__(self, storage: CloudStorage, folder: Path, prefix: str = "") -> None:
        self._storage = storage
        self._folder = folder
        self._prefix = prefix  #: of all URIs
        self._count = 0

    def fetch(self, uris: Sequence[str]) -> Path:
        """Return the first file of a source, with its side-cars beside it.

        Raises ExportRefused if one of them is not there, or not in the generation asked for.
        """
        self._count += 1
        place = self._folder / str(self._count)
        place.mkdir()
        primary, *_ = [self._fetch(self._prefix + uri, place) for uri in uris]
        return primary

    def _fetch(self, uri: str, place: Path) -> Path:
        bucket, name, _ = parts(uri)
        pinned(self._storage, uri)
        file = place / name.rpartition("/")[2]
        self._storage.download(bucket, name, file)
        return file


def parts(uri: str) -> tuple[str, str, int | None]:
    """Return (bucket, object name, generation if one is named) of a URI that was checked."""
    match = GS_URI.fullmatch(uri)
    assert match is not None, uri
    return match[1], match[2], int(match[3]) if match[3] else None


def pinned(storage: CloudStorage, uri: str) -> str:
    """Return the URI with the object's generation.

    Raises ExportRefused if there is no such object, or if it is of another generation than
    the URI says.
    """
    bucket, name, wanted = parts(uri)
    try:
        generation = storage.generation(bucket, name)
    except KeyError:
        raise _unreadable(uri) from None
    if wanted not in (None, generation):
        raise _unreadable(uri)
    return f"gs://{bucket}/{name}#{generation}"


def _unreadable(uri: str) -> ExportRefused:
    kind = "CSV" if uri.partition("#")[0].lower().endswith(".csv") else "GeoTIFF"
    return ExportRefused(INVALID_ARGUMENT, f"Failed to load the {kind} at '{uri}'.")
