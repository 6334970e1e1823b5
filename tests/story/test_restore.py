"""The way back: from the mirror into Earth Engine again, equal, once, and nobody overwritten."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import rasterio

from geesync.adapters.mirrored.external_files import prepare_external
from geesync.bootstrap import freer
from geesync.checks.restore_plan import RestorePlan, plan_restore
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import candidates, root_named
from geesync.domain.mirror.layout import ASSET_JSON, GEESYNC_JSON
from geesync.domain.restore import tables
from geesync.domain.restore.files import Form, part_files
from geesync.domain.restore.lifecycle import RestoreState
from geesync.domain.restore.losses import LossKind
from geesync.errors import Cause, UserError
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.simulator.world.truth import truth
from geesync.step_threads import run_step
from geesync.steps.restore.restorer import Restorer
from geesync.store.copies.checks import Scope
from geesync.store.making.restores import Restored, Restores
from tests.story.accounts import a_band, an_account, an_image
from tests.story.round_trip import BACK, ask, made_but_not_proved, settle
from tests.story.world import World, a_world

Json = dict[str, Any]
HOME = "projects/earthengine-legacy/assets/users/demo"
PROJECT = "projects/demo-project/assets"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with mirrored(tmp_path, "nodata") as built:
        yield built


@contextmanager
def mirrored(folder: Path, masks: str) -> Iterator[World]:
    """Give a world in which both roots of the small account are in the mirror."""
    with Simulator("small") as simulator, a_world(simulator, folder) as built:
        for root in ("users/demo", PROJECT):
            built.enqueue(root, masks=masks)
        built.settle()
        yield built


def plan(world: World, *given: str, to: str = BACK, form: Form = Form.INGESTED) -> RestorePlan:
    return plan_restore(world.mirror, given or ["users/demo"], to, form)


def come_out_with_one_wrong_pixel(world: World) -> None:
    """Let an image of one band be made at BACK, not yet proved, and differ in a pixel."""
    made = made_but_not_proved(world)
    (band,) = made.bands
    values, mask = band.load()
    wrong = values.copy()
    wrong[3, 5] += 1
    made.bands = (replace(band, load=lambda: (wrong, mask)),)


def assert_same(original: SimAsset, made: SimAsset) -> None:
    assert [band.id for band in made.bands] == [band.id for band in original.bands]
    for one, two in zip(original.bands, made.bands, strict=True):
        assert (two.grid, two.dtype) == (one.grid, one.dtype)
        there, back = truth(original, one.id), truth(made, two.id)
        valid = there.mask > 0
        assert ((back.mask > 0) == valid).all()
        np.testing.assert_array_equal(back.values[valid], there.values[valid])


def staged(world: World, prefix: str = "geesync-restore/") -> list[str]:
    """Return the names of the objects that restores have in the bucket."""
    url = f"{world.simulator.storage_url}/storage/v1/b/{world.simulator.bucket}/o"
    told = httpx.get(url, params={"prefix": prefix}).json()
    return [item["name"] for item in told.get("items", ())]


def imports(world: World) -> int:
    """Return how many ingestions Earth Engine has accepted."""
    return len(world.simulator.audit.records("import"))


@pytest.mark.parametrize("masks", ["nodata", "separate"])
def test_a_home_comes_back_and_is_proved(tmp_path: Path, masks: str) -> None:
    with mirrored(tmp_path, masks) as world:
        found = settle(world, ask(world, plan(world)))

        assert {one.standing.state for one in found} == {RestoreState.PROVED}, [
            (one.wanted.target, one.standing) for one in found
        ]
        for one in found:
            original = world.simulator.world.get(one.wanted.source)
            made = world.simulator.world.get(one.wanted.target)
            assert made.type == original.type
            assert made.properties == original.properties
            assert (made.start_time, made.end_time) == (original.start_time, original.end_time)
            assert_same(original, made)
        assert not staged(world)


@pytest.mark.parametrize("small", [True, False])
def test_a_table_comes_back_with_its_rows_and_types(
    world: World, monkeypatch: pytest.MonkeyPatch, *, small: bool
) -> None:
    if not small:
        monkeypatch.setattr(tables, "_MOST_BYTES", 0)
    planned = plan(world, f"{PROJECT}/oddities", to=BACK)
    found = settle(world, ask(world, planned))

    assert [one.standing.state for one in found] == [RestoreState.PROVED], found
    original, made = (world.simulator.world.get(name) for name in (f"{PROJECT}/oddities", BACK))
    assert original.features is not None
    assert made.features is not None
    assert made.properties == original.properties
    assert bool(imports(world)) is not small
    kinds = [kind for _, kind, _ in planned.losses()]
    assert kinds == ([] if small else [LossKind.ROWS])
    for one, two in zip(original.features(), made.features(), strict=True):
        assert two.geometry == one.geometry
        if small:
            assert (two.index, two.properties) == (one.index, one.properties)
        else:  # a CSV cannot tell an empty text from none
            assert two.properties == {key: v for key, v in one.properties.items() if v != ""}


def test_an_answer_that_is_lost_does_not_make_a_small_table_twice(world: World) -> None:
    lost = world.simulator.faults.add("drop_response", path="table:export", count=1)
    before = world.simulator.audit.count("export")

    (one,) = settle(world, ask(world, plan(world, f"{PROJECT}/oddities", to=BACK)))

    assert lost.fired == 1
    assert one.standing.state == RestoreState.PROVED
    assert world.simulator.audit.count("export") == before + 1


def test_a_table_that_has_the_name_already_is_nobodys_to_overwrite(world: World) -> None:
    theirs = world.simulator.world.copy(f"{PROJECT}/stations", BACK)

    (one,) = settle(world, ask(world, plan(world, f"{PROJECT}/oddities", to=BACK)))

    assert one.standing.cause == Cause.FOREIGN
    assert world.simulator.world.get(BACK).update_time == theirs.update_time


def test_what_has_the_name_already_is_never_overwritten(world: World) -> None:
    theirs = world.simulator.world.copy(f"{PROJECT}/pixel", BACK)

    (one,) = settle(world, ask(world, plan(world, "users/demo/elevation", to=BACK)))

    assert one.standing.state == RestoreState.QUARANTINED
    assert one.standing.cause == Cause.FOREIGN
    assert imports(world) == 0
    assert world.simulator.world.get(BACK).update_time == theirs.update_time


@pytest.mark.parametrize("is_there", ["before", "meanwhile", ""])
def test_a_container_that_is_there_is_used_and_stays_as_it_is(
    tmp_path: Path, is_there: str
) -> None:
    home = "projects/earthengine-legacy/assets/users/x"
    told: Json = {"of": "ours", "a-b": "odd"}
    ours = SimAsset(f"{home}/c", "IMAGE_COLLECTION", properties=told)
    image = an_image("c/img", a_band("b", np.arange(108, dtype="uint8").reshape(9, 12)))
    viewers = {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]}
    profile = replace(CALM, odd_keys_patched=True)
    with (
        Simulator(an_account(ours, image), profile=profile) as simulator,
        a_world(simulator, tmp_path) as world,
    ):
        simulator.world.set_policy(f"{home}/c", viewers)
        world.enqueue("users/x")
        world.settle()
        restores = ask(world, plan(world, "users/x/c"))
        if is_there == "meanwhile":
            forbidden = simulator.world.permissions.deny(permission="earthengine.assets.create")
            (step,) = (step for step in world.service.steps if isinstance(step, Restorer))
            step.uploader.run_once()
            simulator.world.permissions.allow(forbidden)
        if is_there:
            simulator.world.put(SimAsset(BACK, "IMAGE_COLLECTION", properties={"of": "theirs"}))

        found = settle(world, restores)

        made = simulator.world.get(BACK)
        assert [one.standing.state for one in found] == [RestoreState.PROVED] * 2, found
        assert made.properties == ({"of": "theirs"} if is_there else told)
        assert simulator.world.policy(BACK).get("bindings", []) == (
            [] if is_there else viewers["bindings"]
        )
        kinds = {
            each["what"]: each["likeness"]
            for one, report in restores.reports(BACK)
            for each in report["compared"]
            if one.target == BACK
        }
        assert kinds["property of"] == ("equivalent" if is_there else "equal")


def test_an_answer_that_is_lost_does_not_ingest_twice(world: World) -> None:
    lost = world.simulator.faults.add("drop_response", path="image:import", count=1)

    (one,) = settle(world, ask(world, plan(world, "users/demo/elevation", to=BACK)))

    assert lost.fired == 1
    assert one.standing.state == RestoreState.PROVED
    assert imports(world) == 1


def test_uploads_that_are_not_answered_are_tried_less_and_less(world: World) -> None:
    broken = world.simulator.faults.add(
        "status", server="storage", path="/upload/", status=503, count=None
    )
    restores = ask(world, plan(world, "users/demo/elevation", to=BACK))
    fired = []

    for _ in range(120):  # an hour
        world.run("restorer")
        fired.append(broken.fired)
        world.simulator.advance(30)

    assert 5 <= len(set(fired)) <= 15
    world.simulator.faults.clear()
    world.simulator.advance(600)
    assert {one.standing.state for one in settle(world, restores)} == {RestoreState.PROVED}


@pytest.mark.parametrize("path", ["/upload/", "image:import"])
def test_a_refusal_is_told_in_googles_own_words_alone(world: World, path: str) -> None:
    world.simulator.faults.add("status", path=path, status=403, count=None)
    restores = ask(world, plan(world, "users/demo/elevation", to=BACK))

    for _ in range(3):
        world.run("restorer")

    (one,) = restores.of(BACK)
    assert one.standing.reason == "The caller does not have permission"


def test_a_process_that_is_killed_goes_on_in_the_next(tmp_path: Path) -> None:
    """After every pass of every step somebody pulls the plug: all is done once, and proved."""
    with Simulator("small") as simulator:
        with a_world(simulator, tmp_path) as world:
            world.enqueue("users/demo")
            world.settle()
            ask(world, plan(world, "users/demo/scenes", to=BACK))
        found: list[Restored] = []
        for _ in range(80):
            with a_world(simulator, tmp_path) as world:
                for step in world.service.steps:
                    if step.name in {"reconciler", "restorer"}:
                        step.context.chunk = 1
                        run_step(step)
                found = Restores(world.database).of(BACK)
            simulator.advance(60)
            if all(one.standing.state == RestoreState.PROVED for one in found):
                break

        assert [one.standing.state for one in found] == [RestoreState.PROVED] * 4
        assert len(simulator.audit.records("import")) == 3


def test_an_image_that_came_out_otherwise_is_never_called_proved(world: World) -> None:
    restores = ask(world, plan(world, "users/demo/elevation", to=BACK))
    come_out_with_one_wrong_pixel(world)

    (one,) = settle(world, restores)

    assert one.standing.state == RestoreState.QUARANTINED
    assert "1 others" in one.standing.reason
    assert staged(world)


@pytest.mark.parametrize("how", ["rots", "is lost"])
def test_a_copy_that_is_not_what_was_verified_is_not_uploaded(world: World, how: str) -> None:
    (file,) = world.files(f"{HOME}/elevation")
    restores = ask(world, plan(world, "users/demo/elevation", to=BACK))
    if how == "rots":
        with rasterio.open(file, "r+") as dataset:
            dataset.write(dataset.read(1) + 1, 1)
    else:
        file.unlink()

    (one,) = settle(world, restores)

    assert one.standing.state == RestoreState.QUARANTINED
    assert "elevation.tif is not what was verified" in one.standing.reason
    assert not staged(world)
    assert world.simulator.world.find(BACK) is None


def test_a_copy_of_another_revision_is_not_what_was_asked_for(world: World) -> None:
    restores = ask(world, plan(world, "users/demo/elevation", to=BACK))
    world.simulator.world.touch(f"{HOME}/elevation")
    world.rescan()
    world.settle(without="restorer")

    (one,) = settle(world, restores)

    assert one.standing.state == RestoreState.QUARANTINED
    assert "another revision" in one.standing.reason
    assert world.simulator.world.find(BACK) is None


@pytest.mark.parametrize("wanted", [0, 1])
def test_who_may_do_what_comes_back_if_it_is_asked_for(tmp_path: Path, wanted: int) -> None:
    policy = {"bindings": [{"role": "roles/viewer", "members": ["user:a@example.org"]}]}
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        simulator.world.set_policy(f"{HOME}/elevation", policy)
        world.enqueue("users/demo/elevation")
        world.settle()

        settle(world, ask(world, plan(world, "users/demo/elevation"), policies=wanted))

        expected = policy["bindings"] if wanted else []
        assert simulator.world.policy(BACK).get("bindings", []) == expected


def test_members_that_are_no_more_are_named_and_all_others_get_their_roles(
    tmp_path: Path,
) -> None:
    left, deleted = "user:left@example.org", "deleted:user:x@example.org?uid=1"
    others = ["user:a@example.org", "allUsers"]
    policy = {
        "bindings": [
            {"role": "roles/viewer", "members": [others[0], left, deleted, others[1]]},
            {"role": "roles/editor", "members": [left, "group:g@example.org"]},
        ]
    }
    profile = replace(CALM, absent_members=(left,))
    with Simulator("small", profile=profile) as simulator, a_world(simulator, tmp_path) as world:
        simulator.world.set_policy(f"{HOME}/elevation", policy)
        world.enqueue("users/demo/elevation")
        world.settle()
        planned = plan_restore(world.mirror, ["users/demo/elevation"], BACK, policies=True)

        (one,) = settle(world, restores := ask(world, planned, policies=1))

        assert one.standing.state == RestoreState.PROVED, one.standing
        assert simulator.world.policy(BACK)["bindings"] == [
            {"role": "roles/viewer", "members": others},
            {"role": "roles/editor", "members": ["group:g@example.org"]},
        ]
        assert [loss["what"] for loss in one.wanted.losses] == [
            f"roles/viewer of {deleted} is no more"
        ]
        ((_, report),) = restores.reports(BACK)
        lost = {
            each["what"]: each["is"] for each in report["compared"] if each["likeness"] == "lost"
        }
        assert lost == {
            f"policy: roles/viewer of {left}": "User left@example.org does not exist.",
            f"policy: roles/viewer of {deleted}": "is no more",
            f"policy: roles/editor of {left}": "User left@example.org does not exist.",
        }


@pytest.mark.parametrize("method", ["setIamPolicy", "getIamPolicy"])
def test_what_may_be_made_and_not_shared_is_proved_and_its_policy_named_as_lost(
    world: World, method: str
) -> None:
    policy = world.mirror / "users/demo/elevation/iam.json"
    shared = {"bindings": [{"role": "roles/viewer", "members": ["user:a@example.org"]}]}
    policy.write_text(json.dumps(shared), encoding="utf-8")
    planned = plan_restore(world.mirror, ["users/demo/elevation"], BACK, policies=True)
    refusal = f"Permission 'earthengine.assets.{method}' denied."
    world.simulator.faults.add("status", path=f":{method}", status=403, body=refusal, count=None)

    (one,) = settle(world, restores := ask(world, planned, policies=1))

    assert one.standing.state == RestoreState.PROVED, one.standing
    ((_, report),) = restores.reports(BACK)
    lost = {each["what"]: each["is"] for each in report["compared"] if each["likeness"] == "lost"}
    assert lost.keys() == {"policy"}
    assert method in lost["policy"]


def test_a_policy_that_is_not_in_the_mirror_is_named_before(world: World) -> None:
    (world.mirror / "users/demo/elevation/iam.json").unlink()

    planned = plan_restore(world.mirror, ["users/demo/elevation"], BACK, policies=True)

    assert planned.unaccepted(frozenset()) == [LossKind.POLICIES]
    assert plan(world, "users/demo/elevation").unaccepted(frozenset()) == []


def test_the_top_of_an_account_is_nobody_s_to_make(world: World) -> None:
    planned = plan(world, to="projects/other-project/assets")

    targets = {one.target for one in planned.wanted}
    assert "projects/other-project/assets" not in targets
    assert "projects/other-project/assets/scenes/s0000" in targets


def test_a_mirror_without_its_ledger_is_enough(world: World) -> None:
    planned = plan_restore(world.mirror, [str(world.mirror / "users/demo/scenes")], BACK)

    assert planned.counts == {"IMAGE_COLLECTION": 1, "IMAGE": 3}
    assert planned.wanted[0].target == BACK
    assert planned.tasks == 3


def test_what_cannot_come_back_is_named_before_anything_moves(world: World) -> None:
    planned = plan(world, PROJECT)

    kinds = {kind for _, kind, _ in planned.losses()}
    assert LossKind.NOT_MIRRORED in kinds
    assert planned.unaccepted(frozenset()) == [LossKind.NOT_MIRRORED]
    assert planned.unaccepted(frozenset(LossKind)) == []


def test_names_that_no_new_asset_may_have_are_named_before(tmp_path: Path) -> None:
    band = a_band("b", np.arange(108, dtype="uint8").reshape(9, 12))
    folder = SimAsset("projects/earthengine-legacy/assets/users/x/a b", "FOLDER")
    images = [an_image(name, band) for name in ("d.dot", "a b/fine", "fine")]
    with Simulator(an_account(folder, *images)) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")
        world.settle()

        planned = plan(world, "users/x")
        alone = plan(world, "users/x/d.dot")
        with freer(world.config, world.database, frozenset(), None) as built:
            listed = built.look(Scope(candidates("users/x/d.dot")[0]))
            (kept,) = (one.kept for one in listed)

        assert [one.target for one in planned.wanted] == [BACK, f"{BACK}/fine"]
        told = {
            name.rpartition("/")[2]: why for name, kind, why in planned.losses() if kind == "names"
        }
        assert told.keys() == {"d.dot", "a b", "fine"}
        assert told["fine"] == "no new asset may be called a b"
        assert planned.unaccepted(frozenset()) == [LossKind.NAMES]
        assert not alone.unaccepted(frozenset())
        assert "names" in kept
        with pytest.raises(UserError, match="no new asset may be called"):
            root_named(f"{BACK}/b.c")


TRIANGLE: Json = {
    "type": "Polygon",
    "coordinates": [[[15.0005, 45.1515], [15.004, 45.1515], [15.0005, 45.153], [15.0005, 45.1515]]],
}


@pytest.mark.parametrize("taken", [True, False])
def test_what_no_manifest_takes_is_given_later_where_that_works(
    tmp_path: Path, *, taken: bool
) -> None:
    image = an_image("img", a_band("b", np.arange(108, dtype="uint8").reshape(9, 12)))
    image = replace(image, properties={"a-b": "x", "plain": 1})
    profile = replace(CALM, odd_keys_patched=taken)
    with (
        Simulator(an_account(image), profile=profile) as simulator,
        a_world(simulator, tmp_path) as world,
    ):
        world.enqueue("users/x")
        world.settle()

        (one,) = settle(world, ask(world, plan(world, "users/x/img")))

        assert one.standing.state == RestoreState.PROVED, one.standing
        kept = {"a-b": "x", "plain": 1} if taken else {"plain": 1}
        assert simulator.world.get(BACK).properties == kept


def test_an_outline_that_is_not_the_grid_comes_back(tmp_path: Path) -> None:
    image = an_image("img", a_band("b", np.arange(108, dtype="uint8").reshape(9, 12)))
    with (
        Simulator(an_account(replace(image, geometry=TRIANGLE))) as simulator,
        a_world(simulator, tmp_path) as world,
    ):
        world.enqueue("users/x")
        world.settle()

        settle(world, ask(world, plan(world, "users/x/img")))

        geometry = simulator.world.get(BACK).geometry
        assert geometry is not None
        np.testing.assert_allclose(geometry["coordinates"], TRIANGLE["coordinates"], atol=1e-6)


@pytest.mark.parametrize("masks", ["nodata", "separate"])
def test_images_may_stay_in_the_bucket_and_their_assets_point_at_them(
    tmp_path: Path, masks: str
) -> None:
    with mirrored(tmp_path, masks) as world:
        planned = plan(world, form=Form.EXTERNAL)

        found = settle(world, ask(world, planned))

        assert {one.standing.state for one in found} == {RestoreState.PROVED}, [
            (one.wanted.target, one.standing) for one in found
        ]
        images = [one for one in found if one.wanted.type == "IMAGE"]
        assert imports(world) == planned.tasks == 0
        for one in images:
            made = world.simulator.world.get(one.wanted.target)
            assert made.size_bytes == 0
            assert_same(world.simulator.world.get(one.wanted.source), made)
        kept = staged(world, "geesync-external/")
        assert kept
        assert not staged(world)
        for _ in range(5):  # whatever passes, nobody sweeps what an asset points at
            world.simulator.advance(86_400 * 30)
            world.run()
        assert staged(world, "geesync-external/") == kept
        assert not Restores(world.database).is_anything_left()


def test_bands_of_other_masks_and_policies_are_files_of_their_own(tmp_path: Path) -> None:
    values = np.arange(1, 109, dtype="uint8").reshape(9, 12)
    half, other = (np.zeros((9, 12)) for _ in range(2))
    half[:, :6], other[:4] = 1, 1
    classes = replace(a_band("c", values, half), pyramiding="MODE")
    bands = (a_band("a", values, half), a_band("b", values, other), classes, a_band("d", values))
    with (
        Simulator(an_account(an_image("img", *bands))) as simulator,
        a_world(simulator, tmp_path) as world,
    ):
        world.enqueue("users/x")
        world.settle()

        (one,) = settle(world, ask(world, plan(world, "users/x/img", form=Form.EXTERNAL)))

        assert one.standing.state == RestoreState.PROVED, one.standing
        made = simulator.world.get(BACK)
        assert [band.pyramiding for band in made.bands] == ["MEAN", "MEAN", "MODE", "MEAN"]
        assert_same(simulator.world.get("projects/earthengine-legacy/assets/users/x/img"), made)
        assert len(staged(world, "geesync-external/")) == 4


@pytest.mark.parametrize(("policy", "expected"), [("MODE", 0), ("MEAN", 25)])
def test_the_overviews_of_external_images_follow_the_policy_of_their_bands(
    tmp_path: Path, policy: str, expected: int
) -> None:
    values = np.zeros((600, 600), "uint8")
    values[1::2, 1::2] = 100  # one pixel of each four
    image = an_image("img", replace(a_band("b", values), pyramiding=policy))
    with Simulator(an_account(image)) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")
        world.settle()
        folder = world.mirror / "users/x/img"
        source, sidecar = (json.loads((folder / n).read_text()) for n in (ASSET_JSON, GEESYNC_JSON))
        (part,) = part_files(SourceAsset(source), sidecar)

        (made,) = prepare_external(folder, sidecar, part, {"b": policy}, tmp_path)

        with rasterio.open(tmp_path / made.files[0], overview_level=0) as overview:
            assert overview.shape == (300, 300)
            assert set(np.unique(overview.read(1))) == {expected}


def test_a_lost_answer_makes_no_external_image_twice_and_overwrites_none(world: World) -> None:
    lost = world.simulator.faults.add("drop_response", path="image:importExternal", count=1)
    theirs = world.simulator.world.copy(f"{PROJECT}/pixel", f"{BACK}2")

    places = BACK, f"{BACK}2"
    planned = [plan(world, "users/demo/elevation", to=to, form=Form.EXTERNAL) for to in places]
    restores, _ = [ask(world, one) for one in planned]
    (mine,) = settle(world, restores)
    (other,) = restores.of(f"{BACK}2")

    assert lost.fired == 1
    assert mine.standing.state == RestoreState.PROVED
    assert other.standing.cause == Cause.FOREIGN
    assert world.simulator.world.get(f"{BACK}2").update_time == theirs.update_time


@pytest.mark.parametrize("masks", ["nodata", "separate"])
def test_a_digest_of_every_pixel_is_computed_there_and_here(tmp_path: Path, masks: str) -> None:
    with mirrored(tmp_path, masks) as world:
        before = len(world.simulator.audit.records("compute_pixels"))

        found = settle(world, ask(world, plan(world), prove="digest"))

        assert {one.standing.state for one in found} == {RestoreState.PROVED}, [
            (one.wanted.target, one.standing) for one in found
        ]
        assert len(world.simulator.audit.records("compute_pixels")) == before
        assert len(world.simulator.audit.records("compute_value")) >= 5


SIGNED = np.array([[-5, 7, 300], [9, -32768, 32767]], "int16")
FLOATS = np.array([[1.5, -2.25, 1e-9], [3e8, 0, 7]], "float32")


@pytest.mark.parametrize("values", [SIGNED, FLOATS, SIGNED.astype("int32") * 60_000])
@pytest.mark.parametrize("change", ["value", "place", "mask"])
def test_a_digest_tells_another_value_another_place_and_another_mask(
    tmp_path: Path, values: np.ndarray[Any, Any], change: str
) -> None:
    mask = np.array([[1, 1, 0], [1, 1, 1]])
    image = an_image("img", a_band("b", values, mask))
    with Simulator(an_account(image)) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")
        world.settle()
        restores = ask(world, plan(world, "users/x/img"), prove="digest")
        made = made_but_not_proved(world)
        wrong, valid = values.copy(), mask.astype("float32")
        if change == "value":
            wrong[1, 1] += 1
        elif change == "place":
            wrong[0, 0], wrong[0, 1] = wrong[0, 1], wrong[0, 0]
        else:
            valid[0, 0], valid[0, 2] = 0, 1
        made.bands = (replace(made.bands[0], load=lambda: (wrong, valid)),)

        (one,) = settle(world, restores)

        assert one.standing.state == RestoreState.QUARANTINED, one.standing
        assert "digest" in one.standing.reason


def test_what_was_restored_is_mirrored_anew_and_the_copies_are_compared(world: World) -> None:
    found = settle(world, ask(world, plan(world, "users/demo", to=BACK), prove="mirror"))

    assert {one.standing.state for one in found} == {RestoreState.PROVED}, [
        (one.wanted.target, one.standing) for one in found
    ]
    for one in found:
        assert world.state(one.target) == "verified"
        assert "geesync_restore" not in world.simulator.world.get(one.target).properties


def test_a_table_is_mirrored_anew_and_its_rows_are_compared(world: World) -> None:
    table = f"{PROJECT}/oddities"

    (one,) = settle(world, ask(world, plan(world, table, to=BACK), prove="mirror"))

    assert one.standing.state == RestoreState.PROVED, one.standing


def test_a_second_copy_that_differs_is_never_called_proved(world: World) -> None:
    restores = ask(world, plan(world, "users/demo/elevation", to=BACK), prove="mirror")
    come_out_with_one_wrong_pixel(world)

    (one,) = settle(world, restores)

    assert one.standing.state == RestoreState.QUARANTINED
    assert "second copy" in one.standing.reason


def test_a_report_of_each_asset_is_kept_beside_the_mirror(world: World) -> None:
    settle(world, ask(world, plan(world)))

    page, lines = (
        world.mirror / f".geesync/restores/projects+demo-project+assets+back.{end}"
        for end in ("html", "jsonl")
    )
    told = {one["target"]: one for one in map(json.loads, lines.read_text().splitlines())}
    elevation = told[f"{BACK}/elevation"]
    assert elevation["state"] == "proved"
    assert {one["likeness"] for one in elevation["compared"]} <= {"equal", "equivalent"}
    assert "10 of 10 assets proved" in page.read_text()
    assert f"{BACK}/elevation" in page.read_text()


def test_of_a_large_image_a_share_of_the_pixels_is_compared_and_the_report_says_so(
    tmp_path: Path,
) -> None:
    values = (np.arange(1_210_000) % 251).astype("uint8").reshape(1100, 1100)
    band, small = a_band("b", values), a_band("b", values[:700, :800])
    other = replace(band, id="c", grid=replace(band.grid, crs="EPSG:32634"))
    account = an_account(an_image("large", band, other), an_image("small", small))
    direct = {"most_answers": 1, "proved": 0.05}
    with (
        Simulator(account) as simulator,
        a_world(simulator, tmp_path, direct=direct, bucket=True) as world,
    ):
        world.enqueue("users/x")
        world.settle()
        asked: Counter[str] = Counter()

        settle(world, ask(world, plan(world, "users/x")))

        for record in simulator.audit.records("compute_pixels"):
            (name,) = record.details["assets"]
            edges = record.details["grid"]["dimensions"]
            asked[name] += edges["width"] * edges["height"]
        assert asked[f"{BACK}/small"] == 700 * 800
        assert 0 < asked[f"{BACK}/large"] < 2 * values.size / 2
        page, lines = (
            world.mirror / f".geesync/restores/projects+demo-project+assets+back.{end}"
            for end in ("html", "jsonl")
        )
        told = {one["target"]: one for one in map(json.loads, lines.read_text().splitlines())}
        assert told[f"{BACK}/small"]["share"] == 1
        assert told[f"{BACK}/large"]["share"] == 0.05
        assert page.read_text().count("about 5.00% of its pixels were compared") == 1


def test_a_bucket_that_is_too_far_away_is_told_and_not_asked_again(tmp_path: Path) -> None:
    image = an_image("img", a_band("b", np.arange(108, dtype="uint8").reshape(9, 12)))
    with (
        Simulator(an_account(image), profile=replace(CALM, bucket_location="EU")) as simulator,
        a_world(simulator, tmp_path) as world,
    ):
        world.enqueue("users/x")
        world.settle()

        planned = plan(world, "users/x/img", form=Form.EXTERNAL)
        (one,) = settle(world, ask(world, planned))

        assert one.standing.state == RestoreState.QUARANTINED
        assert "The bucket is in EU" in one.standing.reason
        assert one.standing.failures == 0


def test_a_report_that_cannot_be_kept_costs_nothing(world: World) -> None:
    (world.mirror / ".geesync/restores").write_text("somebody's file")

    (one,) = settle(world, ask(world, plan(world, "users/demo/elevation", to=BACK)))

    assert one.standing.state == RestoreState.PROVED
    assert not staged(world)
