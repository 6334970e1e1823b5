"""kill -9 at a system call: over one asset's whole way, at many of its writes and sends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from geesync.simulator import Simulator
from geesync.store.file.soundness import reading
from tests.faults.conditions import needs_strace
from tests.faults.conftest import ARCHIVE
from tests.soak.orders import Zygote, a_zygote
from tests.story.world import BESIDE, World, a_world

#: What leaves a trace in the world: on the disk, in the ledger, or at Google.
CALLS = (
    "write,pwrite64,sendto,fsync,fdatasync,ftruncate,mkdirat,rename,renameat,renameat2,"
    "unlink,unlinkat"
)

#: Moments that are tried; all of them, by ``GEESYNC_KILL_EVERY=1``, take minutes.
POINTS = 10
EVERY = int(os.environ.get("GEESYNC_KILL_EVERY", "0"))

pytestmark = [needs_strace, pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Victim:
    """A process that runs each step once, under strace."""

    zygote: Zygote

    def run(self, world: World, *trace: str) -> bool:
        """Run to the end or to the kill; return whether it was killed."""
        config = world.config.model_dump(mode="json")
        del config["schedule"], config["throttle"]
        config["throttle"] = {"requests_per_s": 100_000, "reserve": 0}
        pid = self.zygote.begin({"work": "once", "config": config})
        told = Path(f"/proc/{pid}/status")
        while "\nState:\tT" not in told.read_text():
            assert self.zygote.process.poll() is None
        command = ["strace", "-f", "-qq", "-p", str(pid), "-e", f"trace={CALLS}", *trace]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as strace:
            while "\nTracerPid:\t0\n" in told.read_text():
                assert strace.poll() is None, "strace cannot attach"
            os.kill(pid, signal.SIGCONT)
            status = self.zygote.ended()
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.fixture
def victim() -> Iterator[Victim]:
    with a_zygote() as zygote:
        yield Victim(zygote)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("thousands:1") as running:
        yield running


def fresh(simulator: Simulator, folder: Path) -> World:
    """Return a world whose ledger has been closed again: the victim works on it."""
    folder.mkdir()
    with a_world(simulator, folder, workers=BESIDE) as world:
        world.enqueue(ARCHIVE)
    return world


def test_wherever_it_is_killed_the_rest_is_done_once(
    simulator: Simulator, victim: Victim, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    whole = fresh(simulator, tmp_path / "whole")
    assert not victim.run(whole, "-o", str(calls))
    moments = len([line for line in calls.read_text().splitlines() if "(" in line])
    assert moments > POINTS

    killed = 0
    for moment in range(1, moments, EVERY or max(1, moments // POINTS)):
        folder = tmp_path / f"at{moment}"
        world = fresh(simulator, folder)
        inject = f"inject={CALLS}:signal=KILL:when={moment}"
        killed += victim.run(world, "-e", inject, "-o", "/dev/null")
        with a_world(simulator, folder, workers=BESIDE) as again:
            again.settle()
            _assert_sound(again)
    assert killed >= POINTS // 2

    asked = Counter(record.details["request_id"] for record in simulator.audit.records("export"))
    assert set(asked.values()) == {1}
    assert len(asked) == len(list(tmp_path.glob("at*"))) + 1
    assert not simulator.audit.count("cancel")


def _assert_sound(world: World) -> None:
    assert world.counts() == {"verified": 3}
    assert not [*world.mirror.rglob("*.part"), *world.mirror.rglob("*.new")]
    assert len(list(world.mirror.rglob("*.tif"))) == 1
    with reading(world.config.ledger) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
