"""There and back: an account mirrored, made again elsewhere, mirrored anew, and both compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geesync.adapters.mirrored.mirrored_pixels import ReadBand, read_image, same_crs
from geesync.checks.restore_plan import RestorePlan, plan_restore
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.mirror.layout import ASSET_JSON, IAM_JSON, asset_path
from geesync.domain.restore.comparing import Likeness, compare_metadata
from geesync.domain.restore.losses import LossKind
from geesync.simulator.scenarios import Tree
from geesync.simulator.scenarios.landscape import TYPES
from geesync.simulator.world.pixels import SimAsset, SimGrid
from geesync.step_threads import run_step
from geesync.steps.restore.restorer import Restorer
from geesync.store.making.restores import Restored, Restores
from tests.story.test_exactness import CRSS, MASKS, TRANSFORMS, Recipe
from tests.story.world import World

HOME = "projects/earthengine-legacy/assets/users/exact"
BACK = "projects/demo-project/assets/back"


def nasty() -> Tree:
    """Return an account of every type, mask, CRS and transform, with odd times and properties."""
    images = list(_images())
    times = ("1969-12-31T23:59:59.999Z", "2024-02-29T12:00:00.001Z")
    for number, image in enumerate(images):
        image.start_time, image.end_time = times[number % 2], times[1]
        image.properties = {"text": "007", "long": 2**40 + number, "part": 0.1, "empty": ""}
    return Tree(
        "exact",
        "demo-project",
        [
            SimAsset(HOME, "FOLDER"),
            SimAsset(f"{HOME}/empty", "FOLDER"),
            SimAsset(f"{HOME}/c", "IMAGE_COLLECTION", properties={"of": "nasty images"}),
            *images,
            SimAsset("projects/demo-project/assets", "FOLDER"),
        ],
    )


def _images() -> Iterator[SimAsset]:
    for number, kind in enumerate(sorted(TYPES)):
        crs = CRSS[number % len(CRSS)]
        # In degrees, where metres would be nowhere on Earth: no such asset can be made.
        transform = TRANSFORMS[0 if crs == "EPSG:4326" else number % len(TRANSFORMS)]
        grid = SimGrid(crs, transform, 12, 9)
        for mask in MASKS:
            for narrow in (False, True) if mask == "half" else (False,):
                band = Recipe(kind, narrow, mask, seed=number).band("b", grid)
                yield SimAsset(f"{HOME}/c/{kind}_{mask}_{narrow:d}", "IMAGE", bands=(band,))
    fine, coarse = (SimGrid("EPSG:32633", TRANSFORMS[0], *size) for size in ((30, 20), (15, 10)))
    mixed = [
        Recipe("uint8", narrow=False, mask="half", seed=1).band("a", fine),
        Recipe("float32", narrow=False, mask="none", seed=2).band("b", fine),
        Recipe("int16", narrow=True, mask="half", seed=3).band("c", coarse),
        Recipe("uint8", narrow=False, mask="half", seed=4).band("d", fine),
        # The mirror holds these in one file, whose type is wide enough for each.
        Recipe("int32", narrow=False, mask="half", seed=5).band("e", fine),
        Recipe("uint32", narrow=False, mask="none", seed=6).band("f", fine),
    ]
    yield SimAsset(f"{HOME}/mixed", "IMAGE", bands=tuple(mixed))


def restore(world: World, given: Sequence[str], **asked: Any) -> Restores:
    """Ask for all of it to be made again below BACK."""
    planned = plan_restore(world.mirror, given, BACK)
    return ask(world, planned, **{"source_root": ", ".join(given), **asked})


def ask(world: World, planned: RestorePlan, **asked: Any) -> Restores:
    """Have the ledger know what is to be made again, with all losses accepted."""
    restores = Restores(world.database)
    told = {
        "source_root": "users/demo",
        "target_root": BACK,
        "bucket": world.simulator.bucket,
        "accepted": json.dumps(list(LossKind)),
        "prove": "pixels",
        "policies": 1,
        "form": planned.form,
    }
    restores.add(told | asked, planned.wanted, world.now())
    return restores


def settle(
    world: World, restores: Restores, *, passes: int = 60, tick_s: float = 60
) -> list[Restored]:
    """Let time pass until all is at rest; return what came of it."""
    for _ in range(passes):
        for step in world.service.steps:
            run_step(step)
        found = restores.of(BACK)
        if all(one.standing.state in {"proved", "quarantined", "cancelled"} for one in found):
            return found
        world.simulator.advance(tick_s)
    raise AssertionError([(one.wanted.target, one.standing) for one in restores.of(BACK)])


def made_but_not_proved(world: World) -> SimAsset:
    """Let what was asked for be made at BACK, and no further; return what is there."""
    (step,) = (step for step in world.service.steps if isinstance(step, Restorer))
    for _ in range(8):
        step.uploader.run_once()
        step.ingest()
        world.run("reconciler")
        world.simulator.advance(60)
    return world.simulator.world.get(BACK)


def differences(world: World, one: Restored) -> list[str]:
    """Return how the second copy of an asset differs from the first, but for what was named."""
    first, second = (
        world.mirror / asset_path(name) for name in (one.wanted.source, one.wanted.target)
    )
    lost = frozenset(LossKind(loss["kind"]) for loss in one.wanted.losses)
    was, is_now = (SourceAsset(_read(folder / ASSET_JSON)) for folder in (first, second))
    compared = compare_metadata(was, is_now, lost, same_crs)
    wrong = [one.what for one in compared if one.likeness == Likeness.DIFFERENT]
    if _read(first / IAM_JSON).get("bindings") != _read(second / IAM_JSON).get("bindings"):
        wrong.append("policy")
    if was.type == "IMAGE" and was.bands:
        wrong += _pixels(read_image(first), read_image(second))
    if was.type == "TABLE" and _rows(first) != _rows(second):
        wrong.append("rows")
    return wrong


def _rows(folder: Path) -> list[Any]:
    """Return a table's rows, but for what a CSV cannot tell: indexes, and empty texts from none."""
    (file,) = folder.glob("*.geojson")
    return [
        (
            row["geometry"],
            {
                key: value
                for key, value in row["properties"].items()
                if value not in ("", None) and key != "system:index"
            },
        )
        for row in _read(file)["features"]
    ]


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else {}


def _pixels(was: dict[str, ReadBand], is_now: dict[str, ReadBand]) -> list[str]:
    wrong = [] if list(was) == list(is_now) else ["bands"]
    for band in was.keys() & is_now.keys():
        one, two = was[band], is_now[band]
        valid = one.mask > 0
        if not np.array_equal(valid, two.mask > 0) or (
            one.fractional and two.fractional and not np.allclose(one.mask, two.mask, atol=1e-6)
        ):
            wrong.append(f"{band}: masks")
        elif not np.array_equal(
            one.values[valid].astype("float64"), two.values[valid].astype("float64"), equal_nan=True
        ):
            wrong.append(f"{band}: pixels")
    return wrong
