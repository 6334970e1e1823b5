"""What travels to a worker and back: plain values, no secret, and no word that costs an asset."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from geesync import __version__
from geesync.adapters.executors.dask_cluster import work_there
from geesync.adapters.executors.executor import Orders, Results, UnconfirmedError, Work, receive
from geesync.adapters.formats.proving import Proof, prove_all
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.mirror_files.mirror import prepare_mirror
from geesync.adapters.storage.bucket import Storage
from geesync.adapters.storage.drive import Drive
from geesync.adapters.storage.fetching import fetch_all
from geesync.adapters.storage.stores import Access, ObjectSource, Stores, of_worker
from geesync.adapters.transfer.bandwidth import Bandwidth
from geesync.errors import Cause, RemoteError

ORDERS = Orders("daemon")


class Secretive:
    """Credentials that would show if they were sent along."""

    token = "ya29.a-secret"


def a_source() -> ObjectSource:
    storage = Storage(project="demo-project", credentials=Secretive(), pacer=Pacer())
    drive = Drive(credentials=Secretive(), pacer=Pacer())
    access = Access("daemon", "demo-project", None, None, 30.0)
    stores = Stores(storage, drive)
    return ObjectSource(access, lambda: stores, Bandwidth(lambda: None), lambda: True)


def test_a_job_travels_without_the_credentials_of_the_daemon() -> None:
    sent = pickle.dumps(partial(fetch_all, a_source(), "/mirror", 8))

    assert b"secret" not in sent
    source, *others = pickle.loads(sent).args  # noqa: S301 # our own
    assert (source.access, *others) == (a_source().access, "/mirror", 8)


def test_orders_are_heard_in_their_order() -> None:
    source = of_worker(Access("another", "demo-project", None, None, 30.0))
    assert source.keep_on()

    receive(Orders("another", number=2, stop=True))
    receive(Orders("another", number=1))

    assert not source.keep_on()


def there(work: Work[Any, Any], *items: object, version: str = __version__) -> Any:
    """Return what a worker answers to work, as it comes back."""
    answer = work_there(version, ORDERS, work, items)
    return pickle.loads(pickle.dumps(answer))  # noqa: S301 # our own


def failure(work: Work[Any, Any], *items: object) -> RemoteError:
    """Return what the only item has failed of."""
    (((_, error),),) = there(work, *items)
    assert isinstance(error, RemoteError)
    return error


def test_a_mirror_that_a_worker_does_not_see_is_the_worlds(tmp_path: Path) -> None:
    error = failure(prove_all, Proof(str(tmp_path), "users/x/img", "img.csv", "csv", 0))

    assert error.cause == Cause.DISK
    assert "worker" in str(error)
    assert "is its disk mounted?" in str(error)


def test_a_file_that_a_worker_does_not_see_yet_is_the_worlds(tmp_path: Path) -> None:
    prepare_mirror(tmp_path / "mirror")
    (tmp_path / "mirror/users/x/img").mkdir(parents=True)
    job = Proof(str(tmp_path / "mirror"), "users/x/img", "img.csv", "csv", 0)

    assert failure(prove_all, job).cause == Cause.DISK


def test_a_worker_with_another_geesync_does_nothing_and_says_why() -> None:
    error = there(wrong_bytes, version="0.0.1")

    assert error.cause == Cause.TRANSIENT
    assert f"has geesync {__version__}, the daemon has 0.0.1" in str(error)


def wrong_bytes(_items: object) -> Iterator[Results[None]]:
    yield [(0, RemoteError(Cause.INTEGRITY, "img.tif came with another CRC32C"))]


def a_mistake(_items: object) -> Iterator[Results[None]]:
    yield [(0, KeyError("oops"))]


def too_large(_items: object) -> Iterator[Results[None]]:
    yield [(0, MemoryError())]


@pytest.mark.parametrize(
    ("work", "cause"),
    [(wrong_bytes, Cause.INTEGRITY), (a_mistake, Cause.BUG), (too_large, Cause.CRASHED)],
)
def test_what_a_worker_says_against_an_asset_is_hearsay(
    work: Work[object, None], cause: Cause
) -> None:
    error = failure(work, "img")

    assert (type(error), error.cause) == (UnconfirmedError, cause)


def test_what_a_server_asked_for_is_told_with_its_refusal() -> None:
    def busy(_items: object) -> Iterator[Results[None]]:
        yield [(0, RemoteError(Cause.TRANSIENT, "busy", status=429, retry_after_s=7.0))]

    error = failure(busy, "img")

    assert (type(error), error.status, error.retry_after_s) == (RemoteError, 429, 7.0)
    assert "worker" in str(error)
