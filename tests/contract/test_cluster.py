"""What travels to a worker and back: plain values, no secret, and no word that costs an asset."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from geesync import __version__
from geesync.adapters.apart import do_apart
from geesync.adapters.bandwidth import Bandwidth
from geesync.adapters.bucket import Storage
from geesync.adapters.cluster import work
from geesync.adapters.fetching import Fetch, fetch_durably
from geesync.adapters.hands import Hands, HearsayError
from geesync.adapters.line import Access, MeteredLine, Orders, WorkersLine, hear
from geesync.adapters.mirror import prepare_mirror
from geesync.adapters.pacing import Pacer
from geesync.adapters.proving import Proof, prove
from geesync.domain.coverage import StoredObject
from geesync.errors import Cause, RemoteError
from geesync.steps.step import Workshop
from geesync.store.database import open_migrating
from geesync.store.ledger import Ledger

OBJECT = StoredObject("geesync/t/img.tif", 1, 6, 0)
ORDERS = Orders("daemon")


class Secretive:
    """Credentials that would show if they were sent along."""

    token = "ya29.a-secret"


def a_line() -> MeteredLine:
    storage = Storage(project="demo-project", credentials=Secretive(), pacer=Pacer())
    access = Access("daemon", "demo-project", None, 30.0)
    return MeteredLine(access, storage, Bandwidth(lambda: None), lambda: True)


def test_a_job_travels_without_the_credentials_of_the_daemon() -> None:
    job = Fetch("/mirror", "users/x/img", "img.tif", "token", "bucket", OBJECT)

    sent = pickle.dumps(partial(fetch_durably, job, a_line()))

    assert b"secret" not in sent
    assert pickle.loads(sent).args == (job, WorkersLine(a_line().access))  # noqa: S301 # our own


def test_orders_are_heard_in_their_order() -> None:
    line = WorkersLine(Access("another", "demo-project", None, 30.0))
    assert line.keep_on()

    hear(Orders("another", number=2, stop=True))
    hear(Orders("another", number=1))

    assert not line.keep_on()


def failure(job: Callable[[], object], *, version: str = __version__) -> RemoteError:
    answer: Any = work(version, ORDERS, job)
    error: RemoteError = pickle.loads(pickle.dumps(answer)).error()  # noqa: S301 # our own
    return error


def test_a_mirror_that_a_worker_does_not_see_is_the_worlds(tmp_path: Path) -> None:
    error = failure(partial(prove, Proof(str(tmp_path), "users/x/img", "img.csv", "csv")))

    assert error.cause == Cause.DISK
    assert "worker" in str(error)
    assert "is its disk mounted?" in str(error)


def test_a_file_that_a_worker_does_not_see_yet_is_the_worlds(tmp_path: Path) -> None:
    prepare_mirror(tmp_path / "mirror")
    (tmp_path / "mirror/users/x/img").mkdir(parents=True)
    job = Proof(str(tmp_path / "mirror"), "users/x/img", "img.csv", "csv")

    assert failure(partial(prove, job)).cause == Cause.DISK


def test_a_worker_with_another_geesync_does_nothing_and_says_why() -> None:
    error = failure(pytest.fail, version="0.0.1")

    assert error.cause == Cause.TRANSIENT
    assert f"has geesync {__version__}, the daemon has 0.0.1" in str(error)


def wrong_bytes() -> None:
    raise RemoteError(Cause.INTEGRITY, "img.tif came with another CRC32C")


def a_mistake() -> None:
    raise KeyError("oops")


@pytest.mark.parametrize("job", [wrong_bytes, a_mistake])
def test_what_a_worker_says_against_an_asset_is_hearsay(job: Callable[[], None]) -> None:
    assert isinstance(failure(job), HearsayError)


def too_large() -> None:
    bytearray(2**40)


def test_a_job_that_a_workers_memory_is_too_small_for_is_not_done_in_the_daemon() -> None:
    error = failure(too_large)

    assert (type(error), error.cause) == (HearsayError, Cause.CRASHED)


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (os.abort, "died of SIGABRT"),
        (partial(os._exit, 3), "ended with 3"),
        (partial(bytearray, 2**31), "more memory than there is"),
    ],
    ids=["killed", "ended", "too large"],
)
def test_what_a_process_of_its_own_dies_of_is_the_assets(
    job: Callable[[], object], told: str
) -> None:
    with pytest.raises(RemoteError, match=told) as died:
        do_apart(job, lambda: None)

    assert (type(died.value), died.value.cause) == (RemoteError, Cause.CRASHED)


def test_what_a_process_of_its_own_survives_is_its_answer() -> None:
    assert do_apart(partial(len, "x" * 2**20), lambda: None) == 2**20


def test_a_stop_ends_a_process_of_its_own() -> None:
    def stop() -> None:
        raise RemoteError(Cause.TRANSIENT, "stopped")

    with pytest.raises(RemoteError, match="stopped"):
        do_apart(partial(time.sleep, 600), stop)


class Gossips(Hands):
    """Says of every job that it failed."""

    def submit(self, _fn: Callable[..., Any], /, *_: Any, **__: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(HearsayError(Cause.INTEGRITY, "it is all wrong"))
        return future


def test_hearsay_is_looked_into_here_and_only_that_counts(tmp_path: Path) -> None:
    database = open_migrating(tmp_path / "geesync.db")
    workshop = Workshop(Ledger(database), Gossips(), hands=Gossips())

    assert workshop.hand_over([partial(len, "fine"), partial(len, "too")]) == [4, 3]
    with pytest.raises(RemoteError, match="came with another CRC32C"):
        workshop.hand_over([wrong_bytes])

    database.close()
