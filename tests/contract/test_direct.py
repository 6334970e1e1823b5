"""Images and tables that are read directly, of any service: each pixel and each row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.adapters.direct.brought import Brought
from geesync.adapters.direct.image_fetching import fetch_images
from geesync.adapters.direct.image_files import ImageJob, Target
from geesync.adapters.direct.source import Access, Source
from geesync.adapters.direct.table_fetching import TableJob, fetch_tables
from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.formats import cogs
from geesync.adapters.google.pacing import AtOnce
from geesync.adapters.tables import table_reading as tables
from geesync.adapters.transfer.signed_requests import SignedRequests
from geesync.domain.direct.readings import readings
from geesync.domain.mirror.coverage import Tile
from geesync.domain.tasks.exports import Part
from tests.contract.conftest import Metered
from tests.contract.own_assets import BANDS, EDGE, ROWS, VALID
from tests.live.account import Account
from tests.live.costs import Cost

TOKEN = "abcdefghijklmnop"


@pytest.fixture
def source(account: Account) -> Source:
    access = Access("d", account.project, account.url, 30.0, 4, account.requests_per_s)
    requests = SignedRequests(
        account.url,
        credentials=account.session.credentials,
        timeout_s=30.0,
        encoded=True,
    )
    pacer = Metered(account, Cost(requests=1))
    return Source(access, requests, pacer, AtOnce(access.at_once), lambda: True)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    (tmp_path / ".geesync").mkdir()
    return tmp_path


def brought(answers: Any) -> Brought:
    (answer,) = (one for told in answers for _, one in told)
    assert isinstance(answer, Brought), answer
    return answer


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["once", "twice"])
def test_every_pixel_of_every_type_comes_home(
    earth_engine: EarthEngine, source: Source, mirror: Path, image: str, share: float
) -> None:
    bands = earth_engine.get_asset(image).bands
    grid = bands[0].grid
    parts = [
        Part("byte", "tif", ("byte",), grid, "int16", -32768.0),
        Part("bytemask", "tif", ("byte",), grid, "float32", None, of_masks=True),
        *(Part(name, "tif", (name,), grid, kind.dtype.name) for name, (_, kind) in TYPES.items()),
    ]
    targets = tuple(Target(part, f"img.{part.key}.tif", TOKEN) for part in parts)
    plan = tuple(readings(parts, bands, 0))
    job = ImageJob(image, "r", "users/x/img", targets, plan, "zstd", share)

    answer = brought(fetch_images(source, str(mirror), [job]))

    found = {
        file.split(".")[1]: cogs.read(mirror / "users/x/img" / kept.name, Tile(0, 0, EDGE, EDGE))[0]
        for file, kept in answer.files
    }
    byte = BANDS["byte"][1].astype(np.int16)
    np.testing.assert_array_equal(found.pop("byte"), np.where(VALID, byte, -32768))
    np.testing.assert_array_equal(found.pop("bytemask"), VALID.astype(np.float32))
    for name, pixels in found.items():
        np.testing.assert_array_equal(pixels, BANDS[name][1])
    assert (answer.read_again > 0) == (share > 0)


TYPES = {name: told for name, told in BANDS.items() if name != "byte"}


def test_every_row_comes_home_with_its_types_and_lack_of_a_geometry(
    source: Source, mirror: Path, table: str
) -> None:
    tokens = (("table.geojson", TOKEN), ("table.csv", TOKEN))
    job = TableJob(table, "users/x/table", tokens, ROWS, 1_000)

    answer = brought(fetch_tables(source, str(mirror), [job]))

    path = mirror / "users/x/table"
    files = {file: path / kept.name for file, kept in answer.files}
    rows = json.loads(files["table.geojson"].read_text())["features"]
    assert sorted(row["properties"]["real"] for row in rows) == [n + 0.5 for n in range(ROWS)]
    assert {row["properties"]["name"] for row in rows} == {f'"Grüße", nr {n}' for n in range(ROWS)}
    assert [row["properties"]["real"] for row in rows if not row["geometry"]] == [0.5]
    told = tables.prove_csv(files["table.csv"], rows=ROWS)
    assert set(told.columns) == {"system:index", "name", "real", ".geo"}
