"""An account comes home through a person's Drive, for those who have no bucket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from structlog.testing import capture_logs

from geesync.simulator.drive.files import FOLDER, DriveFile
from geesync.simulator.profiles import CALM, Profile
from geesync.simulator.simulator import Simulator
from geesync.simulator.wire.tokens import ANONYMOUS
from geesync.simulator.world.pixels import SimAsset, SimFeature
from geesync.step_threads import run_step
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

RNG = np.random.default_rng(5)
VALUES = RNG.integers(0, 256, (300, 400), dtype=np.uint8)
MASK = (RNG.random((300, 400)) > 0.3).astype(np.float32)
IMAGE = an_image("img", a_band("b", VALUES, MASK), a_band("h", VALUES.astype(np.float32)))
OTHER = an_image("img1", a_band("b", VALUES.T))

ROW = SimFeature("0", {"type": "Point", "coordinates": [1.0, 2.0]}, {"height": 7})

Open = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Give what opens a world without a bucket, of whom it is the Drive."""

    @contextmanager
    def opening(*assets: SimAsset, profile: Profile = CALM, keep: bool = False) -> Iterator[World]:
        account = an_account(*(assets or (IMAGE, OTHER)))
        with (
            Simulator(account, profile=profile) as simulator,
            a_world(simulator, tmp_path, direct={}, drive={"keep": keep}) as world,
        ):
            world.enqueue("users/x", way="drive")
            yield world

    return opening


def the_files(world: World) -> list[DriveFile]:
    return [file for file in world.simulator.drive.files(ANONYMOUS) if file.kind != FOLDER]


def in_drive(world: World) -> list[str]:
    """Return the names of all files in the person's Drive."""
    return sorted(file.name for file in the_files(world))


def test_an_account_comes_home_through_drive_and_leaves_nothing_there(opened: Open) -> None:
    with opened() as world:
        world.settle()

        assert world.counts() == {"verified": 3}
        assert world.is_exact(IMAGE.name)
        assert world.is_exact(OTHER.name)
        assert not in_drive(world)
        assert not world.staged()
        told = json.loads((world.folder(IMAGE.name) / "geesync.json").read_text())
        assert {part["vouched_by"] for part in told["parts"]} == {"Drive's SHA-256 of every file"}
        for part in told["parts"]:
            for file in part["files"]:
                assert file["crc32c"] != "00000000"


def test_tables_come_through_drive_too(opened: Open) -> None:
    table = SimAsset(
        f"{HOME}/stations",
        "TABLE",
        update_time="2024-01-01T00:00:00Z",
        features=lambda: iter([ROW]),
    )
    with opened(table) as world:
        world.settle()

        assert [file.name for file in world.files(table.name)] == [
            "stations.csv",
            "stations.geojson",
        ]
        assert not in_drive(world)


@pytest.mark.parametrize("folders", ["new", "found"])
def test_files_are_found_whatever_folder_they_fell_into(
    opened: Open, folders: Literal["new", "found"]
) -> None:
    with opened(profile=replace(CALM, drive_folders=folders)) as world:
        world.run_until("in_bucket", IMAGE.name)

        assert all(name.startswith("geesync_") for name in in_drive(world))
        world.settle()
        assert world.is_exact(IMAGE.name)


def test_what_was_written_twice_is_taken_once_and_deleted_as_often(opened: Open) -> None:
    with opened(OTHER) as world:
        world.run_until("in_bucket", OTHER.name)
        (written,) = the_files(world)
        assert written.content
        world.simulator.drive.add(ANONYMOUS, written.name, written.kind, written.content)

        world.settle()

        assert world.is_exact(OTHER.name)
        assert not in_drive(world)


def test_of_files_of_a_name_the_newest_is_taken(opened: Open, tmp_path: Path) -> None:
    strange = tmp_path / "strange"
    strange.write_bytes(b"strange")
    with opened(OTHER) as world:
        world.run_until("exporting", OTHER.name)
        world.simulator.advance(600)
        (written,) = the_files(world)
        assert written.content
        drive = world.simulator.drive
        drive.delete(drive.add(ANONYMOUS, written.name, written.kind, strange))
        again = drive.add(ANONYMOUS, written.name, written.kind, written.content)
        earlier = replace(again, id="earlier", created=world.now() - timedelta(hours=1))
        drive._files["earlier"] = replace(earlier, content=strange)

        world.settle()

        assert world.is_exact(OTHER.name)
        assert in_drive(world) == [written.name]


def test_a_file_of_the_same_name_and_other_bytes_is_never_deleted(
    opened: Open, tmp_path: Path
) -> None:
    strange = tmp_path / "strange"
    strange.write_bytes(b"strange")
    with opened(OTHER) as world:
        world.run_until("downloaded", OTHER.name)
        (name,) = in_drive(world)
        world.simulator.drive.add(ANONYMOUS, name, "image/tiff", strange)

        with capture_logs() as logs:
            world.settle()

        assert in_drive(world) == [name]
        assert [log["file"] for log in logs if log["event"] == "drive_file_left"] == [name]


