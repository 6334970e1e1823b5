"""``geesync adopt``, as somebody runs it who has mirrored a part with older scripts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import ee
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from geesync.errors import ExitCode
from geesync.simulator.simulator import Simulator
from tests.cli.conftest import Run

IMAGES = ("elevation", "deep/er/landcover")


@pytest.fixture
def old(simulator: Simulator, tmp_path: Path) -> Path:
    """Export two images as those scripts did, by Earth Engine's own clients, and fetch them."""
    folder = tmp_path / "0.3.AssetMirrorComplete"
    anonymous = AnonymousCredentials()
    ee.Initialize(anonymous, project=simulator.project, url=simulator.earth_engine_url)
    for asset_id in (f"users/demo/{image}" for image in IMAGES):
        image, name = ee.Image(asset_id), asset_id.rpartition("/")[2]
        task = ee.batch.Export.image.toCloudStorage(
            image=image,
            scale=image.projection().nominalScale().round().getInfo(),
            bucket=simulator.bucket,
            description=name,
            fileNamePrefix=f"{asset_id}/{name}",
            maxPixels=1_000_000_000_000,
        )
        task.start()
        while task.active():
            simulator.advance(60)
        assert task.status()["state"] == "COMPLETED", task.status()
    ee.Reset()
    with storage.Client(
        project=simulator.project,
        credentials=anonymous,
        client_options={"api_endpoint": simulator.storage_url},
    ) as client:
        for blob in client.list_blobs(simulator.bucket, prefix="users/"):
            target = folder / blob.name
            target.parent.mkdir(parents=True, exist_ok=True)
            blob.download_to_filename(str(target))
    (folder / "users/demo/scenes.notDone.txt").touch()
    return folder


def test_what_older_scripts_exported_is_adopted_where_it_is_exact(
    geesync: Run, old: Path, tmp_path: Path
) -> None:
    foreseen = geesync("adopt", str(old), "--root", "users/demo", "--dry-run")
    assert not (tmp_path / "geesync.db").exists()

    done = geesync("adopt", str(old), "--root", "users/demo", "--read-pixels", "50%")

    for told in (foreseen.stdout, done.stdout):
        assert "left     users/demo/deep/er/landcover  the pixels of its files lie else" in told
        assert "left     users/demo/scenes/s0000  no file" in told
    assert "may be   users/demo/elevation\n" in foreseen.stdout
    assert "adopted  users/demo/elevation\n" in done.stdout
    assert "1 adopted, 4 left" in done.stdout
    assert done.returncode == ExitCode.OK, done.stderr
    with closing(sqlite3.connect(tmp_path / "geesync.db")) as ledger:
        query = "SELECT state FROM asset WHERE name LIKE '%/elevation'"
        assert ledger.execute(query).fetchall() == [("verified",)]
    assert (tmp_path / "mirror/users/demo/elevation/elevation.tif").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "there is no folder nowhere"),
        ((".", "--read-pixels", "half"), "'half' is no share"),
        (("empty",), "nothing to adopt"),
    ],
)
def test_what_cannot_be_adopted_is_one_line(
    geesync: Run, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    given = [str(tmp_path / one) if one == "empty" else one for one in arguments]

    ended = geesync("adopt", *given, "--root", "users/demo")

    assert ended.returncode == ExitCode.USAGE
    assert words in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
