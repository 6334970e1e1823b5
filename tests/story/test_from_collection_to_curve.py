"""The whole way of docs/from-collection-to-curve.md: masks, mirror, curve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pystac
import rasterio
from typer.testing import CliRunner

from geesync.cli.app import app
from geesync.simulator.simulator import Simulator
from geesync.step_threads import run_step
from geesync.store.making.derivations import Derivations
from tests.series.season import Season
from tests.story.test_derive import configure
from tests.story.world import a_world

SEASON = Season(images=30, cloudy=0.2)
MASKS = "projects/demo-project/assets/masks"
POINT = "15.003,45.152"


def test_masks_are_derived_mirrored_and_taken_out_of_the_curve(tmp_path: Path) -> None:
    with Simulator(SEASON.account()) as simulator, a_world(simulator, tmp_path) as world:
        config = configure(
            tmp_path,
            simulator,
            function="geesync.recipes.sentinel2:clouds",
            into=MASKS,
            grid="source:SCL",
            pyramiding="MODE",
            in_flight=30,
        )

        started = CliRunner().invoke(app, ["-c", str(config), "derive", "start", "ndvi"])
        assert started.exit_code == 0, started.output
        while Derivations(world.database).is_anything_left():
            for step in world.service.steps:
                run_step(step)
            simulator.advance(60)
        for root in ("users/x/scenes", MASKS):
            world.enqueue(root)
        world.settle()

    curve, out = tmp_path / "curve.html", tmp_path / "ndvi"
    drawn = CliRunner().invoke(
        app,
        [
            *("-c", str(config), "series", "users/x/scenes", "--clouds", f"{MASKS}:cloud"),
            *("--point", POINT, "--plot", str(curve), "--output", str(out)),
        ],
    )
    assert drawn.exit_code == 0, drawn.output

    # Of every fifth image the scene classification says that all of it is cloud's shadow.
    model = out / "model"
    with rasterio.open(model / "observations.tif") as observations:
        counted = observations.read(1)
    seen = sum(~SEASON.clouds(number) for number in range(30) if number % 5 != 3)
    assert (counted == seen).all()
    dated = [
        item.id for item in pystac.Collection.from_file(str(out / "collection.json")).get_items()
    ]
    assert len(dated) == 30 + 1
    with rasterio.open(out / dated[0] / "filled.tif") as filled:
        values = filled.read(1)
    clear = ~SEASON.clouds(0)
    assert np.abs(values - SEASON.ndvi()[0])[clear].max() < 0.001
    assert np.isfinite(values[~clear]).any()
    assert "observations" in curve.read_text()
