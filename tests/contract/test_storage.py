"""What the adapter promises of Cloud Storage, and what lands on disk for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import google_crc32c
import pytest

from geesync.adapters.google.pacing import Pacer
from geesync.adapters.mirror_files.folders import Folders, folder
from geesync.adapters.mirror_files.landing import Landing, Writer, name_unproved, unproved
from geesync.adapters.mirror_files.mirror import prepare_mirror
from geesync.adapters.storage.bucket import Storage
from geesync.adapters.storage.drive import Drive
from geesync.adapters.storage.fetching import Fetch, fetch
from geesync.adapters.storage.stores import Access, ObjectSource, Stores
from geesync.adapters.transfer.bandwidth import Bandwidth
from geesync.adapters.transfer.curl_loop import run
from geesync.domain.mirror.coverage import StoredObject
from geesync.errors import Cause, RemoteError
from geesync.simulator.simulator import Simulator
from tests.contract.conftest import Put
from tests.live.account import Account

pytestmark = pytest.mark.costs(megabytes=11)

CONTENT = bytes(range(256)) * 20_000  # 5 MB: several chunks of the client


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    path = tmp_path / "mirror"
    prepare_mirror(path)
    return path


@pytest.fixture
def land(mirror: Path, storage: Storage, bucket: str) -> Callable[[StoredObject], Path]:
    """Bring an object to disk; what came of it stays for the next attempt."""

    def once(obj: StoredObject, keep_on: Callable[[], bool] = lambda: True) -> Path:
        async def fetch(sink: Writer, start: int) -> None:
            await storage.fetch(bucket, obj, sink, start=start)

        with folder(mirror, "users/x/img") as place:
            with Landing(place, "img.tif", "token", obj) as landing:
                run([landing.fetch(fetch, keep_on)])
            name_unproved(place, landing.name, "img.tif", "token")
            place.sync()
            return place.path / unproved("img.tif", "token")

    return once


def cause(ask: Callable[[], object]) -> Cause:
    with pytest.raises(RemoteError) as refused:
        ask()
    return refused.value.cause


def fetched(storage: Storage, bucket: str, obj: StoredObject, start: int = 0) -> bytes:
    sink = io.BytesIO()
    run([storage.fetch(bucket, obj, sink, start=start)])
    return sink.getvalue()


def part_of(mirror: Path) -> int:
    """Return how much of the object is on disk."""
    return (mirror / "users/x/img/img.tif.token.part").stat().st_size


# --- Listing, reading, deleting.


def test_objects_are_listed_with_size_generation_and_checksum(
    account: Account, storage: Storage, put: Put
) -> None:
    first, second = put("list/a.tif", b"first"), put("list/b.tif", b"second!")
    put("lost/c.tif", b"elsewhere")

    listed = storage.list_objects(account.bucket, account.prefix + "list/")

    assert listed == [first, second]
    assert (second.size_bytes, second.crc32c) == (7, google_crc32c.value(b"second!"))
    assert second.generation > 0


def test_an_empty_prefix_is_an_empty_list_and_a_missing_bucket_is_none(
    account: Account, storage: Storage
) -> None:
    assert storage.list_objects(account.bucket, account.prefix + "nothing/here") == []
    storage.check_access(account.bucket)
    for ask in (storage.check_access, lambda bucket: storage.list_objects(bucket, "")):
        with pytest.raises(RemoteError):
            ask("no-such-bucket")


def test_a_listing_is_whole_or_an_error(
    simulator: Simulator, account: Account, storage: Storage
) -> None:
    simulator.faults.add("status", server="storage", path="prefix=.*whole", count=None)

    assert (
        cause(lambda: storage.list_objects(account.bucket, account.prefix + "whole"))
        == Cause.TRANSIENT
    )


def test_reading_begins_where_it_is_told(account: Account, storage: Storage, put: Put) -> None:
    obj = put("read/a.tif", CONTENT)

    assert fetched(storage, account.bucket, obj) == CONTENT
    assert fetched(storage, account.bucket, obj, start=len(CONTENT) - 5) == CONTENT[-5:]


def test_another_generation_is_neither_read_nor_deleted(
    account: Account, storage: Storage, put: Put
) -> None:
    old = put("generation/a.tif", b"old")
    new = put("generation/a.tif", b"new")

    assert cause(lambda: fetched(storage, account.bucket, old)) == Cause.GONE
    assert storage.delete(account.bucket, [old]) == [False]
    assert storage.list_objects(account.bucket, account.prefix + "generation/") == [new]


def test_what_is_deleted_twice_was_deleted(account: Account, storage: Storage, put: Put) -> None:
    obj = put("delete/a.tif", b"bytes")

    assert storage.delete(account.bucket, [obj]) == [True]
    assert storage.delete(account.bucket, [obj]) == [False]
    assert storage.list_objects(account.bucket, account.prefix + "delete/") == []


@pytest.mark.parametrize(("status", "told"), [(403, Cause.PERMISSION), (503, Cause.TRANSIENT)])
def test_a_deletion_that_was_refused_did_not_happen(
    simulator: Simulator, storage: Storage, put: Put, status: int, told: Cause
) -> None:
    obj = put("refused/a.tif", b"bytes")
    simulator.faults.add("status", method="DELETE", status=status, count=3)

    (answer,) = storage.delete(simulator.bucket, [obj])

    assert isinstance(answer, RemoteError)
    assert answer.cause == told
    assert storage.list_objects(simulator.bucket, obj.name) == [obj]


def test_one_refusal_keeps_no_other_object_of_a_batch(
    simulator: Simulator, account: Account, storage: Storage, put: Put
) -> None:
    kept, gone = put("batch/kept.tif", b"bytes"), put("batch/gone.tif", b"bytes")
    simulator.faults.add("status", method="DELETE", path="kept", status=403, count=1)

    answers = storage.delete(account.bucket, [kept, gone])

    assert [answer is True for answer in answers] == [False, True]
    assert storage.list_objects(account.bucket, account.prefix + "batch/") == [kept]


def test_a_batch_that_was_refused_as_a_whole_deleted_nothing(
    simulator: Simulator, account: Account, storage: Storage, put: Put
) -> None:
    obj = put("whole/a.tif", b"bytes")
    simulator.faults.add("status", method="POST", path="/batch/", status=503, count=3)

    assert cause(lambda: storage.delete(account.bucket, [obj])) == Cause.TRANSIENT
    assert storage.list_objects(account.bucket, account.prefix + "whole/") == [obj]


def test_a_deletion_whose_answer_was_lost_counts(
    simulator: Simulator, account: Account, storage: Storage, put: Put
) -> None:
    obj = put("lost-answer/a.tif", b"bytes")
    lost = simulator.faults.add("drop_response", path="/batch/", count=1)

    storage.delete(account.bucket, [obj])

    assert lost.fired == 1
    assert storage.list_objects(account.bucket, account.prefix + "lost-answer/") == []


# --- Landing.


def test_what_landed_has_every_byte(land: Any, put: Put) -> None:
    path = land(put("land/a.tif", CONTENT))

    assert path.read_bytes() == CONTENT
    assert path.name == "img.tif.token.new"


def test_an_empty_object_lands_too(land: Any, put: Put) -> None:
    assert land(put("land/empty.tif", b"")).read_bytes() == b""


@pytest.mark.parametrize("action", ["reset", "truncate"])
def test_a_transfer_that_broke_goes_on_where_it_ended(
    simulator: Simulator, land: Any, put: Put, mirror: Path, action: Any
) -> None:
    obj = put(f"broken/{action}.tif", CONTENT)
    simulator.faults.add(
        action, server="storage", path=f"{action}.tif.*alt=media", after_bytes=2_000_000, count=1
    )

    assert cause(lambda: land(obj)) == Cause.TRANSIENT
    assert 0 < part_of(mirror) <= 2_000_000
    assert land(obj).read_bytes() == CONTENT


def test_a_flipped_byte_is_noticed_and_nothing_of_it_kept(
    simulator: Simulator, land: Any, put: Put, mirror: Path
) -> None:
    obj = put("flipped.tif", CONTENT)
    simulator.faults.add("corrupt", path="flipped.tif.*alt=media", after_bytes=3_000_000, count=1)

    assert cause(lambda: land(obj)) == Cause.INTEGRITY
    assert list((mirror / "users/x/img").iterdir()) == []
    assert land(obj).read_bytes() == CONTENT


def test_a_byte_flipped_before_a_resume_is_noticed_after_it(
    simulator: Simulator, land: Any, put: Put, mirror: Path
) -> None:
    """The client checks nothing after a resumed download, so all bytes are summed by us."""
    obj = put("resumed.tif", CONTENT)
    simulator.faults.add("reset", path="resumed.tif.*alt=media", after_bytes=2_000_000, count=1)
    assert cause(lambda: land(obj)) == Cause.TRANSIENT
    partial = mirror / "users/x/img/img.tif.token.part"
    came = bytearray(partial.read_bytes())
    came[0] ^= 1
    partial.write_bytes(came)

    assert cause(lambda: land(obj)) == Cause.INTEGRITY


def test_a_server_that_ignores_the_range_spoils_nothing(
    simulator: Simulator, land: Any, put: Put
) -> None:
    obj = put("ranges.tif", CONTENT)
    simulator.faults.add("reset", path="ranges.tif.*alt=media", after_bytes=2_000_000, count=1)
    simulator.faults.add("ignore_range", path="ranges.tif.*alt=media", count=1)
    assert cause(lambda: land(obj)) == Cause.TRANSIENT

    assert cause(lambda: land(obj)) == Cause.INTEGRITY

    assert land(obj).read_bytes() == CONTENT


@pytest.mark.costs(megabytes=16)
def test_a_transfer_that_is_told_to_stop_keeps_what_came(land: Any, put: Put, mirror: Path) -> None:
    obj = put("stopped.tif", CONTENT)
    asked = iter([True, False])

    assert cause(lambda: land(obj, lambda: next(asked))) == Cause.TRANSIENT

    assert 0 < part_of(mirror) < len(CONTENT)
    assert land(obj).read_bytes() == CONTENT


def test_a_power_cut_after_the_rename_costs_no_transfer(
    simulator: Simulator, storage: Storage, land: Any, put: Put, mirror: Path
) -> None:
    obj = put("again.tif", CONTENT)
    landed = land(obj)
    fault = simulator.faults.add("status", path="again.tif.*alt=media", count=None)
    access = Access("daemon", "demo-project", simulator.earth_engine_url, simulator.storage_url, 30)
    source = ObjectSource(
        access,
        lambda: Stores(storage, Drive(credentials=None, pacer=Pacer())),
        Bandwidth(lambda: None),
        lambda: True,
    )

    job = Fetch("users/x/img", "img.tif", "token", simulator.bucket, obj)
    assert run([fetch(job, source, Folders(mirror))]) == [landed.name]

    assert fault.seen == 0


def test_a_listing_that_lies_about_the_checksum_is_never_believed(land: Any, put: Put) -> None:
    obj = put("lie.tif", CONTENT)

    assert cause(lambda: land(replace(obj, crc32c=obj.crc32c ^ 1))) == Cause.INTEGRITY


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_listing_that_lies_about_the_size_is_never_believed(
    land: Any, put: Put, difference: int
) -> None:
    obj = put("size.tif", CONTENT)

    told = cause(lambda: land(replace(obj, size_bytes=obj.size_bytes + difference)))

    assert told in {Cause.INTEGRITY, Cause.TRANSIENT}
