"""Where the files of exports go: a bucket, or the drive of the person who asked."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from geesync.simulator.api.service import Service
from geesync.simulator.refusals import NOT_FOUND, BadRequest, ExportRefused
from geesync.simulator.tasks.results import Write
from geesync.simulator.world.pixels import Json

BROWSER = "https://console.developers.google.com/storage/browser"
DRIVE = "https://drive.google.com/"
#: https://developers.google.com/earth-engine/apidocs/export-image-todrive
DRIVE_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def destination_uri(body: Json) -> str:
    """Return what ``destinationUris`` will say of an export of files.

    Raises BadRequest if the request does not say where they go.
    """
    options = body["fileExportOptions"]
    if "driveDestination" in options:
        prefix = options["driveDestination"].get("filenamePrefix", "")
        for name in (prefix, body.get("description") or prefix):
            if DRIVE_NAME.fullmatch(name) is None:
                raise BadRequest(
                    f"Invalid name '{name}': names and descriptions of exports to Drive may contain"
                    " letters, numbers, - and _ only."
                )
        return DRIVE
    target = options["cloudStorageDestination"]
    if not target.get("bucket") or not target.get("filenamePrefix"):
        raise BadRequest("Cloud Storage destination must have a bucket and a prefix.")
    return f"{BROWSER}/{target['bucket']}/"


def writer(service: Service, principal: str, body: Json) -> Write:
    """Return what writes the files of an export, with the rights of who asked for it."""
    if "driveDestination" in body["fileExportOptions"]:
        return _drive_writer(service, principal)
    return _bucket_writer(service, principal)


def _bucket_writer(service: Service, principal: str) -> Write:
    profile, permission = service.profile, "storage.objects.create"

    def write(bucket: str, name: str, file: Path, kind: str) -> None:
        if not service.world.permissions.granted(principal, permission, f"gs://{bucket}"):
            # What Earth Engine says then is not public.
            raise ExportRefused(profile.bucket_refusal_code, profile.bucket_refusal_message)
        try:
            service.storage.upload(bucket, name, file, kind)
        except KeyError as error:
            text = f"The bucket {error} does not exist or cannot be written to."
            raise ExportRefused(NOT_FOUND, text) from error

    return write


def _drive_writer(service: Service, principal: str) -> Write:
    place = functools.cache(functools.partial(service.drive.folder_for, principal))

    def write(folder: str, name: str, file: Path, kind: str) -> None:
        service.drive.add(principal, name, kind, file, place(folder))

    return write
