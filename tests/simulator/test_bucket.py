"""Cloud Storage on loopback, seen by Google's own client, with and without trouble."""

from __future__ import annotations

import base64
import gc
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import google_crc32c
import httpx
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from geesync.simulator.clock import SimClock
from geesync.simulator.storage.bucket import CloudStorage
from geesync.simulator.wire.audit import Audit
from geesync.simulator.wire.faults import Faults

# Google's client leaves the sockets of broken answers to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
NO_RETRY = DEFAULT_RETRY.with_predicate(lambda _: False)


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def audit() -> Audit:
    return Audit(SimClock())


@pytest.fixture(scope="module")
def cloud(faults: Faults, audit: Audit) -> Iterator[CloudStorage]:
    """One Cloud Storage for all tests here; each uses names of its own."""
    with CloudStorage(faults, audit) as running:
        running.create_bucket("bkt")
        yield running


@pytest.fixture(autouse=True)
def no_trouble_left(faults: Faults) -> Iterator[None]:
    yield
    faults.clear()


@pytest.fixture
def bucket(cloud: CloudStorage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    client = storage.Client(
        project="demo-project",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.url},
    )
    yield client.bucket("bkt")
    client.close()
    gc.collect()


@pytest.fixture
def put(cloud: CloudStorage, tmp_path: Path) -> Any:
    """Write an object as an export does."""

    def write(name: str, content: bytes) -> None:
        file = tmp_path / "content"
        file.write_bytes(content)
        cloud.upload("bkt", name, file, "image/tiff")

    return write


def test_what_was_exported_can_be_downloaded(bucket: Any, put: Any) -> None:
    content = os.urandom(3_000_000)
    put("dir/a b+ü.tif", content)

    blob = bucket.get_blob("dir/a b+ü.tif")

    assert blob.download_as_bytes() == content
    assert (blob.size, blob.content_type) == (len(content), "image/tiff")
    assert blob.generation > 0
    assert google_crc32c.value(content) == int.from_bytes(base64.b64decode(blob.crc32c))


def test_names_that_servers_stumble_over_are_kept(bucket: Any, put: Any) -> None:
    names = {"n/../up", "n//double", "n/a", "n/a/b", "n/%2F", "n/?x=1&y#z", "n/" + "x" * 900}
    for name in names:
        put(name, name.encode())

    found = {blob.name: blob.download_as_bytes() for blob in bucket.list_blobs(prefix="n/")}

    assert found == {name: name.encode() for name in names}


def test_a_part_of_an_object_can_be_read(bucket: Any, put: Any) -> None:
    put("range", b"0123456789")

    blob = bucket.get_blob("range")

    assert blob.download_as_bytes(start=3, end=5, checksum=None) == b"345"


def test_the_xml_api_answers_too(cloud: CloudStorage, put: Any) -> None:
    put("xml/a.tif", b"0123456789")
    url = f"{cloud.url}/bkt/xml/a.tif"

    part = httpx.get(url, headers={"range": "bytes=2-4"})
    wrong = httpx.get(url, headers={"x-goog-if-generation-match": "5"})
    gone = httpx.delete(url, params={"generation": "5"})

    assert (part.status_code, part.content) == (206, b"234")
    assert wrong.status_code == 412
    assert "PreconditionFailed" in wrong.text
    assert gone.status_code == 404
    assert httpx.head(url).headers["content-length"] == "10"


def test_objects_are_listed_page_by_page(bucket: Any, cloud: CloudStorage, tmp_path: Path) -> None:
    file = tmp_path / "content"
    file.touch()
    with ThreadPoolExecutor(4) as threads:
        names = [f"many/{number:04d}" for number in range(1005)]
        list(threads.map(lambda name: cloud.upload("bkt", name, file, "image/tiff"), names))

    sizes = [len(list(page)) for page in bucket.list_blobs(prefix="many/").pages]
    small = [len(list(p)) for p in bucket.list_blobs(prefix="many/000", page_size=4).pages]
    greedy = httpx.get(f"{cloud.url}/storage/v1/b/bkt/o?prefix=many/&maxResults=5000").json()

    assert sizes == [1000, 5]
    assert small == [4, 4, 2]
    assert len(greedy["items"]) == 1000
    assert greedy["nextPageToken"]


def test_uploads_of_every_kind_arrive(bucket: Any) -> None:
    content = os.urandom(1_000_000)
    bucket.blob("up/multipart").upload_from_string(content)
    chunked = bucket.blob("up/resumable", chunk_size=256 * 1024)
    with chunked.open("wb", ignore_flush=True) as target:
        target.write(content)

    assert bucket.blob("up/multipart").download_as_bytes() == content
    assert bucket.blob("up/resumable").download_as_bytes() == content


@pytest.mark.parametrize("precondition", [5, 0])
def test_nothing_happens_if_the_generation_is_another(
    bucket: Any, put: Any, precondition: int
) -> None:
    put("guarded", b"kept")
    blob = bucket.blob("guarded")

    for attempt in (blob.download_as_bytes, blob.delete):
        with pytest.raises(exceptions.PreconditionFailed):
            attempt(if_generation_match=precondition)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string(b"new", if_generation_match=precondition)

    assert blob.download_as_bytes() == b"kept"


