"""The mirror's disk goes away while it is worked with: whatever the system says, it costs time."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import structlog

from geesync.adapters.mirror_files.mirror import prepare_mirror, unmarked
from geesync.adapters.mirror_files.ownership import claim
from geesync.doctor import Doctor
from geesync.domain.messages.findings import Severity
from geesync.simulator import Simulator
from geesync.store.views.mirrors import known_mirrors
from tests.faults.conditions import needs_root, run
from tests.faults.conftest import ARCHIVE
from tests.service.daemon_process import eventually
from tests.story.world import World, a_world

pytestmark = [needs_root, pytest.mark.root]

IMAGES = 6


class Served:
    """A folder that a process serves, as sshfs and mergerfs do; its process can be killed."""

    def __init__(self, source: Path, folder: Path) -> None:
        if shutil.which("bindfs") is None:
            pytest.skip("bindfs is not installed (apt install bindfs)")
        self.source, self.folder = source, folder
        source.mkdir()
        folder.mkdir()
        self.mount()

    def mount(self) -> None:
        if run("bindfs", self.source, self.folder, check=False).returncode:
            pytest.skip("FUSE is not allowed here, though we are root")

    def die(self) -> None:
        """Kill who serves it: every call then says that the endpoint is not connected."""
        (pid,) = run("pgrep", "-f", f"bindfs {self.source} ").stdout.split()
        os.kill(int(pid), signal.SIGKILL)
        eventually(lambda: "not connected" in unmarked(str(self.folder)))

    def unmount(self) -> None:
        run("umount", "-l", self.folder, check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "disk", tmp_path / "mirror")
    try:
        yield served
    finally:
        served.unmount()


@pytest.fixture
def world(tmp_path: Path, disk: Served) -> Iterator[World]:
    """Six images, all of which are in the bucket; the mirror is on a disk of its own."""
    prepare_mirror(disk.folder)
    with Simulator(f"thousands:{IMAGES}") as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue(ARCHIVE)
        claim(world.mirror, known_mirrors(world.config.ledger).ledger)
        world.run("discoverer", "exporter")
        simulator.advance(60)
        world.run("reconciler")
        yield world


def _bring_home(world: World) -> None:
    """Let the rest come, and see that nothing was counted against any asset, or asked for anew."""
    world.settle()

    assert world.counts() == {"verified": IMAGES + 2}
    assert world.simulator.audit.count("export") == IMAGES
    for number in range(IMAGES):
        happened = set(world.history(f"{ARCHIVE}/c0000/i{number:06}"))
        assert not {name for name in happened if name.endswith(("Failed", "Lost"))}, happened


def test_a_mirror_that_cannot_be_looked_at_is_told_and_waited_for(
    world: World, disk: Served
) -> None:
    world.run("downloader")
    disk.die()

    with structlog.testing.capture_logs() as told:
        for _ in range(3):
            world.run()
            world.simulator.advance(60)
    brakes = [one.text for one in world.service.brakes.readings() if one.name == "disk"]
    findings = list(Doctor(world.config, None).examine())
    disk.unmount()
    disk.mount()

    assert not [line for line in told if line["event"] in {"step_failed", "bug"}]
    assert ["not connected" in text for text in brakes] == [True]
    assert {trouble.cause for trouble in world.status().troubles} <= {"disk"}
    assert "not connected" in next(one.text for one in findings if one.verdict == Severity.FAIL)
    _bring_home(world)


@pytest.mark.parametrize(
    "what",
    [
        "geesync.adapters.mirror_files.landing.write_all",
        "geesync.adapters.formats.rasters.prove",
        "geesync.steps.mirror.proved_copy.make",
    ],
)
@pytest.mark.parametrize("back", ["at once", "later"])
def test_a_mirror_that_is_unmounted_in_the_midst_counts_against_nobody(
    world: World,
    disk: Served,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    back: str,
) -> None:
    whole: Callable[..., Any] = resolve_name(what)
    gone: list[str] = []

    def without_a_disk(*arguments: Any, **named: Any) -> Any:
        if gone:
            return whole(*arguments, **named)
        gone.append(what)
        disk.unmount()
        try:
            return whole(*arguments, **named)
        finally:
            if back == "at once":
                disk.mount()

    monkeypatch.setattr(what, without_a_disk)

    world.run("downloader", "verifier")
    if back == "later":
        world.run()
        disk.mount()

    assert gone
    _bring_home(world)
