"""What the unmodified ``earthengine`` command does with the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from geesync.simulator import Simulator
from geesync.simulator.operation import State

Run = Callable[..., str]
PROJECT = "projects/demo-project/assets"


def test_ls_shows_the_whole_tree(run_earthengine: Run) -> None:
    listed = run_earthengine("ls", "-l", "-r", "users/demo").splitlines()

    assert [line.split() for line in listed if "er/landcover" in line] == [
        ["[Image]", "projects/earthengine-legacy/assets/users/demo/deep/er/landcover"]
    ]
    assert len(listed) == 6


def test_asset_info_shows_the_metadata(run_earthengine: Run) -> None:
    info = json.loads(run_earthengine("asset", "info", "users/demo/scenes/s0000"))

    assert [band["id"] for band in info["bands"]] == ["B4", "B5", "B1"]


def test_du_adds_up_folders_and_collections(run_earthengine: Run) -> None:
    sizes = [line.split() for line in run_earthengine("du", "users/demo").splitlines()]

    assert {name.rpartition("/")[2]: int(size) for size, name in sizes} == {
        "empty": 0,
        "elevation": 5734,
        "deep": 1320,
        "scenes": 16920,
    }


def test_folders_are_made_filled_moved_and_removed(
    simulator: Simulator, run_earthengine: Run
) -> None:
    run_earthengine("create", "folder", f"{PROJECT}/new")
    run_earthengine("cp", "users/demo/elevation", f"{PROJECT}/new/copy")
    run_earthengine("mv", f"{PROJECT}/new/copy", f"{PROJECT}/new/moved")
    moved = [asset.name for asset in simulator.world.walk(f"{PROJECT}/new")]
    run_earthengine("rm", "-r", f"{PROJECT}/new")

    assert moved == [f"{PROJECT}/new", f"{PROJECT}/new/moved"]
    assert simulator.world.find(f"{PROJECT}/new") is None


def test_acl_is_set_and_got(run_earthengine: Run) -> None:
    run_earthengine("acl", "set", "public", "users/demo/elevation")

    acl = json.loads(run_earthengine("acl", "get", "users/demo/elevation"))
    assert acl["all_users_can_read"] is True


@pytest.fixture
def waiting(simulator: Simulator) -> Any:
    """One operation that waits behind two foreign ones."""
    simulator.operations.start_foreign(3, project=simulator.project, run_s=3600)
    simulator.operations.settle()
    return simulator.operations.all()[-1]


def test_tasks_are_listed_shown_and_cancelled(run_earthengine: Run, waiting: Any) -> None:
    listed = run_earthengine("task", "list").splitlines()
    shown = run_earthengine("task", "info", waiting.id)
    cancelled = run_earthengine("task", "cancel", waiting.id)

    assert waiting.id in {line.split()[0] for line in listed}
    assert "State: PENDING" in shown
    assert waiting.id in cancelled
    assert waiting.state is State.CANCELLED