def test_only_the_generation_that_is_named_is_read_or_deleted(bucket: Any, put: Any) -> None:
    put("twice", b"old")
    old = bucket.get_blob("twice").generation
    put("twice", b"new")
    blob = bucket.get_blob("twice")

    for attempt in ("download_as_bytes", "delete"):
        with pytest.raises(exceptions.NotFound):
            getattr(bucket.blob("twice", generation=old), attempt)()
    with pytest.raises(exceptions.NotFound):
        bucket.blob("twice", generation=old).reload()

    assert blob.generation > old
    assert blob.download_as_bytes(if_generation_match=blob.generation) == b"new"


def test_deletions_are_done_and_written_down(bucket: Any, put: Any, audit: Audit) -> None:
    put("del/a", b"x")
    blob = bucket.get_blob("del/a")

    blob.delete(if_generation_match=blob.generation)

    assert not blob.exists()
    with pytest.raises(exceptions.NotFound):
        blob.delete()
    (record,) = audit.records("object_delete", "gs://bkt/del/a")
    assert record.details == {"generation": blob.generation}


def test_batches_obey_preconditions_one_by_one(bucket: Any, put: Any, audit: Audit) -> None:
    for name in ("batch/a", "batch/b"):
        put(name, b"x")

    with bucket.client.batch(raise_exception=False):
        bucket.blob("batch/a").delete(if_generation_match=5)
        bucket.blob("batch/b").delete()

    assert [blob.name for blob in bucket.list_blobs(prefix="batch/")] == ["batch/a"]
    assert audit.count("object_delete", "gs://bkt/batch/b") == 1


def test_a_missing_bucket_is_noticed(cloud: CloudStorage, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")

    with pytest.raises(KeyError, match="nowhere"):
        cloud.upload("nowhere", "a", tmp_path / "f", "image/tiff")


# --- Trouble by script. The client recovers from what it can; each fault must have fired.


@pytest.mark.parametrize(
    ("action", "knobs"),
    [
        ("status", {"status": 503}),
        ("status", {"status": 429, "headers": {"Retry-After": "0"}}),
        ("html", {"status": 502}),
        ("reset", {}),
        ("reset", {"after_bytes": 100_000}),
        ("truncate", {"after_bytes": 100_000}),
        ("drop_response", {}),
    ],
)
def test_a_download_survives(
    bucket: Any, put: Any, faults: Faults, action: Any, knobs: dict[str, Any]
) -> None:
    content = os.urandom(2_000_000)
    put("survivor", content)
    fault = faults.add(action, server="storage", path="alt=media", **knobs)

    assert bucket.blob("survivor").download_as_bytes(retry=_quick()) == content
    assert fault.fired == 1


def _quick() -> Any:
    return DEFAULT_RETRY.with_delay(initial=0.01, maximum=0.01)


@pytest.mark.parametrize("action", ["reset", "truncate"])
def test_an_answer_ends_where_the_script_says(
    cloud: CloudStorage, put: Any, faults: Faults, action: Any
) -> None:
    put("short", b"0123456789")
    faults.add(action, after_bytes=4)

    with socket.create_connection(("127.0.0.1", int(cloud.url.rpartition(":")[2]))) as line:
        head = b"GET /storage/v1/b/bkt/o/short?alt=media HTTP/1.1\r\nHost: localhost\r\n\r\n"
        line.sendall(head)
        got, ending = _until_the_end(line)

    assert b"content-length: 10" in got
    assert ending == action
    # A reset may overtake what was sent before it; a proper end never does.
    assert got.endswith(b"\r\n\r\n0123") or action == "reset"


def _until_the_end(line: socket.socket) -> tuple[bytes, str]:
    """Return all bytes of a connection and how it ended."""
    got = b""
    try:
        while chunk := line.recv(65536):
            got += chunk
    except ConnectionResetError:
        return got, "reset"
    return got, "truncate"


def test_a_wrong_byte_is_where_the_script_says(
    cloud: CloudStorage, bucket: Any, put: Any, faults: Faults
) -> None:
    put("flipped", bytes(1000))
    faults.add("corrupt", after_bytes=77, count=2)

    raw = httpx.get(f"{cloud.url}/bkt/flipped").content

    assert [position for position, byte in enumerate(raw) if byte] == [77]
    with pytest.raises(storage.exceptions.DataCorruption):
        bucket.blob("flipped").download_as_bytes()


def test_a_range_can_be_ignored(cloud: CloudStorage, put: Any, faults: Faults) -> None:
    put("whole", b"0123456789")
    faults.add("ignore_range")

    answer = httpx.get(f"{cloud.url}/bkt/whole", headers={"range": "bytes=5-"})

    assert (answer.status_code, answer.content) == (200, b"0123456789")


def test_a_deletion_whose_answer_is_lost_is_done(
    bucket: Any, put: Any, faults: Faults, audit: Audit
) -> None:
    put("lost", b"x")
    faults.add("drop_response", method="DELETE")

    with pytest.raises(Exception, match=r"(?i)connection"):
        bucket.blob("lost").delete(retry=NO_RETRY)

    assert not bucket.blob("lost").exists()
    assert audit.count("object_delete", "gs://bkt/lost") == 1
