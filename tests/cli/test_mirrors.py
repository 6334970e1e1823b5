"""A mirror and its ledger know each other: nothing is written to another folder in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from geesync.errors import ExitCode
from tests.cli.conftest import Run

ROOT = "users/demo"
OTHER = "projects/demo-project"


def unmounted(mirror: Path) -> None:
    """Leave an empty mount point."""
    mirror.rename(f"{mirror}.away")
    mirror.mkdir()


def of_another_ledger(mirror: Path) -> None:
    file = mirror / ".geesync/mirror.json"
    file.write_text('{"mirror": "00", "ledger": "0123456789abcdef"}')


def another_disk(mirror: Path) -> None:
    """Mount another mirror of the same ledger in its place."""
    file = mirror / ".geesync/mirror.json"
    file.write_text(file.read_text().replace('"mirror": "', '"mirror": "ff'))


def without_identity(mirror: Path) -> None:
    """Mark the folder anew, as somebody does who believes it lost."""
    (mirror / ".geesync/mirror.json").unlink()


@pytest.fixture
def mirror(geesync: Run, tmp_path: Path) -> Path:
    """Mirror an account whole."""
    assert geesync("enqueue", ROOT).returncode == 0
    assert geesync("sync", "--once").returncode == 0
    return tmp_path / "mirror"


@pytest.mark.parametrize("harm", [unmounted, of_another_ledger, another_disk, without_identity])
def test_a_folder_that_is_not_the_ledgers_mirror_is_refused_by_all_alike(
    geesync: Run, mirror: Path, harm: Callable[[Path], None]
) -> None:
    harm(mirror)
    before = sorted(mirror.rglob("*"))

    enqueued = [geesync("enqueue", root) for root in (ROOT, OTHER)]
    checked = geesync("check", "--repair")
    examined = geesync("doctor")
    told = geesync("status")
    synced = geesync("sync", "--once")

    assert [one.returncode for one in enqueued] == [ExitCode.MIRROR] * 2
    assert all("--take-mirror" in one.stderr for one in enqueued), enqueued
    assert checked.returncode == ExitCode.MIRROR
    assert examined.returncode
    assert str(mirror) in examined.stdout
    assert told.returncode == ExitCode.INCOMPLETE
    assert told.stdout.splitlines()[-1].startswith(f"not complete: {mirror} is ")
    assert synced.returncode == ExitCode.MIRROR
    assert str(mirror) in synced.stderr.splitlines()[-1]
    assert sorted(mirror.rglob("*")) == before


def test_a_second_ledger_takes_a_mirror_only_by_an_explicit_word(
    geesync: Run, mirror: Path, tmp_path: Path
) -> None:
    second = ("--ledger", str(tmp_path / "second.db"))

    refused = geesync(*second, "enqueue", ROOT)
    taken = geesync(*second, "enqueue", "--take-mirror", ROOT)
    first = geesync("enqueue", ROOT)

    assert refused.returncode == ExitCode.MIRROR
    assert "another ledger" in refused.stderr
    assert taken.returncode == 0
    assert first.returncode == ExitCode.MIRROR
    assert mirror.is_dir()


@pytest.mark.parametrize("place", ["mirror/users", "mirror/deep/er", "."])
def test_no_mirror_lies_in_another(geesync: Run, mirror: Path, tmp_path: Path, place: str) -> None:
    ended = geesync("enqueue", "--dest", str(tmp_path / place), OTHER)

    assert ended.returncode == ExitCode.MIRROR
    assert not (mirror / "deep").exists()


def test_a_new_disk_in_the_place_of_a_lost_one_is_filled_anew(geesync: Run, mirror: Path) -> None:
    unmounted(mirror)

    taken = geesync("enqueue", "--take-mirror", ROOT)
    geesync("check", "--repair")
    synced = geesync("sync", "--once")

    assert (taken.returncode, synced.returncode) == (0, 0)
    assert geesync("check").returncode == 0
