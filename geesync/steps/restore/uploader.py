"""Makes containers, and uploads the files that images and tables are made of."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.storage.uploads import Upload, Uploads
from geesync.domain.assets.asset import CONTAINERS, FOLDER, TABLE, SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.layout import ASSET_JSON, GEESYNC_JSON
from geesync.domain.restore.files import KEPT, STAGING, Prepared, files_of, part_files
from geesync.domain.restore.lifecycle import FilesStaged, RestoreState
from geesync.domain.restore.manifests import MARK, container, image_manifest, table_manifest
from geesync.domain.restore.tables import export_of, geojson_in, goes_as_features
from geesync.domain.state_machine import Differs, Event, Made
from geesync.errors import Cause, RemoteError
from geesync.steps.step import StepContext, record_outcomes
from geesync.store.making.restores import Restored, Restores

_PIECE_BYTES = 2**20

OTHER_COPY = "the mirror's copy is of another revision by now: cancel it, and ask again"


@dataclass
class Uploader:
    """Brings what is planned into the bucket."""

    context: StepContext
    earth_engine: EarthEngine
    uploads: Uploads
    restores: Restores
    work: Path  #: a private folder for files in the making

    def run_once(self) -> int:
        """Make the next containers, level by level, then stage the next files; return how many."""
        now = self.context.clock()
        due = self.restores.due(RestoreState.PLANNED, now=now, limit=self.context.chunk)
        if not due:
            return 0
        above = [asset for asset in due if asset.wanted.type in CONTAINERS]
        level = [asset for asset in above if asset.wanted.depth == above[0].wanted.depth]
        make = self._make if level else self._stage
        answers = self.context.each(level or due, make, apart=lambda asset: asset.bucket)
        return record_outcomes(self.context, self.restores, answers)

    def _make(self, asset: Restored) -> Event:
        """Make a container, unless it is there: one that is there already is used as it is."""
        source, _ = sidecars(asset)
        body = container(source, asset.wanted.mark)
        found = self.earth_engine.find_asset(asset.target)
        if found is None:
            self.restores.stage(asset, body, [], self.context.clock())  # it is ours from now on
            self.earth_engine.create_asset(asset.target, body)
            return Made()
        if found.type != asset.wanted.type:
            return Differs(f"{found.type} has its name", cause=Cause.FOREIGN)
        if body.get("properties", {}).get(MARK) != found.properties.get(MARK):
            self.restores.stage(asset, None, [], self.context.clock())  # others were faster
        return Made()

    def _stage(self, asset: Restored) -> Event:
        there = self.earth_engine.find_asset(asset.target)
        if there and isinstance(found := judge(asset, there), Differs):
            return found
        source, sidecar = sidecars(asset)
        if why := self._flaw(asset, source, sidecar):
            return Differs(why, cause=Cause.INTEGRITY)
        self.work.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.work) as made:
            stage = self._table if asset.wanted.type == TABLE else self._image
            manifest, objects = stage(asset, source, sidecar, Path(made))
        self.restores.stage(asset, manifest, objects, self.context.clock())
        return FilesStaged()

    def _flaw(self, asset: Restored, source: SourceAsset, sidecar: Json) -> str:
        """Return why a copy is not to be made an asset of: every byte must be what was proved."""
        if not asset.is_made_of(source):
            return OTHER_COPY
        for file in files_of(source, sidecar):
            verified = (int(file["size_bytes"]), int(file["crc32c"], 16))
            try:
                found = _sum(asset.folder / file["name"], self.context.check_stop)
            except FileNotFoundError:
                found = None
            if found != verified:
                return f"{file['name']} is not what was verified: geesync check --repair"
        return ""

    def _image(
        self, asset: Restored, source: SourceAsset, sidecar: Json, made: Path
    ) -> tuple[Json, list[StoredObject]]:
        from geesync.adapters.formats.reprojection import footprint_in_pixels  # noqa: PLC0415 # GDAL: late

        parts = list(_parts(asset, source, sidecar, made))
        names = [file for part in parts for file in part.files]
        names += [mask.file for part in parts for mask in part.masks]
        places = {name: made if (made / name).exists() else asset.folder for name in names}
        objects = {name: self._upload(asset, place / name) for name, place in places.items()}
        pinned = asset.is_external  # what it points at must never be another file

        def uri(name: str) -> str:
            end = f"#{objects[name].generation}" if pinned else ""
            return f"gs://{asset.bucket}/{objects[name].name}{end}"

        manifest = image_manifest(
            source,
            asset.wanted.target,
            asset.wanted.mark,
            parts,
            uri,
            footprint=footprint_in_pixels(source),
        )
        return manifest, list(objects.values())

    def _table(
        self, asset: Restored, source: SourceAsset, sidecar: Json, made: Path
    ) -> tuple[Json, list[StoredObject]]:
        from geesync.adapters.mirrored.upload_files import write_rows  # noqa: PLC0415 # likewise

        name = geojson_in(sidecar)
        if goes_as_features(source, sidecar):
            rows = json.loads((asset.folder / name).read_bytes())["features"]
            return export_of(rows, asset.target, (MARK, asset.wanted.mark)), []
        columns = sidecar["table"]["columns"]
        target = made / f"{Path(name).stem}.csv"
        write_rows(asset.folder / name, target, columns)
        obj = self._upload(asset, target)
        uri = f"gs://{asset.bucket}/{obj.name}"
        manifest = table_manifest(source, asset.target, asset.wanted.mark, columns, uri)
        return manifest, [obj]

    def _upload(self, asset: Restored, file: Path) -> StoredObject:
        size_bytes, crc32c = _sum(file, self.context.check_stop)
        # By content: a second try uploads nothing that is there.
        top = KEPT if asset.is_external else STAGING
        name = f"{top}/{asset.wanted.mark}/{size_bytes}-{crc32c:08x}{file.suffix}"
        wanted = Upload(file, asset.bucket, name, size_bytes, crc32c)
        return self.uploads.upload(wanted, self.work)


def judge(asset: Restored, found: SourceAsset) -> Event:
    """Return what it means that something is at an asset's place."""
    if found.properties.get(MARK) == asset.wanted.mark:
        return Made()
    return Differs("another asset has its name", cause=Cause.FOREIGN)


