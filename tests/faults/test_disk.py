"""The mirror's disk: full, failing, read-only, not there. It costs time; nothing else stops."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.adapters.mirror_files.mirror import MARKER, prepare_mirror
from geesync.simulator import Simulator
from geesync.step_threads import run_step
from tests.faults.conditions import needs_root, needs_strace, python_under_strace, run, tmpfs
from tests.faults.conftest import ARCHIVE, Build
from tests.story.world import BESIDE, World, a_world

SCRIPT = Path(__file__).with_name("landing_script.py")


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[World]:
    """Twelve images; the mirror is a file system of its own, with few inodes left."""
    with (
        tmpfs(tmp_path / "mirror", "size=64m,nr_inodes=400"),
        Simulator("thousands:12") as simulator,
        a_world(simulator, tmp_path, workers=BESIDE) as world,
    ):
        world.enqueue(ARCHIVE)
        yield world


def files(world: World) -> list[Path]:
    return [path for path in world.mirror.rglob("*.tif") if path.is_file()]


def _fill(folder: Path) -> list[Path]:
    """Make files until the file system has no room for another."""
    made: list[Path] = []
    with contextlib.suppress(OSError):
        while True:
            path = folder / f"ballast{len(made)}"
            path.touch()
            made.append(path)
    return made


def waiting(world: World, name: str) -> str:
    return run_step(next(step for step in world.service.steps if step.name == name)).waiting


@needs_root
@pytest.mark.root
def test_a_full_disk_stops_downloads_only_and_they_go_on_by_themselves(
    on_small_disk: World,
) -> None:
    world = on_small_disk
    world.run("discoverer")
    ballast = _fill(world.mirror / MARKER)

    for _ in range(10):
        world.run()
        world.simulator.advance(60)
    causes = {trouble.cause for trouble in world.status().troubles}
    during = world.counts()
    exports = world.simulator.audit.count("export")
    for path in ballast:
        path.unlink()
    world.settle()

    assert causes == {"disk"}
    assert exports == 12
    assert during.get("exporting", 0) == during.get("discovered", 0) == 0
    assert world.counts() == {"verified": 14}
    assert world.simulator.audit.count("export") == 12


@needs_root
@pytest.mark.root
def test_a_disk_that_became_read_only_is_waited_for(on_small_disk: World) -> None:
    world = on_small_disk
    world.run("discoverer", "exporter", "reconciler")
    run("mount", "-o", "remount,ro", world.mirror)

    for _ in range(3):
        world.run()
        world.simulator.advance(60)
    troubles = world.status().troubles
    run("mount", "-o", "remount,rw", world.mirror)
    world.settle()

    assert troubles[0].cause == "disk"
    assert "Read-only" in troubles[0].reason
    assert world.counts() == {"verified": 14}


@needs_root
@pytest.mark.root
def test_a_disk_that_is_not_mounted_is_no_empty_mirror(on_small_disk: World) -> None:
    world = on_small_disk
    world.settle()
    world.simulator.world.touch(f"{ARCHIVE}/c0000/i000003")
    world.service.roots.scan_all(world.now())
    world.run("discoverer", "exporter")
    world.simulator.advance(60)
    world.run("reconciler")
    run("umount", "-l", world.mirror)

    for _ in range(5):
        world.run()
        world.simulator.advance(60)

    assert "no mirror" in waiting(world, "downloader")
    assert not list(world.mirror.iterdir())
    assert world.counts() == {"verified": 13, "in_bucket": 1}


def test_what_would_not_fit_is_not_begun(build: Build) -> None:
    world = build(3)
    world.enqueue(ARCHIVE)
    world.run("discoverer", "exporter")
    world.simulator.advance(60)
    world.run("reconciler")

    world.limit(reserve=10**18)
    assert "no room" in waiting(world, "downloader")
    assert not files(world)
    assert world.counts()["in_bucket"] == 3


@needs_strace
def test_a_file_whose_fsync_failed_is_written_anew_from_its_first_byte(tmp_path: Path) -> None:
    prepare_mirror(tmp_path / "mirror")
    # The first two are those of the new folders.
    told = python_under_strace("fsync:error=EIO:when=3", SCRIPT, tmp_path / "mirror")

    assert told.splitlines() == [
        "from 0",
        "disk",
        "from 0",
        "landed ['x.tif.t.new'] True",
    ]


@needs_strace
@pytest.mark.parametrize(
    ("sync", "left"), [("when=1", ""), ("when=2", " ".join(["x.tif.t.new"] * 4))]
)
def test_files_that_were_synced_together_are_settled_only_if_the_disk_took_them(
    tmp_path: Path, sync: str, left: str
) -> None:
    script = SCRIPT.with_name("group_sync_script.py")

    told = python_under_strace(f"syncfs:error=EIO:{sync}", script, tmp_path / "mirror")

    assert told.splitlines() == [
        "disk disk disk disk",
        left,
        "settled settled settled settled",
        "x.tif.t.new x.tif.t.new x.tif.t.new x.tif.t.new",
    ]


@needs_strace
@pytest.mark.parametrize(
    ("sync", "left"), [("when=1", ""), ("when=2", "asset.json asset.json asset.json asset.json")]
)
def test_documents_that_were_synced_together_are_told_only_if_the_disk_took_them(
    tmp_path: Path, sync: str, left: str
) -> None:
    script = SCRIPT.with_name("documents_script.py")

    told = python_under_strace(f"syncfs:error=EIO:{sync}", script, tmp_path / "mirror", "4")

    assert told.splitlines() == [
        "disk disk disk disk",
        left,
        "published published published published",
        "asset.json asset.json asset.json asset.json",
    ]


@needs_strace
@pytest.mark.parametrize("number", range(2, 6))
def test_a_document_is_told_only_if_the_disk_took_it_and_all_folders_above_it(
    tmp_path: Path, number: int
) -> None:
    script = SCRIPT.with_name("documents_script.py")
    prepare_mirror(tmp_path / "mirror")

    told = python_under_strace(
        f"fsync:error=EIO:when={number}", script, tmp_path / "mirror", "1"
    ).splitlines()

    assert (told[0], told[2:]) == ("disk", ["published", "asset.json"])


@needs_strace
@pytest.mark.parametrize(
    "inject",
    [
        "write:error=ENOSPC:when=2",
        "write:error=EIO:when=2",
        "rename,renameat,renameat2:error=EIO:when=1",
    ],
)
def test_a_disk_that_fails_once_costs_a_second_try(tmp_path: Path, inject: str) -> None:
    prepare_mirror(tmp_path / "mirror")
    partial = tmp_path / "mirror/users/x/x.tif.t.w.part"
    partial.parent.mkdir(parents=True)
    partial.touch()
    where = None if inject.startswith("rename") else partial

    told = python_under_strace(inject, SCRIPT, tmp_path / "mirror", path=where).splitlines()

    assert "disk" in told
    assert told[-1] == "landed ['x.tif.t.new'] True"


@needs_strace
def test_a_short_write_is_gone_on_with(tmp_path: Path) -> None:
    prepare_mirror(tmp_path / "mirror")
    partial = tmp_path / "mirror/users/x/x.tif.t.w.part"
    partial.parent.mkdir(parents=True)
    partial.touch()

    told = python_under_strace("write:retval=100:when=1", SCRIPT, tmp_path / "mirror", path=partial)

    # The kernel said 100 bytes and wrote none: nobody but the checksum can know.
    assert told.splitlines()[-1] == "landed ['x.tif.t.new'] True"
