"""The plug is pulled: the ledger never says more than the disks hold, and nothing is paid twice.

A loop-mounted file system is shut down with everything that was not yet on the device dropped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.adapters.mirror_files.landing import unproved
from geesync.errors import GeesyncError
from geesync.simulator import Simulator
from geesync.store.browsing import assets as asset_views
from tests.faults.conditions import needs_root, run
from tests.faults.conftest import ARCHIVE
from tests.story.world import BESIDE, World, a_world

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
_DROP_WHAT_IS_NOT_ON_THE_DEVICE = 2

FILE_SYSTEMS = ("ext4", "xfs")
MAKE = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q", "-f")}

pytestmark = [needs_root, pytest.mark.root, pytest.mark.slow]


class Disk:
    """A file system on a file, that can lose its power."""

    def __init__(self, kind: str, image: Path, folder: Path) -> None:
        if shutil.which(MAKE[kind][0]) is None:
            pytest.skip(f"{MAKE[kind][0]} is not installed")
        with image.open("wb") as file:
            file.truncate(320 * 1024 * 1024)
        run(*MAKE[kind], image)
        folder.mkdir()
        self._image = image
        self.folder = folder
        self.mount()

    def mount(self) -> None:
        if run("mount", "-o", "loop", self._image, self.folder, check=False).returncode:
            pytest.skip("there are no loop devices here, though we are root")

    def cut(self) -> None:
        """Pull the plug; what is open fails from now on."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            mode = struct.pack("I", _DROP_WHAT_IS_NOT_ON_THE_DEVICE)
            fcntl.ioctl(descriptor, _SHUTDOWN, mode)
        finally:
            os.close(descriptor)

    def boot(self) -> None:
        """Mount it again, as the next boot does; its journal is replayed."""
        run("umount", self.folder)
        self.mount()

    def remove(self) -> None:
        run("umount", "-l", self.folder, check=False)


@pytest.fixture(params=FILE_SYSTEMS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["one_disk", "two_disks"])
def disks(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Iterator[list[Disk]]:
    """The disk of the ledger and, if it is another one, that of the mirror."""
    made = [Disk(kind, tmp_path / "ledger.img", tmp_path / "disk")]
    if request.param == "two_disks":
        made.append(Disk(kind, tmp_path / "mirror.img", tmp_path / "disk/mirror"))
    os.sync()  # the mount point itself is not what is tested
    try:
        yield made
    finally:
        for disk in reversed(made):
            disk.remove()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("thousands:6") as running:
        yield running


def until_the_cut(simulator: Simulator, disks: list[Disk], names: list[str]) -> None:
    """Run these steps and pull the plug of all disks."""
    with (
        contextlib.suppress(GeesyncError, OSError),
        a_world(simulator, disks[0].folder, workers=BESIDE) as world,
    ):
        if not world.service.roots.active():
            world.enqueue(ARCHIVE)
        for name in names:
            world.run(name)
            simulator.advance(60)
        _cut(disks)


def _cut(disks: list[Disk]) -> None:
    for disk in disks:
        disk.cut()


def _download(world: World) -> None:
    with contextlib.suppress(GeesyncError):
        world.run("downloader")


def _boot(disks: list[Disk]) -> None:
    for disk in reversed(disks):
        run("umount", disk.folder)
    for disk in disks:
        disk.mount()


def assert_the_ledger_says_no_more_than_the_disk_holds(world: World) -> None:
    for row in asset_views.assets(world.config.ledger):
        told = world.show(row["name"])
        folder = Path(row["dest"], row["path"])
        objects = told["objects"]
        assert isinstance(objects, list)
        for obj in objects:
            if obj["landed_at"] is None:
                continue
            names = {obj["file"], unproved(obj["file"], obj["token"])}
            sizes = [(folder / name).stat().st_size for name in names if (folder / name).exists()]
            assert sizes == [obj["size_bytes"]], (row["name"], sizes)
        if row["state"] == "verified":
            assert (folder / "asset.json").stat().st_size


@pytest.mark.parametrize("last", ["exporter", "reconciler", "downloader", "verifier", "sweeper"])
def test_after_a_power_cut_the_ledger_is_true_and_the_rest_is_done(
    simulator: Simulator, disks: list[Disk], last: str
) -> None:
    steps = ["discoverer", "exporter", "reconciler", "downloader", "verifier", "sweeper"]
    until_the_cut(simulator, disks, steps[: steps.index(last) + 1])
    _boot(disks)

    with a_world(simulator, disks[0].folder, workers=BESIDE) as world:
        assert_the_ledger_says_no_more_than_the_disk_holds(world)
        world.settle()

        assert world.counts() == {"verified": 8}
        assert simulator.audit.count("export") == 6
        assert not list(world.mirror.rglob("*.part"))


def test_a_power_cut_in_the_midst_of_downloads_leaves_no_lie(
    simulator: Simulator, disks: list[Disk]
) -> None:
    begun = simulator.faults.add(
        "stall",
        server="storage",
        path="alt=media",
        after_bytes=100,
        seconds=0.3,
        count=None,
        skip=2,
    )
    with (
        contextlib.suppress(GeesyncError, OSError),
        a_world(simulator, disks[0].folder, workers=BESIDE) as world,
    ):
        world.enqueue(ARCHIVE)
        for name in ("discoverer", "exporter", "reconciler"):
            world.run(name)
            simulator.advance(60)
        downloading = threading.Thread(target=_download, args=(world,))
        downloading.start()
        while not begun.fired:
            downloading.join(0.001)
        _cut(disks)
        downloading.join()
    simulator.faults.clear()
    _boot(disks)

    with a_world(simulator, disks[0].folder, workers=BESIDE) as world:
        assert_the_ledger_says_no_more_than_the_disk_holds(world)
        world.settle()

        assert world.counts() == {"verified": 8}
        assert simulator.audit.count("export") == 6
