"""Bytes that are moved and read by a Dask cluster: real processes that share the mirror."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from geesync.adapters.executors import dask_cluster
from geesync.domain.assets.names import LEGACY
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.step_threads import run_step
from geesync.steps.step import Step
from tests.service.daemon_process import eventually
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.dask_processes import DaskExecutor, a_cluster, reserved_address
from tests.story.deadly import a_deadly_table, assert_only_it_is_quarantined
from tests.story.world import World, a_world

#: Noise, so that the file is large enough to break in the middle.
VALUES = np.random.default_rng(1).integers(0, 255, (600, 700)).astype("uint8")
IMAGE = f"{HOME}/img"
MEDIA = "alt=media"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskExecutor]:
    with a_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as running:
        yield running


def with_dask(address: str) -> dict[str, str]:
    return {"executor": "dask", "scheduler": address}


def step(world: World, name: str) -> Step:
    return next(step for step in world.service.steps if step.name == name)


def until_staged(world: World) -> None:
    """Take an account as far as the bucket."""
    world.run("discoverer", "exporter")
    world.simulator.advance(60)
    world.run("reconciler")


def test_an_account_is_mirrored_by_the_workers_pixel_by_pixel(
    cluster: DaskExecutor, tmp_path: Path
) -> None:
    with (
        Simulator("small") as simulator,
        a_world(simulator, tmp_path, workers=with_dask(cluster.address)) as world,
    ):
        world.enqueue("users/demo")
        world.settle()

        assets = list(simulator.world.walk(f"{LEGACY}users/demo"))
        images = [asset.name for asset in assets if asset.type == "IMAGE"]
        assert world.counts() == {"verified": len(assets)}
        assert len(images) == 5
        assert [name for name in images if not world.is_exact(name)] == []
        assert not [*world.mirror.rglob("*.part"), *world.mirror.rglob("*.new")]


def test_a_worker_that_is_killed_in_the_middle_of_a_file_costs_time_only(tmp_path: Path) -> None:
    with (
        a_cluster(tmp_path, workers=2, threads=1) as cluster,
        Simulator(an_account(an_image("img", a_band("b", VALUES)))) as simulator,
        a_world(simulator, tmp_path, workers=with_dask(cluster.address)) as world,
    ):
        world.enqueue(IMAGE)
        until_staged(world)
        stall = simulator.faults.add(
            "stall", server="storage", path=MEDIA, after_bytes=150_000, seconds=600, count=1
        )
        downloading = threading.Thread(target=world.run, args=("downloader",))
        downloading.start()
        eventually(lambda: bool(stall.fired and cluster.who_writes(".part")))
        doomed = cluster.who_writes(".part")
        assert doomed is not None

        doomed.kill()
        downloading.join()
        world.settle()

        assert stall.fired == 1
        assert doomed.wait() == -signal.SIGKILL
        assert world.is_exact(IMAGE)
        assert [file.name for file in world.folder(IMAGE).glob("*.tif*")] == ["img.tif"]
        assert not [*world.mirror.rglob("*.part"), *world.mirror.rglob("*.new")]
        assert world.accepted(IMAGE) == 1
        assert world.show(IMAGE)["failures"] == 0
        assert "Delayed" not in world.history(IMAGE)  # Dask gave it to the other one at once


#: Loaded by every Python that is started with its folder in the path: it calls all files bad.
LYING = """
from geesync.adapters.formats import proving
from geesync.errors import Cause, RemoteError

def lie(job):
    raise RemoteError(Cause.INTEGRITY, "it is all wrong")

