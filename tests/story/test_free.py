"""Room in a full account: deleted there is only what was proved here a moment ago."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.bootstrap import checker, freer
from geesync.checks.freeing import Outcome
from geesync.checks.recovery import recover
from geesync.domain.assets.names import candidates
from geesync.domain.restore import tables
from geesync.domain.restore.losses import LossKind
from geesync.simulator.simulator import Simulator
from geesync.store.copies.checks import Scope
from geesync.store.copies.freed import Freed
from tests import commands
from tests.story.accounts import a_band, an_account, an_image
from tests.story.test_derive import configure
from tests.story.test_recovery import lost_ledger
from tests.story.world import World, a_world

HOME = "projects/earthengine-legacy/assets/users/demo"
PROJECT = "projects/demo-project/assets"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as built:
        for root in ("users/demo", PROJECT):
            built.enqueue(root)
        built.settle()
        yield built


#: What nobody can know of images that were exported with a value that stands for masks.
UNSEEN = frozenset({LossKind.FRACTIONS})


def free(
    world: World, path: str, *accepted: LossKind, unseen: frozenset[LossKind] = UNSEEN
) -> dict[str, Outcome]:
    with freer(world.config, world.database, unseen.union(accepted), None) as built:
        found = built.free(Scope(candidates(path)[0]))
        return {one.asset.name.rpartition("/")[2]: one for one in found}


def is_there(world: World, name: str) -> bool:
    return world.simulator.world.find(name) is not None


def test_a_collection_is_deleted_there_with_its_images_and_kept_here(world: World) -> None:
    found = free(world, "users/demo/scenes")

    assert {name: one.kept for name, one in found.items()} == dict.fromkeys(
        ("s0000", "s0001", "s0002", "scenes"), ""
    )
    assert not is_there(world, f"{HOME}/scenes")
    assert is_there(world, f"{HOME}/elevation")
    assert world.state(f"{HOME}/scenes/s0000") == "freed"
    assert world.files(f"{HOME}/scenes/s0000")
    assert "on a person's word" in world.show(f"{HOME}/scenes/s0000")["events"][-1]["detail"]
    assert Freed(world.database).total()[0] == 4


def test_nothing_is_asked_for_while_it_is_only_listed(world: World) -> None:
    with freer(world.config, world.database, frozenset(), None) as built:
        listed = list(built.look(Scope(candidates("users/demo/scenes")[0])))

    assert len(listed) == 4
    assert is_there(world, f"{HOME}/scenes/s0000")


def test_a_copy_that_rotted_keeps_its_original(world: World) -> None:
    (file,) = world.files(f"{HOME}/elevation")
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)

    found = free(world, "users/demo/elevation")

    assert "elevation.tif" in found["elevation"].kept
    assert is_there(world, f"{HOME}/elevation")


def test_what_changed_there_since_stays(world: World) -> None:
    world.simulator.world.touch(f"{HOME}/elevation")

    found = free(world, "users/demo/elevation")

    assert "has changed" in found["elevation"].kept
    assert is_there(world, f"{HOME}/elevation")


def test_what_somebody_else_deleted_there_holds_up_nothing(world: World) -> None:
    world.simulator.world.delete(f"{HOME}/scenes/s0001")

    found = free(world, "users/demo/scenes")

    assert "is not at Earth Engine any more" in found.pop("s0001").kept
    assert {one.kept for one in found.values()} == {""}


def test_a_folder_that_holds_what_is_not_mirrored_stays(world: World) -> None:
    world.simulator.world.copy(f"{HOME}/elevation", f"{HOME}/scenes_too")
    world.simulator.world.copy(f"{HOME}/scenes/s0000", f"{HOME}/scenes/new")

    found = free(world, "users/demo/scenes")

    assert found["scenes"].kept == "it still holds assets at Earth Engine"
    assert is_there(world, f"{HOME}/scenes/new")


def test_what_a_restore_would_lose_is_accepted_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_MOST_BYTES", 0)
    refused = free(world, f"{PROJECT}/stations")

    assert "rows" in refused["stations"].kept
    assert is_there(world, f"{PROJECT}/stations")

    accepted = free(world, f"{PROJECT}/stations", LossKind.ROWS)

    assert accepted["stations"].kept == ""
    assert not is_there(world, f"{PROJECT}/stations")


@pytest.mark.parametrize(
    ("direct", "kind"), [({}, LossKind.MASKS), (None, LossKind.FRACTIONS)], ids=["seen", "unseen"]
)
def test_an_original_whose_masks_lost_their_fractions_here_stays_until_that_is_accepted(
    tmp_path: Path, direct: Any, kind: LossKind
) -> None:
    soft = np.full((4, 5), 0.5, np.float32)
    account = an_account(an_image("soft", a_band("b", np.full((4, 5), 7, "uint8"), soft)))
    with Simulator(account) as simulator, a_world(simulator, tmp_path, direct=direct) as world:
        world.enqueue("users/x")
        world.settle()

        refused = free(world, "users/x/soft", unseen=frozenset())

        assert refused["soft"].kept == f"a restore would lose {kind}"
        assert free(world, "users/x/soft", kind, unseen=frozenset())["soft"].kept == ""


def test_a_deletion_that_is_refused_costs_nothing(world: World) -> None:
    refused = world.simulator.faults.add("status", method="DELETE", status=403, count=None)

    found = free(world, "users/demo/elevation")

    assert refused.fired
    assert found["elevation"].kept
    assert world.state(f"{HOME}/elevation") == "verified"
    assert not (world.folder(f"{HOME}/elevation") / "freed.json").exists()

    world.simulator.world.delete(f"{HOME}/elevation")
    world.rescan()
    world.settle()

    assert world.state(f"{HOME}/elevation") == "gone"


def test_an_answer_that_is_lost_leaves_its_trace(world: World) -> None:
    """Deleted there, and nobody told us: the scan finds it gone, and it is known as freed."""
    world.simulator.faults.add("drop_response", method="DELETE", count=1)

    free(world, "users/demo/elevation")
    world.rescan()
    world.settle()

    assert world.state(f"{HOME}/elevation") == "freed"
    assert world.files(f"{HOME}/elevation")


def test_what_was_freed_stays_so_and_comes_back_when_it_is_listed_again(world: World) -> None:
    kept = world.simulator.world.get(f"{HOME}/elevation")
    free(world, "users/demo/elevation")
    world.rescan()
    world.settle()
    assert world.state(f"{HOME}/elevation") == "freed"
    item = json.loads((world.folder(f"{HOME}/elevation") / "item.json").read_text())
    assert "ee:freed" in item["properties"]
    assert "deprecated" not in item["properties"]

    world.simulator.world.put(replace(kept, update_time="2025-01-01T00:00:00Z"))
    world.rescan()
    world.settle()

    assert world.state(f"{HOME}/elevation") == "verified"


@pytest.mark.parametrize("keep", [0, 1])
def test_a_freed_copy_never_gives_way_to_another_asset_of_its_name(world: World, keep: int) -> None:
    world.enqueue("users/demo", keep_versions=keep)
    folder = world.folder(f"{HOME}/elevation")
    before = (folder / "elevation.tif").read_bytes()
    other = world.simulator.world.get(f"{HOME}/scenes/s0000")
    free(world, "users/demo/elevation")

    for day in (1, 2, 3):
        time = f"2026-01-0{day}T00:00:00Z"
        another = replace(other, name=f"{HOME}/elevation", update_time=time, properties={"d": day})
        world.simulator.world.put(another, overwrite=True)
        world.rescan()
        world.settle()

    assert world.state(f"{HOME}/elevation") == "verified"
    kept = [one for one in (folder / ".versions").iterdir() if (one / "freed.json").exists()]
    assert [(one / "elevation.tif").read_bytes() for one in kept] == [before]
    assert len(list((folder / ".versions").iterdir())) == 1 + keep
    assert not (folder / "freed.json").exists()
    with checker(world.config, world.database) as built:
        assert not [one for one in built.data(Scope(), since=world.now()) if one.flaws]
        assert not list(built.unknown(world.mirror, ""))


@pytest.mark.parametrize("path", ["users/demo/elevation", "users/demo/scenes"])
def test_what_was_freed_is_known_as_freed_by_a_rebuilt_ledger(tmp_path: Path, path: str) -> None:
    with Simulator("small") as simulator:
        with a_world(simulator, tmp_path) as world:
            world.enqueue("users/demo")
            world.settle()
            freed_here = [name for name, one in free(world, path).items() if not one.kept]
        lost_ledger(tmp_path)

        with a_world(simulator, tmp_path) as world:
            world.enqueue("users/demo")
            (root,) = world.service.roots.active()
            recover(world.database, root, world.config, world.now)
            world.settle()
            world.rescan()
            world.settle()

            assert world.counts()["freed"] == len(freed_here)
            assert "gone" not in world.counts()
            with checker(world.config, world.database) as built:
                found = list(built.data(Scope(), since=world.now()))
                assert found[0].asset.name.startswith(candidates(path)[0])
                assert not [one for one in found if one.flaws]
                assert not list(built.unknown(world.mirror, ""))


@pytest.mark.parametrize("how", ["sizes", "data"])
def test_a_check_looks_first_at_what_was_freed(world: World, how: str) -> None:
    free(world, "users/demo/scenes/s0002")

    with checker(world.config, world.database) as built:
        everything = Scope()
        found = list(
            built.data(everything, since=world.now()) if how == "data" else built.sizes(everything)
        )

    assert found[0].asset.name == f"{HOME}/scenes/s0002"
    assert len({one.asset.id for one in found}) == len(found) == world.counts()["verified"] + 1


def test_nothing_is_deleted_without_the_switch_and_each_name_typed(
    world: World, tmp_path: Path
) -> None:
    config = configure(tmp_path, world.simulator)
    paths = ("users/demo/scenes", f"{PROJECT}/stations")

    def run(*words: str, typed: str = "") -> tuple[int, str]:
        words += ("--accept-losses", LossKind.FRACTIONS)
        asked = ("-c", str(config), "free", *paths, *words)
        done = commands.run(*asked, typed=typed)
        return done.returncode, done.stdout + done.stderr

    listed, off = run(), run("--delete", typed="\n".join(paths))
    config.write_text(f"allow_delete = true\n{config.read_text()}")
    wrong = run("--delete", typed=f"{paths[0]}\nusers/demo\n")
    unknown = run("users/nobody")
    before = world.simulator.world.find(f"{HOME}/scenes/s0000")
    done = run("--delete", typed="\n".join(paths))

    assert "5 could be freed" in listed[1]
    assert off[0] == 78
    assert "allow_delete" in off[1]
    assert wrong[0] == 2
    assert "nothing was deleted: the name is another" in wrong[1]
    assert unknown[0] == 2
    assert "users/nobody lies below no root" in unknown[1]
    assert before is not None
    assert done[0] == 0, done
    assert "5 freed" in done[1]
    assert not is_there(world, f"{HOME}/scenes")
    assert not is_there(world, f"{PROJECT}/stations")
