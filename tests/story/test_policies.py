"""Who may do what: kept beside each asset, where we may know it."""

from __future__ import annotations

import json
from pathlib import Path

from geesync.simulator.simulator import Simulator
from tests.story.world import a_world

HOME = "projects/earthengine-legacy/assets/users/demo"
OPEN = {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]}


def test_policies_of_images_and_folders_lie_beside_them(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        simulator.world.set_policy(f"{HOME}/deep", OPEN)
        simulator.world.set_policy(f"{HOME}/elevation", OPEN)
        world.enqueue("users/demo")

        world.settle()

        for asset in ("deep", "elevation"):
            policy = json.loads((world.mirror / "users/demo" / asset / "iam.json").read_text())
            assert policy["bindings"] == OPEN["bindings"]


def test_a_policy_that_is_not_ours_to_read_holds_up_nothing(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        simulator.world.permissions.deny(HOME, "earthengine.assets.getIamPolicy")
        name = world.enqueue("users/demo/elevation")

        world.settle()

        assert world.show(name)["state"] == "verified"
        told = json.loads((world.mirror / "users/demo/elevation/iam.json").read_text())
        assert told["not_readable"]


def test_the_quota_of_a_root_is_known(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/demo")

        world.settle()

        quota = world.status().roots[0].quota
        assert quota is not None
        assert int(quota["maxAssets"]) > 0
