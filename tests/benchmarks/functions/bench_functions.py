"""How long the functions take that every asset passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import google_crc32c
import pytest

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.failures.google_errors import classify_call, classify_operation
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.described import described
from geesync.domain.mirror.lifecycle import State
from geesync.domain.mirror.planning import plan
from geesync.domain.mirror.sidecar import TakenPart, sidecar
from geesync.domain.stac.documents import CopyDates, DataFile, item
from geesync.domain.stac.links import TOP, Node
from geesync.domain.state_machine import Delayed
from geesync.domain.tasks.exports import Ask, body_hash, request_body
from geesync.errors import Cause
from geesync.store.file.database import open_current
from geesync.store.ledger.ledger import Ledger, Move
from geesync.store.ledger.listing import Listing
from geesync.store.ledger.roots import Roots

Benchmark = Any  #: pytest-benchmark's fixture, which is given a function and what to call it with

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = "projects/p/assets"
MOVES = 200  #: of one pass


def told(number: int) -> dict[str, Any]:
    """Return an image of three bands as Earth Engine lists it."""
    grid = {
        "crsCode": "EPSG:32633",
        "dimensions": {"width": 256, "height": 256},
        "affineTransform": {"scaleX": 30, "scaleY": -30, "translateX": 5e5, "translateY": 5e6},
    }
    pixels = {"precision": "INT", "range": {"max": 65535}}
    corners = [[15.0, 45.0], [15.1, 45.0], [15.1, 45.1], [15.0, 45.0]]
    return {
        "type": "IMAGE",
        "name": f"{ROOT}/image{number}",
        "updateTime": "2024-01-01T00:00:00.000000Z",
        "startTime": "2020-01-01T00:00:00Z",
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "properties": {f"property{n}": n for n in range(20)},
        "bands": [{"id": band, "dataType": pixels, "grid": grid} for band in ("B2", "B3", "B4")],
        "sizeBytes": "400000",
    }


SOURCE = SourceAsset(told(0))
PLAN = plan(SOURCE)
ASK = Ask(SOURCE.name, SOURCE.revision, PLAN.parts[0], 1, "ledger")
OBJECT = StoredObject("geesync/t/image0.tif", 1, 400_000, 1)


def bench_described(benchmark: Benchmark) -> None:
    assert benchmark(described, told(0))


def bench_plan(benchmark: Benchmark) -> None:
    assert benchmark(plan, SOURCE).parts


def bench_request_body_and_its_hash(benchmark: Benchmark) -> None:
    assert benchmark(lambda: body_hash(request_body(ASK, bucket="b", prefix="p")))


def bench_crc32c_of_a_mebibyte(benchmark: Benchmark) -> None:
    assert benchmark(google_crc32c.extend, 0, bytes(range(256)) * 4096)


def bench_sidecar(benchmark: Benchmark) -> None:
    body = request_body(ASK, bucket="b", prefix="p")
    taken = TakenPart(ASK.part, {"image0.tif": OBJECT}, 1, "OPERATION", "b", body)
    assert benchmark(sidecar, SOURCE, PLAN, [taken])


def bench_stac_item(benchmark: Benchmark) -> None:
    node = Node(SOURCE.name, SOURCE.type, "p/image0")
    file = DataFile("image0.tif", 400_000, "0" * 64, ASK.part, ASK.part.grid)
    options = {"files": [file], "sidecars": ["asset.json"], "wkt2": str}
    assert benchmark(item, node, TOP, SOURCE, CopyDates(NOW, NOW), **options)


def bench_classify(benchmark: Benchmark) -> None:
    def both() -> tuple[Cause, Cause]:
        return classify_call(429, "Too many requests"), classify_operation(8, "out of memory")

    assert benchmark(both)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Return a ledger that knows ten times as many images as one pass takes."""
    database = open_current(tmp_path / "geesync.db")
    roots = Roots(database)
    roots.add(ROOT, dest=str(tmp_path), bucket="b", now=NOW)
    (root,) = roots.all()
    images = [SourceAsset(told(number)) for number in range(10 * MOVES)]
    Listing(database).observe(root.id, images, NOW)
    return Ledger(database)


def bench_ledger_due(benchmark: Benchmark, ledger: Ledger) -> None:
    assert len(benchmark(ledger.due, State.DISCOVERED, now=NOW, limit=MOVES)) == MOVES


def bench_ledger_record(benchmark: Benchmark, ledger: Ledger) -> None:
    def moves() -> tuple[tuple[Any, ...], dict[str, Any]]:
        due = ledger.due(State.DISCOVERED, now=NOW, limit=MOVES)
        wait = Delayed("a benchmark", cause=Cause.TRANSIENT, wait=timedelta())
        return ([Move(asset, wait) for asset in due], NOW), {}

    assert benchmark.pedantic(ledger.record, setup=moves, rounds=20) == MOVES
