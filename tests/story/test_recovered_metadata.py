"""After recovery Earth Engine's word counts, not that of the sidecars; and nothing waits for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from tests.story.accounts import HOME, an_account
from tests.story.test_policies import OPEN
from tests.story.test_recovery import ASSET, ROOT, lost_ledger, mirrored, recovered, simulator
from tests.story.world import World, a_world

__all__ = ["simulator"]  # a fixture


def adopt(world: World) -> int:
    world.run("discoverer")
    return world.service.adopter.run()


@pytest.mark.parametrize(
    ("key", "lie"),
    [("properties", {"accuracy_m": 9.5}), ("startTime", "2011-01-01T00:00:00Z"), ("title", "x")],
)
def test_what_rotted_in_asset_json_is_put_right_from_earth_engine(
    simulator: Simulator, tmp_path: Path, key: str, lie: object
) -> None:
    folder = mirrored(simulator, tmp_path)
    documents = ("asset.json", "item.json")
    right = {name: json.loads((folder / name).read_text()) for name in documents}
    (folder / "asset.json").write_text(json.dumps(right["asset.json"] | {key: lie}))
    before = simulator.audit.count("export")

    with recovered(simulator, tmp_path) as (world, _):
        adopt(world)
        world.settle()

        assert {name: json.loads((folder / name).read_text()) for name in documents} == right
        assert world.counts() == {"verified": 10}
        assert simulator.audit.count("export") == before


def test_a_policy_that_changed_upstream_holds_up_no_copy(
    simulator: Simulator, tmp_path: Path
) -> None:
    folder = mirrored(simulator, tmp_path)
    simulator.world.set_policy(ASSET, OPEN)

    with recovered(simulator, tmp_path) as (world, _):
        world.run("discoverer", "verifier")

        assert world.state(ASSET) == "verified"
        assert json.loads((folder / "iam.json").read_text())["bindings"] == OPEN["bindings"]


def test_a_file_that_is_called_like_a_policy_and_is_none_is_not_overwritten(
    simulator: Simulator, tmp_path: Path
) -> None:
    policy = mirrored(simulator, tmp_path) / "iam.json"
    policy.write_text('{"who": "I am"}')
    simulator.world.set_policy(ASSET, OPEN)

    with recovered(simulator, tmp_path) as (world, _):
        world.run("discoverer", "verifier")

        assert world.state(ASSET) == "downloaded"
        assert policy.read_text() == '{"who": "I am"}'


@pytest.mark.parametrize("end", ["swept", "failed"])
def test_an_operation_that_ended_long_ago_and_left_nothing_costs_no_time(
    simulator: Simulator, tmp_path: Path, end: str
) -> None:
    if end == "swept":
        (mirrored(simulator, tmp_path) / "elevation.tif").unlink()
    else:
        simulator.operations.fail("elevation", 3, "Something is odd.", count=1)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(ROOT)
            world.run("discoverer", "exporter")
        lost_ledger(tmp_path)
    simulator.advance(3600)

    with recovered(simulator, tmp_path) as (world, _):
        adopt(world)
        world.run("exporter")

        assert world.state(ASSET) == "exporting"
        assert world.accepted(ASSET) == 2
        world.settle()
        assert world.accepted(ASSET) == 2
        assert world.is_exact(ASSET)


def test_what_is_kept_as_metadata_only_is_named_by_a_rebuilt_ledger(tmp_path: Path) -> None:
    model = SimAsset(f"{HOME}/model", "CLASSIFIER", update_time="2024-01-01T00:00:00Z")
    with Simulator(an_account(model)) as simulator:
        with a_world(simulator, tmp_path) as world:
            world.enqueue(HOME)
            world.settle()
            why = world.show(model.name)["left_out"]
        lost_ledger(tmp_path)

        with recovered(simulator, tmp_path, HOME) as (world, _):
            world.settle()

            assert "metadata" in why
            assert world.show(model.name)["left_out"] == why
