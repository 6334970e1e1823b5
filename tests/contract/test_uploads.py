"""What uploading promises: whole or not at all, resumed in another process, never twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import google_crc32c
import pytest

from geesync.adapters.storage.bucket import Storage
from geesync.adapters.storage.uploads import PIECE_BYTES, Upload, Uploads
from geesync.adapters.transfer.bandwidth import Bandwidth
from geesync.errors import Cause, RemoteError
from tests.contract.conftest import Put
from tests.live.account import Account
from tests.live.costs import Cost

CONTENT = bytes(range(256)) * (2 * PIECE_BYTES // 256) + b"and a bit"

pytestmark = pytest.mark.costs(megabytes=36)


@pytest.fixture
def wanted(tmp_path: Path, account: Account, bucket: str) -> Upload:
    file = tmp_path / "img.tif"
    file.write_bytes(CONTENT)
    crc32c = int(google_crc32c.value(CONTENT))
    name = f"{account.prefix}restore/k/{tmp_path.name}.tif"
    return Upload(file, bucket, name, len(CONTENT), crc32c)


@pytest.fixture
def uploads(storage: Storage, account: Account) -> Callable[..., Uploads]:
    class Metered(Bandwidth):
        def take(self, size_bytes: int, keep_on: Callable[[], bool]) -> None:
            account.meter.spend(Cost(transferred_bytes=size_bytes))
            super().take(size_bytes, keep_on)

    def build(keep_on: Callable[[], bool] = lambda: True) -> Uploads:
        return Uploads(storage, Metered(lambda: None), keep_on)

    return build


def stopping_after(pieces: int) -> Callable[[], bool]:
    left = iter([True] * pieces)
    return lambda: next(left, False)


def test_a_file_becomes_an_object_of_the_same_bytes(
    uploads: Callable[..., Uploads], wanted: Upload, tmp_path: Path, storage: Storage
) -> None:
    obj = uploads().upload(wanted, tmp_path)

    assert (obj.size_bytes, obj.crc32c) == (wanted.size_bytes, wanted.crc32c)
    assert storage.list_objects(wanted.bucket, wanted.name) == [obj]


def test_a_second_upload_finds_the_first(
    uploads: Callable[..., Uploads], wanted: Upload, tmp_path: Path
) -> None:
    first = uploads().upload(wanted, tmp_path)

    assert uploads().upload(wanted, tmp_path) == first


@pytest.mark.costs(megabytes=52)
def test_files_of_the_same_bytes_do_not_go_on_with_one_another_s_upload(
    uploads: Callable[..., Uploads], wanted: Upload, tmp_path: Path
) -> None:
    another = replace(wanted, name=wanted.name.replace("/k/", "/other/"))
    with pytest.raises(RemoteError):
        uploads(stopping_after(1)).upload(wanted, tmp_path)

    assert uploads().upload(another, tmp_path).name == another.name
    assert uploads().upload(wanted, tmp_path).name == wanted.name


def test_an_upload_of_which_no_byte_has_come_begins_with_the_first(
    uploads: Callable[..., Uploads], wanted: Upload, tmp_path: Path
) -> None:
    with pytest.raises(RemoteError):
        uploads(stopping_after(0)).upload(wanted, tmp_path)
    assert list(tmp_path.glob("*.upload"))

    obj = uploads().upload(wanted, tmp_path)

    assert (obj.size_bytes, obj.crc32c) == (wanted.size_bytes, wanted.crc32c)


def test_an_upload_goes_on_in_another_process_where_it_ended(
    uploads: Callable[..., Uploads], wanted: Upload, tmp_path: Path
) -> None:
    with pytest.raises(RemoteError, match="stopped"):
        uploads(stopping_after(1)).upload(wanted, tmp_path)
    (kept,) = tmp_path.glob("*.upload")
    assert kept.stat().st_mode & 0o077 == 0

    obj = uploads().upload(wanted, tmp_path)

    assert obj.crc32c == wanted.crc32c
    assert not list(tmp_path.glob("*.upload"))


def test_an_upload_that_is_forgotten_begins_anew(
    uploads: Callable[..., Uploads], wanted: Upload, tmp_path: Path
) -> None:
    with pytest.raises(RemoteError, match="stopped"):
        uploads(stopping_after(1)).upload(wanted, tmp_path)
    (kept,) = tmp_path.glob("*.upload")
    kept.write_text(kept.read_text() + "x")

    assert uploads().upload(wanted, tmp_path).crc32c == wanted.crc32c


def test_another_object_of_the_name_is_never_overwritten(
    uploads: Callable[..., Uploads], wanted: Upload, tmp_path: Path, account: Account, put: Put
) -> None:
    put(wanted.name.removeprefix(account.prefix), b"somebody else's")

    with pytest.raises(RemoteError) as refused:
        uploads().upload(wanted, tmp_path)

    assert refused.value.cause == Cause.INTEGRITY
