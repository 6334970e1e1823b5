"""``python -m tests.benchmarks.staged FOLDER make|run``: geesync's download step, and its start.

``make`` writes a ledger in which every object of the origin is an asset in the bucket; ``run``
downloads them as the daemon does, in a process of its own.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geesync import logs
from geesync.adapters.executors.executor import ByteExecutor
from geesync.adapters.formats.proving import Proof, prove_all
from geesync.adapters.mirror_files.mirror import prepare_mirror
from geesync.bootstrap import service
from geesync.cli.service.running import COLLECTED_AFTER
from geesync.config import Config
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.lifecycle import ExportsSucceeded, ExportStarted, State
from geesync.domain.mirror.planning import plan
from geesync.domain.tasks.exports import Ask
from geesync.domain.tasks.lifecycle import Destination, DestinationKind, Started
from geesync.step_threads import run_step
from geesync.steps.tasks.planner import intent_of
from geesync.store.file.database import Database, open_migrating
from geesync.store.ledger.ledger import Ledger, Move
from geesync.store.ledger.listing import Listing
from geesync.store.ledger.roots import Roots
from geesync.store.tasks.plans import NewPlan, Plans
from geesync.store.tasks.tasks import TaskMove, Tasks
from tests.benchmarks.measure import children_of, cpu_of

HOME = "projects/earthengine-legacy/assets/users/x"
COLLECTION = f"{HOME}/archive"


def make(config: Config, objects: dict[str, dict[str, Any]]) -> None:
    """Write the ledger, in which these are staged (by asset), and mark the mirror."""
    assert config.mirror is not None
    prepare_mirror(config.mirror)
    database = open_migrating(config.ledger)
    now = datetime.now(UTC)
    roots = Roots(database)
    roots.add(HOME, dest=str(config.mirror), bucket=config.need("bucket"), now=now)
    sources = [_source(COLLECTION, "IMAGE_COLLECTION"), *(_source(name) for name in objects)]
    Listing(database).observe(roots.active()[0].id, sources, now)
    _stage(database, objects, now)
    database.close()


def _stage(database: Database, objects: dict[str, dict[str, Any]], now: datetime) -> None:
    ledger, tasks = Ledger(database), Tasks(database)
    due = ledger.due(State.DISCOVERED, now=now, limit=len(objects) + 1)
    assets = {asset.id: asset for asset in due if asset.name in objects}
    intents = []
    for asset_id, source in ledger.sources_of(list(assets.values())).items():
        made = NewPlan(asset_id, source.revision, "", plan(source))
        known = Plans(database).put([made], now)[asset_id]
        ask = Ask(source.name, source.revision, known.plan.parts[0], 1, "benchmark")
        prefix = objects[source.name]["name"].removesuffix(".tif")
        to = Destination(DestinationKind.BUCKET, assets[asset_id].bucket, prefix)
        intents.append(intent_of(assets[asset_id], ask, to, None, plan_id=known.id))
    tasks.intend(intents, now)
    intended = [task for of in tasks.of(assets).values() for task in of]
    started = [TaskMove(task, Started(operation=f"o{task.id}")) for task in intended]
    running = tasks.record(started, now).values()
    tasks.succeed(
        [(task, [_object(objects[assets[task.subject.id].name])]) for task in running], now
    )
    for event in (ExportStarted(), ExportsSucceeded()):
        ledger.record([Move(asset, event) for asset in ledger.assets(assets)], now)


def _source(name: str, kind: str = "IMAGE") -> SourceAsset:
    grid = {
        "crsCode": "EPSG:32633",
        "dimensions": {"width": 256, "height": 256},
        "affineTransform": {"scaleX": 30, "scaleY": -30, "translateX": 5e5, "translateY": 5e6},
    }
    band = {
        "id": "b1",
        "dataType": {"precision": "INT", "range": {"min": 0, "max": 255}},
        "grid": grid,
    }
    told = {"type": kind, "name": name, "id": name, "updateTime": "2024-01-01T00:00:00Z"}
    return SourceAsset({**told, "bands": [band]} if kind == "IMAGE" else told)


def _object(told: dict[str, Any]) -> StoredObject:
    return StoredObject(told["name"], told["generation"], told["size_bytes"], told["crc32c"])


def run(config: Config, wanted: int) -> None:
    """Download until there is no more to do; every object, or it has failed.

    The last line tells what the step took by itself, without the start of the daemon and of those
    who work for it.
    """
    logs.configure(log_format="json", level="INFO")
    gc.set_threshold(*COLLECTED_AFTER)  # here and below as the commands of the service do
    database = open_migrating(config.ledger)
    with service(config, database) as built:
        import google.auth.transport.requests  # noqa: F401, PLC0415 # a daemon has used it long ago

        downloader = next(step for step in built.steps if step.name == "downloader")
        _begin(downloader.context.executor)
        gc.freeze()
        everyone = children_of(os.getpid())
        began, used_s = time.monotonic(), cpu_of(everyone)
        moved = 0
        while (tally := run_step(downloader)).moved:
            moved += tally.moved
        took = {"wall_s": time.monotonic() - began, "cpu_s": cpu_of(everyone) - used_s}
    database.close()
    if moved != wanted or tally.waiting:
        sys.exit(f"{moved} of {wanted} are downloaded; {tally.waiting}")
    print(json.dumps(took), flush=True)


def _begin(executor: ByteExecutor) -> None:
    """Have all begin who will work: while a daemon is at work they are there."""
    nowhere = Proof("/nowhere", "", "", "csv", 0)
    at_work = [executor.do(prove_all, [nowhere], lambda: None) for _ in range(executor.at_once)]
    for one in at_work:
        next(one)  # all at once, or the first would do it for all
    for one in at_work:
        list(one)


if __name__ == "__main__":
    given = Path(sys.argv[1])
    read = Config.model_validate(json.loads((given / "geesync.json").read_text()))
    staged = {
        f"{COLLECTION}/img{number:05d}": item
        for number, item in enumerate(json.loads((given / "objects.json").read_text()))
    }
    if sys.argv[2] == "make":
        make(read, staged)
    else:
        run(read, len(staged))