def test_what_is_kept_stays_in_drive(opened: Open) -> None:
    with opened(OTHER, keep=True) as world:
        world.settle()

        (name,) = in_drive(world)
        assert name.startswith("geesync_")
        assert name.endswith("_img1.tif")
        assert world.state(OTHER.name) == "verified"


def test_bytes_that_come_wrong_are_not_believed(opened: Open) -> None:
    with opened(OTHER) as world:
        fault = world.simulator.faults.add("corrupt", path="alt=media", count=2)

        world.settle()

        assert fault.fired == 2
        assert world.is_exact(OTHER.name)


def test_files_with_an_md5_only_are_compared_by_it_and_deleted(opened: Open) -> None:
    with opened(OTHER) as world:
        world.simulator.drive.hashes = ("md5",)
        fault = world.simulator.faults.add("corrupt", path="alt=media", count=2)

        world.settle()

        assert fault.fired == 2
        assert world.is_exact(OTHER.name)
        assert not in_drive(world)
        told = json.loads((world.folder(OTHER.name) / "geesync.json").read_text())
        assert {part["vouched_by"] for part in told["parts"]} == {"Drive's MD5 of every file"}


def test_what_somebody_deletes_in_drive_is_exported_again(opened: Open) -> None:
    with opened(OTHER) as world:
        world.run_until("in_bucket", OTHER.name)
        for file in world.simulator.drive.files(ANONYMOUS):
            world.simulator.drive.delete(file)

        world.settle()

        assert world.is_exact(OTHER.name)
        assert world.accepted(OTHER.name) == 2


def test_a_full_drive_holds_exports_and_says_so_until_there_is_room(
    opened: Open, tmp_path: Path
) -> None:
    with opened(profile=replace(CALM, drive_bytes=10**6)) as world:
        film = tmp_path / "film.mp4"
        film.write_bytes(bytes(10**6 - 1000))
        told = world.simulator.drive.add(ANONYMOUS, film.name, "video/mp4", film)
        for _ in range(6):
            world.run()
            world.simulator.advance(60)

        assert world.counts() == {"verified": 1, "discovered": 2}
        assert world.show(OTHER.name)["failures"] == 0
        assert world.show(OTHER.name)["cause"] == "drive_full"
        assert "Not enough space in Google Drive" in world.show(OTHER.name)["reason"]
        assert any("Drive: " in why for gates in world.service.gates for why in gates.reasons())
        world.simulator.drive.delete(told)
        world.settle()
        assert world.is_exact(IMAGE.name)


@pytest.mark.parametrize("status", [403, 429])
def test_a_drive_that_is_asked_too_fast_costs_time_only(opened: Open, status: int) -> None:
    with opened() as world:
        refusal = json.dumps({"error": {"code": status, "message": "User rate limit exceeded."}})
        fault = world.simulator.faults.add(
            "status", path="/drive/v3/", status=status, body=refusal, count=20
        )

        world.settle()

        assert fault.fired == 20
        assert world.counts() == {"verified": 3}
        assert world.accepted(OTHER.name) == 1


def test_a_login_without_the_right_to_drive_says_what_to_do(opened: Open) -> None:
    with opened(OTHER, profile=replace(CALM, drive_scope=False)) as world:
        for _ in range(5):
            world.run()
            world.simulator.advance(60)

        told = [run_step(step).waiting for step in world.service.steps if step.name == "reconciler"]
        assert "earthengine authenticate --force" in told[0]
        assert world.accepted(OTHER.name) == 1
        object.__setattr__(world.simulator.profile, "drive_scope", True)  # logged in anew
        world.settle()
        assert world.is_exact(OTHER.name)
        assert world.accepted(OTHER.name) == 1


def test_a_root_by_drive_has_no_bucket_to_name(opened: Open) -> None:
    with opened(OTHER) as world:
        world.run_until("exporting", OTHER.name)

        (record,) = world.simulator.audit.records("export")
        assert record.details["destination"] == "https://drive.google.com/"


def test_what_a_lost_ledger_had_asked_for_comes_through_drive(tmp_path: Path) -> None:
    with Simulator(an_account(OTHER)) as simulator:
        with a_world(simulator, tmp_path, direct={}) as world:
            world.enqueue("users/x", way="drive")
            world.run("discoverer", "exporter")
        for file in tmp_path.glob("geesync.db*"):
            file.unlink()

        with a_world(simulator, tmp_path, direct={}) as world:
            world.enqueue("users/x", way="drive")
            world.run("discoverer")
            assert world.service.adopter.run() == 1
            world.settle()

            assert world.is_exact(OTHER.name)
            assert world.accepted(OTHER.name) == 1
            assert not in_drive(world)
