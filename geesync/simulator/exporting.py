"""The methods that start exports, and the work that an export does."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from geesync.simulator.asset_exports import evaluate_asset
from geesync.simulator.audit import body_hash
from geesync.simulator.bucket import CloudStorage
from geesync.simulator.names import canonical, display_id, is_well_formed
from geesync.simulator.operation import Result, Task, Work, created_json, operation_json
from geesync.simulator.pixels import Json, SimAsset
from geesync.simulator.refusals import (
    INVALID_ARGUMENT,
    NOT_FOUND,
    BadRequest,
    CallRefused,
    ExportRefused,
)
from geesync.simulator.service import Call, Service, require
from geesync.simulator.world import World
from geesync.simulator.writer import check_expression, write_export

Kind = Literal["image", "table"]

OPERATION_TYPES = {"image": "EXPORT_IMAGE", "table": "EXPORT_FEATURES"}
CONTENT_TYPES = {
    ".tif": "image/tiff",
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".json": "application/json",
}
BINARY = "application/octet-stream"
BROWSER = "https://console.developers.google.com/storage/browser"
CODE_EDITOR = "https://code.earthengine.google.com"
DEFAULT_PRIORITY = 100


def export_image(service: Service, call: Call) -> Json:
    """Answer image.export."""
    return _export(service, call, "image")


def export_table(service: Service, call: Call) -> Json:
    """Answer table.export."""
    return _export(service, call, "table")


def _export(service: Service, call: Call, kind: Kind) -> Json:
    require(service, call, "earthengine.exports.create", f"projects/{call.project}")
    check_expression(call.body)
    work, destination = _work(service, kind, call.body)
    task = Task(
        project=call.project,
        type=OPERATION_TYPES[kind],
        work=work,
        description=call.body.get("description", ""),
        priority=call.body.get("priority", DEFAULT_PRIORITY),
        principal=call.principal,
        request_id=call.body.get("requestId", ""),
        body_hash=body_hash({"project": call.project, "kind": kind, **call.body}),
        destination_uris=(destination,),
    )
    before = service.clock.now()
    operation = service.operations.start(task)
    if operation.task is not task:
        return operation_json(operation, before)
    answer = created_json(operation)
    service.audit.add(
        "export",
        operation.name,
        type=task.type,
        assets=sorted(set(_assets(call.body["expression"]))),
        description=task.description,
        request_id=task.request_id,
        principal=task.principal,
        body_hash=task.body_hash,
        destination=_object_url(call.body) or destination,
    )
    service.operations.settle()
    return answer


def _work(service: Service, kind: Kind, body: Json) -> tuple[Work, str]:
    """Return what the export does, and what its ``destinationUris`` will say."""
    files = body.get("fileExportOptions", {})
    if "cloudStorageDestination" in files:
        bucket = files["cloudStorageDestination"].get("bucket", "")
        if not bucket or not files["cloudStorageDestination"].get("filenamePrefix"):
            raise BadRequest("Cloud Storage destination must have a bucket and a prefix.")
        return partial(_write_files, service, kind, body), f"{BROWSER}/{bucket}/"
    if "assetExportOptions" in body:
        destination = body["assetExportOptions"].get("earthEngineDestination", {})
        name = canonical(destination.get("name", ""))
        if not is_well_formed(name):
            raise BadRequest(f"Invalid asset name '{name}'.")
        uri = f"{CODE_EDITOR}/?asset={display_id(name)}"
        return partial(_write_asset, service, kind, body, name), uri
    raise CallRefused(501, "The simulator exports to Cloud Storage and to assets only.")


def _write_files(service: Service, kind: Kind, body: Json) -> Result:
    spool = Spool(service.storage)
    try:
        write_export(
            kind, body, service.world.lookup, spool.add, file_edge=service.profile.file_edge
        )
    except BaseException:
        spool.drop()
        raise
    return spool


def _write_asset(service: Service, kind: Kind, body: Json, name: str) -> Result:
    asset = evaluate_asset(kind, body, service.world.lookup)
    overwrite = body["assetExportOptions"]["earthEngineDestination"].get("overwrite", False)
    return NewAsset(service.world, replace(asset, name=name), overwrite)


@dataclass(frozen=True)
class NewAsset:
    """An asset that an export has made."""

    world: World
    asset: SimAsset
    overwrite: bool

    def publish(self) -> None:
        """Put it into the account; raises ExportRefused if that may not be."""
        try:
            self.world.put(self.asset, overwrite=self.overwrite)
        except CallRefused as refusal:
            raise ExportRefused(INVALID_ARGUMENT, refusal.message) from refusal

    def drop(self) -> None:
        """Do nothing: it is nowhere yet."""


@dataclass(frozen=True)
class _Object:
    bucket: str
    name: str
    file: Path


class Spool:
    """Keeps the files of a running export aside until it ends and they may be seen."""

    def __init__(self, storage: CloudStorage) -> None:
        self._storage = storage
        self._folder = Path(tempfile.mkdtemp(prefix="earth-engine-"))
        self._objects: list[_Object] = []

    def add(self, bucket: str, name: str, file: Path) -> None:
        """Keep a file that is to become an object; the caller may remove its own."""
        kept = self._folder / str(len(self._objects))
        os.link(file, kept)
        self._objects.append(_Object(bucket, name, kept))

    def publish(self) -> None:
        """Write the objects; raises ExportRefused if there is no such bucket."""
        try:
            for item in self._objects:
                kind = CONTENT_TYPES.get(Path(item.name).suffix, BINARY)
                self._storage.upload(item.bucket, item.name, item.file, kind)
        except KeyError as error:
            text = f"The bucket {error} does not exist or cannot be written to."
            raise ExportRefused(NOT_FOUND, text) from error
        finally:
            self.drop()

    def drop(self) -> None:
        """Forget the files."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _assets(node: Any) -> Iterator[str]:
    """Yield the names of the assets that an expression loads."""
    if isinstance(node, list):
        for member in node:
            yield from _assets(member)
    elif isinstance(node, dict):
        arguments = node.get("arguments", {})
        for key in ("id", "tableId"):
            constant = arguments.get(key, {}) if isinstance(arguments, dict) else {}
            if isinstance(constant, dict) and isinstance(constant.get("constantValue"), str):
                yield canonical(constant["constantValue"])
        for member in node.values():
            yield from _assets(member)


def _object_url(body: Json) -> str:
    """Return ``gs://bucket/prefix`` of an export to Cloud Storage, "" of another."""
    target = body.get("fileExportOptions", {}).get("cloudStorageDestination")
    return f"gs://{target['bucket']}/{target['filenamePrefix']}" if target else ""