def _parts(asset: Restored, source: SourceAsset, sidecar: Json, made: Path) -> Iterator[Prepared]:
    """Yield the parts of an image ready to be uploaded."""
    from geesync.adapters.mirrored import external_files, upload_files  # noqa: PLC0415 # GDAL: late

    policies = {
        band["id"]: band.get("pyramidingPolicy", "MEAN") for band in source.json.get("bands", ())
    }
    wanted = part_files(source, sidecar)
    if not asset.is_external:
        yield from upload_files.prepare(asset.folder, sidecar, wanted, made)
        return
    for part in wanted:
        yield from external_files.prepare_external(asset.folder, sidecar, part, policies, made)


def sidecars(asset: Restored) -> tuple[SourceAsset, Json]:
    """Return what Earth Engine said of a mirrored asset, and how its copy was made.

    Raises RemoteError DISK if they cannot be read.
    """
    if asset.wanted.is_plain_folder:
        return SourceAsset({"name": asset.target, "type": FOLDER}), {}
    try:
        source, sidecar = (
            json.loads((asset.folder / name).read_bytes()) for name in (ASSET_JSON, GEESYNC_JSON)
        )
    except (OSError, ValueError) as error:
        raise RemoteError(Cause.DISK, f"{asset.wanted.path} cannot be read: {error}") from error
    return SourceAsset(source), sidecar


def _sum(file: Path, check_stop: Callable[[], None]) -> tuple[int, int]:
    """Return a file's size, and the CRC32C of its bytes."""
    crc32c, size_bytes = google_crc32c.value(b""), 0
    with file.open("rb") as read:
        while piece := read.read(_PIECE_BYTES):
            check_stop()
            crc32c = google_crc32c.extend(crc32c, piece)
            size_bytes += len(piece)
    return size_bytes, crc32c
