"""The mirror's file system: only inside it, only whole, and nobody else's file touched."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import google_crc32c
import pytest

from geesync.adapters.mirror_files.disk_errors import disk_errors
from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.landing import Landing, Writer, name_unproved, unproved
from geesync.adapters.mirror_files.mirror import MARKER, free_bytes, is_mirror, prepare_mirror
from geesync.adapters.transfer.curl_loop import run
from geesync.domain.mirror.coverage import StoredObject
from geesync.errors import Cause, ExitCode, MirrorError, RemoteError

CONTENT = b"pixels" * 1000
OBJECT = StoredObject("p/img.tif", 1, len(CONTENT), google_crc32c.value(CONTENT))


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    path = tmp_path / "mirror"
    prepare_mirror(path)
    return path


async def send(writer: Writer, start: int) -> None:
    writer.write(CONTENT[start:])


def land(
    mirror: Path,
    relative: str = "users/x/img",
    *,
    fetch: Callable[[Writer, int], Awaitable[None]] = send,
) -> Path:
    with folder(mirror, relative) as place:
        with Landing(place, "img.tif", "token", OBJECT) as landing:
            run([landing.fetch(fetch, lambda: True)])
        name_unproved(place, landing.name, "img.tif", "token")
        place.sync()
        return place.path / unproved("img.tif", "token")


# --- The mirror itself.


def test_an_empty_folder_becomes_a_mirror_and_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "a/b"

    prepare_mirror(path)
    (path / "users").mkdir()
    prepare_mirror(path)

    assert is_mirror(path)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").touch()

    with pytest.raises(MirrorError, match="not a geesync mirror") as refusal:
        prepare_mirror(tmp_path)

    assert refusal.value.exit_code == ExitCode.MIRROR
    assert not (tmp_path / MARKER).exists()


def test_a_file_where_the_mirror_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(MirrorError, match="cannot be written or synced"):
        prepare_mirror(tmp_path / "file")


def test_nothing_is_written_below_an_unmounted_disk(mirror: Path) -> None:
    (mirror / MARKER).rmdir()

    with pytest.raises(MirrorError, match="mounted"):
        land(mirror)

    assert list(mirror.iterdir()) == []


def test_free_space_is_that_of_the_mirrors_file_system(mirror: Path) -> None:
    assert 0 < (free_bytes(mirror) or 0) < 10**18


# --- What is in the way.


@pytest.mark.parametrize("planted", ["users", "users/x", "users/x/img"])
def test_a_planted_link_leads_nowhere(mirror: Path, tmp_path: Path, planted: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = mirror / planted
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside, target_is_directory=True)

    with pytest.raises(RemoteError):
        land(mirror)

    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["img.tif.token.part", "img.tif.token.new"])
def test_a_link_in_the_place_of_a_file_is_not_followed(
    mirror: Path, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    place = mirror / "users/x/img"
    place.mkdir(parents=True)
    (place / name).symlink_to(victim)

    with suppress(RemoteError):
        land(mirror)

    assert victim.read_bytes() == b"precious"


def test_a_file_in_the_place_of_a_folder_is_told_and_kept(mirror: Path) -> None:
    (mirror / "users").write_text("somebody's notes")

    with pytest.raises(RemoteError, match="in the way"):
        land(mirror)

    assert (mirror / "users").read_text() == "somebody's notes"


@pytest.mark.parametrize("name", ["img.tif.token.part", "img.tif.token.new"])
def test_a_folder_in_the_place_of_a_file_is_told_and_kept(mirror: Path, name: str) -> None:
    notes = mirror / "users/x/img" / name / "notes"
    notes.mkdir(parents=True)

    with pytest.raises(RemoteError, match="in the way"):
        land(mirror)

    assert notes.is_dir()


@pytest.mark.parametrize(
    "number",
    [
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM),
        errno.ENAMETOOLONG,
    ],
)
def test_a_failing_disk_is_the_worlds_and_not_the_assets(mirror: Path, number: int) -> None:
    with pytest.raises(RemoteError) as failure, disk_errors(mirror):
        raise OSError(number, os.strerror(number))

    assert failure.value.cause == Cause.DISK
    assert ("another file system" in str(failure.value)) == (number == errno.ENAMETOOLONG)


# --- Landing.


def test_a_file_lands_under_a_name_that_says_it_is_unproved(mirror: Path) -> None:
    path = land(mirror)

    assert path.read_bytes() == CONTENT
    assert path.name == unproved("img.tif", "token")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("left", [b"", CONTENT[:100], CONTENT[:-1], CONTENT])
@pytest.mark.parametrize("name", ["img.tif.token.part", "img.tif.token.killed.part"])
def test_what_a_kill_left_is_gone_on_with(mirror: Path, name: str, left: bytes) -> None:
    partial = mirror / "users/x/img" / name
    partial.parent.mkdir(parents=True)
    partial.write_bytes(left)
    starts = []

    async def send_rest(writer: Writer, start: int) -> None:
        starts.append(start)
        await send(writer, start)

    path = land(mirror, fetch=send_rest)

    assert path.read_bytes() == CONTENT
    assert starts == [len(left)][: left != CONTENT]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_wrong_bytes_that_a_kill_left_are_taken_once(mirror: Path) -> None:
    partial = mirror / "users/x/img/img.tif.token.killed.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[::-1][:100])

    with pytest.raises(RemoteError, match="CRC32C"):
        land(mirror)

    assert land(mirror).read_bytes() == CONTENT


def test_wrong_bytes_that_a_kill_left_are_not_taken_again_by_the_next_try(mirror: Path) -> None:
    partial = mirror / "users/x/img/img.tif.token.killed.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[::-1][:100])

    with (
        folder(mirror, "users/x/img") as place,
        Landing(place, "img.tif", "token", OBJECT) as landing,
    ):
        with pytest.raises(RemoteError, match="CRC32C"):
            run([landing.fetch(send, lambda: True)])
        run([landing.fetch(send, lambda: True)])

        assert place.holds(landing.name, OBJECT)
        assert place.names() == [landing.name]


def test_a_writer_that_was_given_up_and_lives_on_spoils_nothing(mirror: Path) -> None:
    """It writes into a file of its own, which the next one copied and nobody names any more."""
    given_up: list[Path] = []

    async def slowly(writer: Writer, _start: int) -> None:
        writer.write(CONTENT[:100])
        given_up.append(land(mirror))  # meanwhile another one was sent, and its word was heard
        given_up[0].rename(given_up[0].with_name("img.tif"))
        writer.write(CONTENT[::-1][100:])

    with pytest.raises(RemoteError, match="CRC32C"):
        land(mirror, fetch=slowly)

    (path,) = (mirror / "users/x/img").iterdir()
    assert (path.name, path.read_bytes()) == ("img.tif", CONTENT)


def test_a_file_that_only_the_one_who_fetched_it_sees_is_not_believed(mirror: Path) -> None:
    with (
        folder(mirror, "users/x/img") as place,
        pytest.raises(RemoteError, match="share the mirror") as failure,
    ):
        name_unproved(place, "img.tif.token.abcdef.part", "img.tif", "token")

    assert failure.value.cause == Cause.DISK


def test_more_than_there_can_be_is_begun_anew(mirror: Path) -> None:
    partial = mirror / "users/x/img/img.tif.token.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT + b"more")

    assert land(mirror).read_bytes() == CONTENT


def test_other_bytes_under_the_unproved_name_are_replaced(mirror: Path) -> None:
    unproved = mirror / "users/x/img/img.tif.token.new"
    unproved.parent.mkdir(parents=True)
    unproved.write_bytes(CONTENT[::-1])

    assert land(mirror).read_bytes() == CONTENT


def test_wrong_bytes_are_discarded(mirror: Path) -> None:
    async def lie(writer: Writer, start: int) -> None:
        writer.write(CONTENT[start:][::-1])

    with folder(mirror, "users/x/img") as place:
        with (
            pytest.raises(RemoteError) as failure,
            Landing(place, "img.tif", "token", OBJECT) as landing,
        ):
            run([landing.fetch(lie, lambda: True)])

        assert failure.value.cause == Cause.INTEGRITY
        assert place.names() == []


def test_a_small_file_is_replaced_whole(mirror: Path) -> None:
    with folder(mirror, "users/x") as place:
        place.write("asset.json", b"old")
        place.write("asset.json", b"new")

        assert place.names() == ["asset.json"]
        assert (place.path / "asset.json").read_bytes() == b"new"
