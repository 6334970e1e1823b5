"""The methods that start exports, and the work that an export does."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

from geesync.simulator.api.service import Call, Service, require, scene_for
from geesync.simulator.computing.evaluator import loaded_assets
from geesync.simulator.exports.arrival import check_request
from geesync.simulator.exports.asset_exports import evaluate_asset
from geesync.simulator.exports.destinations import destination_uri, writer
from geesync.simulator.exports.writer import write_export
from geesync.simulator.refusals import NotSimulated
from geesync.simulator.tasks.operation import CODE_EDITOR, Result, Task, Work
from geesync.simulator.tasks.results import NewAsset, Spool
from geesync.simulator.tasks.submitting import submit
from geesync.simulator.wire.audit import body_hash
from geesync.simulator.world import names
from geesync.simulator.world.pixels import Json

Kind = Literal["image", "table"]

OPERATION_TYPES = {"image": "EXPORT_IMAGE", "table": "EXPORT_FEATURES"}
DEFAULT_PRIORITY = 100


#: What differs between two asks for the same.
_OF_ONE_ASK = frozenset({"requestId", "description"})


def export_image(service: Service, call: Call) -> Json:
    """Answer image.export."""
    return _export(service, call, "image")


def export_table(service: Service, call: Call) -> Json:
    """Answer table.export."""
    return _export(service, call, "table")


def _export(service: Service, call: Call, kind: Kind) -> Json:
    require(service, call, "earthengine.exports.create", f"projects/{call.project}")
    check_request(call.body, service.profile)
    work, destination = _work(service, kind, call)
    task = Task(
        project=call.project,
        type=OPERATION_TYPES[kind],
        work=work,
        description=call.body.get("description", ""),
        priority=call.body.get("priority", DEFAULT_PRIORITY),
        principal=call.principal,
        request_id=call.body.get("requestId", ""),
        body_hash=body_hash({"project": call.project, "kind": kind, **call.body}),
        workload_tag=call.body.get("workloadTag", ""),
        destination_uris=(destination,),
    )
    return submit(
        service,
        task,
        "export",
        assets=sorted(set(loaded_assets(call.body["expression"]))),
        destination=_object_url(call.body) or destination,
        form=body_hash(_form(call.body)),
    )


def _form(body: Json) -> Json:
    """Return what an export makes of what, whoever asks for it however often."""
    files = body.get("fileExportOptions", {})
    kept = {name: value for name, value in files.items() if name != "cloudStorageDestination"}
    asked = {name: value for name, value in body.items() if name not in _OF_ONE_ASK}
    return asked | {"fileExportOptions": kept}


def _work(service: Service, kind: Kind, call: Call) -> tuple[Work, str]:
    """Return what the export does, and what its ``destinationUris`` will say."""
    body = call.body
    if "fileExportOptions" in body:
        return partial(_write_files, service, kind, call), destination_uri(body)
    if "assetExportOptions" in body:
        destination = body["assetExportOptions"].get("earthEngineDestination", {})
        name = names.canonical(destination.get("name", ""))
        names.check(name)
        require(service, call, "earthengine.assets.create", name)
        uri = CODE_EDITOR + names.display_id(name)
        return partial(_write_asset, service, kind, call, name), uri
    raise NotSimulated("The simulator exports to Cloud Storage, Drive and assets only.")


def _write_files(service: Service, kind: Kind, call: Call) -> Result:
    spool = Spool(service.storage.spool, writer(service, call.principal, call.body))
    try:
        scene = scene_for(service, call)
        written = write_export(kind, call.body, scene, spool.stem, service.profile)
        for place, name, file in written:
            spool.add(place, name, file)
    except BaseException:
        spool.drop()
        raise
    return spool


def _write_asset(service: Service, kind: Kind, call: Call, name: str) -> Result:
    asset = evaluate_asset(kind, call.body, scene_for(service, call))
    overwrite = call.body["assetExportOptions"]["earthEngineDestination"].get("overwrite", False)
    return NewAsset(service.profile, service.world, replace(asset, name=name), overwrite)


def _object_url(body: Json) -> str:
    """Return ``gs://bucket/prefix`` of an export to Cloud Storage, "" of another."""
    target = body.get("fileExportOptions", {}).get("cloudStorageDestination")
    return f"gs://{target['bucket']}/{target['filenamePrefix']}" if target else ""
