"""Exports to Drive, and the drive as Google's own client for it sees it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ee
import httplib2
import httpx
import pytest
import rasterio
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseDownload

from geesync.simulator import Simulator
from tests.simulator.ingesting import ELEVATION

Start = Callable[..., Simulator]
WHAT = "nextPageToken,files(id,name,size,md5Checksum,sha256Checksum,parents,createdTime,mimeType)"
FOLDER = "application/vnd.google-apps.folder"


CONNECTIONS: list[httplib2.Http] = []


@pytest.fixture(autouse=True)
def _connections() -> Iterator[None]:
    yield
    while CONNECTIONS:
        CONNECTIONS.pop().close()


def files(simulator: Simulator) -> Any:
    """Return the unmodified client's files, pointed at a simulator."""
    endpoint = {"api_endpoint": f"{simulator.earth_engine_url}/drive/v3/"}
    CONNECTIONS.append(httplib2.Http())
    return build("drive", "v3", http=CONNECTIONS[-1], client_options=endpoint).files()


def listed(simulator: Simulator, query: str = "trashed=false", **asked: Any) -> list[Any]:
    answer = files(simulator).list(q=query, fields=WHAT, **asked).execute()
    found: list[Any] = answer["files"]
    return found


def export(name: str = "out", folder: str | None = "exports", **options: Any) -> Any:
    task = ee.batch.Export.image.toDrive(
        ee.Image(ELEVATION),
        description=name,
        folder=folder,
        fileNamePrefix=name,
        fileFormat="GeoTIFF",
        **options,
    )
    task.start()
    assert task.operation_name
    return ee.data.getOperation(task.operation_name)


def fetched(simulator: Simulator, file_id: str, chunk: int) -> bytes:
    content = io.BytesIO()
    request = files(simulator).get_media(fileId=file_id)
    download = MediaIoBaseDownload(content, request, chunksize=chunk)
    done = False
    while not done:
        _, done = download.next_chunk()
    return content.getvalue()


def test_an_export_is_found_fetched_in_ranges_and_deleted(start: Start, tmp_path: Path) -> None:
    simulator = start()

    operation = export()
    (file,) = listed(simulator, "name = 'out.tif' and trashed = false")
    content = fetched(simulator, file["id"], 1000)
    (tmp_path / "out.tif").write_bytes(content)
    files(simulator).delete(fileId=file["id"]).execute()

    assert operation["metadata"]["destinationUris"] == ["https://drive.google.com/"]
    assert file["size"] == str(len(content)) != "0"
    assert file["md5Checksum"] == hashlib.md5(content).hexdigest()  # noqa: S324 - Drive's own
    assert file["sha256Checksum"] == hashlib.sha256(content).hexdigest()
    assert not [key for key in file if "crc" in key.lower()]
    with rasterio.open(tmp_path / "out.tif") as raster:
        assert (raster.read(1) == simulator.world.get(ELEVATION).bands[0].load()[0]).all()
    assert not listed(simulator, "name = 'out.tif'")


def test_names_repeat(start: Start) -> None:
    simulator = start()

    export()
    export()

    assert len(listed(simulator, "name contains 'out'")) == 2


@pytest.mark.parametrize(("way", "folders"), [("new", 2), ("found", 1)])
def test_a_folder_is_a_name_and_a_lottery(start: Start, way: str, folders: int) -> None:
    simulator = start(drive_folders=way)

    export("a")
    export("b")
    export("c", folder=None)
    export("d", folder="x/y")

    found = listed(simulator, f"mimeType = '{FOLDER}' and name = 'exports'")
    assert len(found) == folders
    (first,) = listed(simulator, "name = 'a.tif'")
    assert first["parents"][0] in [folder["id"] for folder in found]
    assert listed(simulator, "name = 'c.tif'")[0]["parents"] == ["root"]
    assert [folder["name"] for folder in listed(simulator, "name = 'x/y'")] == ["x/y"]


def test_pages_hold_so_many_and_no_more(start: Start) -> None:
    simulator = start()
    for number in range(3):
        export(f"f{number}", folder=None)
    client = files(simulator)

    request, names = client.list(pageSize=2, fields=WHAT), []
    while request is not None:
        answer = request.execute()
        names += [file["name"] for file in answer["files"]]
        request = client.list_next(request, answer)

    assert names == ["f2.tif", "f1.tif", "f0.tif"]


def test_a_full_drive_fails_the_operation(start: Start) -> None:
    simulator = start(drive_bytes=1000)

    operation = export()

    assert "Not enough space in Google Drive" in operation["error"]["message"]
    assert not listed(simulator, "name = 'out.tif'")


def test_a_drive_is_its_owner_s(start: Start) -> None:
    simulator = start()
    export()
    (file,) = listed(simulator, "name = 'out.tif'")
    place = f"{simulator.earth_engine_url}/drive/v3/files"
    other = {"authorization": "Bearer ya29.somebody@example.com"}

    assert httpx.get(place, headers=other).json()["files"] == []
    assert httpx.get(f"{place}/{file['id']}", headers=other).status_code == 404


def test_a_service_account_has_no_drive(start: Start, tmp_path: Path) -> None:
    simulator = start()
    email = "robot@demo-project.iam.gserviceaccount.com"
    source = tmp_path / "a"
    source.write_bytes(b"a")

    with pytest.raises(Exception, match="do not have storage quota"):
        simulator.drive.add(email, "a", "text/plain", source)


@pytest.mark.parametrize("status", [403, 429])
def test_too_many_calls_are_refused(start: Start, status: int) -> None:
    simulator = start(drive_calls_per_s=1, drive_refusal_status=status)

    place = f"{simulator.earth_engine_url}/drive/v3/files"

    answers = [httpx.get(place) for _ in range(20)]

    refused = [answer for answer in answers if answer.status_code == status]
    assert len(refused) > 10
    assert refused[0].json()["error"]["message"] == "User rate limit exceeded."


def test_a_login_without_the_right_to_drive_is_refused(start: Start) -> None:
    answer = httpx.get(f"{start(drive_scope=False).earth_engine_url}/drive/v3/about")

    assert answer.status_code == 403
    assert "insufficient authentication scopes" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["with space", "a/b", "a.b"])
def test_names_that_drive_exports_cannot_have_are_refused(start: Start, name: str) -> None:
    start()

    with pytest.raises(ee.EEException, match="letters, numbers, - and _ only"):
        export(name)


@pytest.mark.parametrize("query", ["name = 'a' or name = 'b'", "fullText contains 'x'", "name >"])
def test_a_query_that_it_does_not_understand_is_refused(start: Start, query: str) -> None:
    with pytest.raises(HttpError, match="Invalid Value"):
        listed(start(), query)


@pytest.mark.parametrize(
    ("asked", "status", "cut"),
    [
        ("bytes=0-3", 206, slice(0, 4)),
        ("bytes=5-", 206, slice(5, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
        ("", 200, slice(None)),
    ],
)
def test_ranges_are_as_they_are_asked(start: Start, asked: str, status: int, cut: slice) -> None:
    simulator = start()
    export()
    (file,) = listed(simulator, "name = 'out.tif'")
    whole = fetched(simulator, file["id"], 2**20)

    answer = httpx.get(
        f"{simulator.earth_engine_url}/drive/v3/files/{file['id']}?alt=media",
        headers={"range": asked} if asked else {},
    )

    assert (answer.status_code, answer.content) == (status, whole[cut])