proving.prove = lie
"""


def test_hearsay_is_looked_into_here_and_only_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LYING)
    with ExitStack() as opened:
        with monkeypatch.context() as there:
            there.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
            cluster = opened.enter_context(a_cluster(tmp_path, workers=1))
        account = an_account(an_image("img", a_band("b", VALUES)))
        simulator = opened.enter_context(Simulator(account))
        dask = with_dask(cluster.address)
        world = opened.enter_context(a_world(simulator, tmp_path, workers=dask))
        world.enqueue(IMAGE)
        world.settle()

        assert world.is_exact(IMAGE)
        assert (world.show(IMAGE)["failures"], world.accepted(IMAGE)) == (0, 1)


def test_a_file_that_kills_all_who_read_it_is_quarantined_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = a_deadly_table(tmp_path, monkeypatch)
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    sound = [an_image(f"img{number}", a_band("b", VALUES[:9, :9])) for number in range(6)]
    with (
        a_cluster(tmp_path, workers=1, threads=8, nanny=True) as cluster,
        Simulator(an_account(poison, *sound)) as simulator,
        a_world(simulator, tmp_path, workers=with_dask(cluster.address)) as world,
    ):
        world.enqueue(HOME)
        world.settle()

        assert_only_it_is_quarantined(world, poison, sound)
        assert (tmp_path / "deaths").stat().st_size >= 5 * (2 + 1)  # two workers, and one here


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[World]:
    """An image that is in the bucket, and a scheduler's address at which nobody is yet."""
    with (
        Simulator(an_account(an_image("img", a_band("b", VALUES)))) as simulator,
        reserved_address() as address,
        a_world(simulator, tmp_path, workers=with_dask(address)) as world,
    ):
        world.enqueue(IMAGE)
        until_staged(world)
        yield world


def held(world: World, name: str) -> str:
    return run_step(step(world, name)).waiting


def test_a_cluster_that_is_away_is_waited_for_and_told(
    staged: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = staged
    with monkeypatch.context() as impatient:
        impatient.setattr(dask_cluster, "_CONNECT_TIMEOUT_S", 0.2)
        assert "the scheduler does not answer" in held(world, "downloader")

    with a_cluster(tmp_path, address=world.config.workers.scheduler) as cluster:
        assert "there are no workers" in held(world, "downloader")
        assert (world.state(IMAGE), world.show(IMAGE)["failures"]) == ("in_bucket", 0)

        cluster.add_worker()
        cluster.wait_for_workers()
        world.settle()

        assert world.is_exact(IMAGE)
        assert world.show(IMAGE)["failures"] == 0


def test_a_daemon_without_files_to_move_needs_no_cluster(tmp_path: Path) -> None:
    with (
        Simulator(an_account(SimAsset(f"{HOME}/empty", "FOLDER"))) as simulator,
        reserved_address() as address,
        a_world(simulator, tmp_path, workers=with_dask(address)) as world,
    ):
        world.enqueue(HOME)
        world.settle()

        assert world.counts() == {"verified": 2}


def test_a_stop_is_heard_by_the_workers_and_what_came_stays(
    cluster: DaskExecutor, tmp_path: Path
) -> None:
    with Simulator(an_account(an_image("img", a_band("b", VALUES)))) as simulator:
        stop = threading.Event()
        dask = with_dask(cluster.address)
        with a_world(simulator, tmp_path, workers=dask, stop=stop, bandwidth="1B") as world:
            world.enqueue(IMAGE)
            until_staged(world)
            downloading = threading.Thread(target=world.run, args=("downloader",))
            downloading.start()
            eventually(lambda: cluster.who_writes(".part") is not None)
            stop.set()
            downloading.join()

        eventually(lambda: cluster.who_writes(".part") is None)
        with a_world(simulator, tmp_path, workers=dask) as world:
            world.settle()
            assert world.is_exact(IMAGE)


def test_another_bandwidth_reaches_the_transfers_under_way(
    cluster: DaskExecutor, tmp_path: Path
) -> None:
    with (
        Simulator(an_account(an_image("img", a_band("b", VALUES)))) as simulator,
        a_world(simulator, tmp_path, workers=with_dask(cluster.address), bandwidth="1B") as world,
    ):
        world.enqueue(IMAGE)
        until_staged(world)
        downloading = threading.Thread(target=world.run, args=("downloader",))
        downloading.start()
        eventually(lambda: cluster.who_writes(".part") is not None)

        world.limit(bandwidth="off")
        downloading.join()

        assert world.state(IMAGE) == "downloaded"
