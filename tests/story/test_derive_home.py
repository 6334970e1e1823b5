"""A person's own function over a collection, its results read straight into the mirror: no task."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform_bounds
from shapely.geometry import box
from typer.testing import CliRunner

from geesync import open_mirror
from geesync.adapters.mirrored.mirrored_pixels import read_image
from geesync.bootstrap import cloud, service
from geesync.cli.app import app
from geesync.config import load
from geesync.domain.derive.job import PUBLIC
from geesync.simulator.scenarios import Tree
from geesync.simulator.simulator import Simulator
from geesync.simulator.wire.tokens import ANONYMOUS
from geesync.simulator.world.pixels import SimAsset, SimFeature
from geesync.step_threads import run_step
from geesync.store.file.database import open_migrating
from geesync.store.ledger.ledger import Ledger
from tests import commands
from tests.series.season import BEGINS, COLLECTION
from tests.story.accounts import HOME
from tests.story.test_derive import SEASON, configure, run
from tests.story.world import World, a_world


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(SEASON.account()) as running:
        yield running


@pytest.fixture
def world(simulator: Simulator, tmp_path: Path) -> Iterator[World]:
    with a_world(simulator, tmp_path, direct={"reread": "all"}) as built:
        yield built


def home(folder: Path, simulator: Simulator, **changed: object) -> Path:
    """Write a configuration with one job whose results come home, and no bucket."""
    config = configure(folder, simulator, into="mirror", **changed)
    lines = [line for line in config.read_text().splitlines() if not line.startswith("bucket")]
    config.write_text("\n".join(lines))
    return config


def place_sources(world: World) -> None:
    """Give the images of the collection a footprint, at 15° E, 45.15° N."""
    ring = [[15.0, 45.1498], [15.008, 45.1498], [15.008, 45.1534], [15.0, 45.1534], [15.0, 45.1498]]
    for number in range(8):
        image = world.simulator.world.get(f"{COLLECTION}/s{number:03}")
        image.geometry = {"type": "Polygon", "coordinates": [ring]}


def is_right(world: World, number: int) -> bool:
    """Tell whether a result is what the function makes of an image, pixel by pixel."""
    band = read_image(world.folder(f"derived/ndvi/s{number:03}"))["ndvi"]
    clear = ~SEASON.clouds(number)
    assert ((band.mask > 0) == clear).all()
    return bool(np.allclose(band.values[clear], SEASON.ndvi()[number][clear], atol=1e-3))


def test_results_are_read_into_the_mirror_without_a_task(world: World, tmp_path: Path) -> None:
    config = home(tmp_path, world.simulator)

    started = run(config, "start", "ndvi", "--json")
    world.settle()

    assert started.exit_code == 0, started.output
    assert {json.loads(line)["is"] for line in started.stdout.splitlines()} == {"new", "skipped"}
    assert world.counts() == {"verified": 8}
    assert all(is_right(world, number) for number in range(8) if number != 3)
    assert not world.simulator.audit.records("export")
    told = json.loads((world.folder("derived/ndvi/s001") / "asset.json").read_text())
    assert told["properties"]["geesync_job"] == "ndvi"
    assert told["startTime"].startswith("2023-01-")
    assert (world.folder("derived/ndvi/s001") / "item.json").exists()
    assert run(config, "status", "ndvi").exit_code == 0


@pytest.mark.parametrize("way", ["drive", "bucket"])
def test_results_come_by_tasks_too(simulator: Simulator, tmp_path: Path, way: str) -> None:
    with a_world(simulator, tmp_path, direct={}, bucket=way == "bucket") as world:
        config = home(tmp_path, simulator, way=way)
        if way == "bucket":
            config.write_text(f'bucket = "{simulator.bucket}"\n' + config.read_text())

        started = run(config, "start", "ndvi")
        world.settle()

        assert started.exit_code == 0, started.output
        assert world.counts() == {"verified": 8}
        assert all(is_right(world, number) for number in range(8) if number != 3)
        assert len(list(simulator.audit.records("export"))) == 7
        assert not world.staged()
        assert not simulator.drive.files(ANONYMOUS) or way == "drive"


def test_what_is_at_home_is_not_made_again_and_a_new_image_is(world: World, tmp_path: Path) -> None:
    config = home(tmp_path, world.simulator)
    run(config, "start", "ndvi")
    world.settle()
    asked = len(list(world.simulator.audit.records("compute_pixels")))

    again = run(config, "start", "ndvi")
    world.settle()

    assert "0 new, 7 there" in again.output
    assert len(list(world.simulator.audit.records("compute_pixels"))) == asked
    assert world.history("derived/ndvi/s000").count("CheckPassed") == 1


def test_a_result_of_an_image_that_changed_is_taken_again_and_the_earlier_one_kept(
    world: World, tmp_path: Path
) -> None:
    config = home(tmp_path, world.simulator)
    run(config, "start", "ndvi")
    world.settle()
    changed = world.simulator.world.get(f"{COLLECTION}/s001")
    changed.bands = world.simulator.world.get(f"{COLLECTION}/s004").bands
    world.simulator.world.put(changed)

    again = run(config, "start", "ndvi")
    world.settle()

    assert "1 new, 6 there" in again.output
    band = read_image(world.folder("derived/ndvi/s001"))["ndvi"]
    assert ((band.mask > 0) == ~SEASON.clouds(4)).all()
    assert list(world.mirror.rglob(".versions/*"))


def test_an_image_that_changes_while_it_is_read_is_read_again(world: World, tmp_path: Path) -> None:
    run(home(tmp_path, world.simulator), "start", "ndvi")
    source = f"{COLLECTION}/s001"
    world.simulator.world.put(world.simulator.world.get(source))  # a new revision

    world.settle()

    told = json.loads((world.folder("derived/ndvi/s001") / "asset.json").read_text())
    now = world.simulator.world.get(source)
    assert told["properties"]["geesync_revision"] == now.update_time
    assert is_right(world, 1)


def test_a_ledger_that_is_lost_takes_in_what_is_at_home(
    simulator: Simulator, tmp_path: Path
) -> None:
    config = home(tmp_path, simulator)
    with a_world(simulator, tmp_path, direct={}) as world:
        run(config, "start", "ndvi")
        world.settle()
    for file in tmp_path.glob("geesync.db*"):
        file.unlink()
    asked = len(list(simulator.audit.records("compute_pixels")))

    recovered = commands.run("-c", str(config), "recover", "derived/ndvi")
    assert recovered.returncode == 0, recovered.stderr
    with a_world(simulator, tmp_path, direct={}) as world:
        assert "0 new, 7 there" in run(config, "start", "ndvi").output
        world.settle()
        assert world.counts() == {"verified": 8}
        assert len(list(simulator.audit.records("compute_pixels"))) == asked


def test_results_at_home_are_data_like_any_other(world: World, tmp_path: Path) -> None:
    run(home(tmp_path, world.simulator), "start", "ndvi")
    world.settle()

    found = open_mirror(world.mirror)["derived/ndvi"]

    assert found.sizes["time"] == 7
    assert list(found.data_vars) == ["ndvi"]


def test_nothing_at_earth_engine_is_asked_for_by_a_results_name(
    world: World, tmp_path: Path
) -> None:
    config = home(tmp_path, world.simulator)
    run(config, "start", "ndvi")
    world.settle()
    world.rescan()
    world.run()

    checked = CliRunner().invoke(app, ["-c", str(config), "check", "--against-earth-engine"])
    freed = CliRunner().invoke(app, ["-c", str(config), "free", "derived/ndvi"])

    assert checked.exit_code == 0, checked.output
    assert "ndvi/s001" not in freed.output
    refused = CliRunner().invoke(app, ["-c", str(config), "enqueue", "derived/ndvi"])
    assert "does not exist" in str(refused.exception)


def test_a_way_is_for_results_that_come_home(world: World, tmp_path: Path) -> None:
    config = configure(tmp_path, world.simulator, way="direct")

    assert "way is for into = 'mirror'" in str(run(config, "plan", "ndvi").exception)


def test_results_cover_their_source_on_pixels_of_another_crs(world: World, tmp_path: Path) -> None:
    lattice = {"crs": "EPSG:4326", "transform": [0.0005, 0, 0, 0, -0.0005, 90]}
    config = home(tmp_path, world.simulator, grid="")
    told = f'grid = {{ crs = "EPSG:4326", transform = {lattice["transform"]} }}\n'
    config.write_text(config.read_text() + "\n" + told)

    started = run(config, "start", "ndvi")
    world.settle()

    assert started.exit_code == 0, started.output
    assert world.counts() == {"verified": 8}
    with rasterio.open(next(world.folder("derived/ndvi/s000").glob("*.tif"))) as raster:
        assert raster.crs.to_epsg() == 4326
        assert raster.transform.a == 0.0005
        west, north = raster.transform.c / 0.0005, (90 - raster.transform.f) / 0.0005
        assert (west, north) == pytest.approx((round(west), round(north)), abs=1e-6)
        covered = box(*transform_bounds(raster.crs, 32633, *raster.bounds)).buffer(0.01)
    band = world.simulator.world.get(f"{COLLECTION}/s000").bands[0]
    a, _, x, _, e, y = band.grid.transform
    assert covered.covers(box(x, y + e * band.grid.height, x + a * band.grid.width, y))


@pytest.mark.parametrize(
    ("corners", "count"),
    [([[10, 40], [20, 40], [10, 50]], 0), ([[10, 40], [25, 40], [10, 55]], 7)],
)
def test_a_region_is_an_outline_not_its_box(
    world: World, tmp_path: Path, corners: list[list[float]], count: int
) -> None:
    place_sources(world)
    polygon = {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}
    (tmp_path / "region.json").write_text(json.dumps(polygon))
    config = home(tmp_path, world.simulator, region="region.json")

    assert f"{count} new" in run(config, "plan", "ndvi").output


def test_a_region_may_be_a_table_asset(world: World, tmp_path: Path) -> None:
    place_sources(world)
    ring = [[10, 40], [25, 40], [10, 55], [10, 40]]
    row = SimFeature("0", {"type": "Polygon", "coordinates": [ring]}, {})
    world.simulator.world.put(SimAsset(f"{HOME}/border", "TABLE", features=lambda: iter([row])))
    config = home(tmp_path, world.simulator, region="users/x/border")

    assert "7 new" in run(config, "plan", "ndvi").output
    assert "cannot be read" in str(
        run(home(tmp_path, world.simulator, region="users/x/none"), "plan", "ndvi").exception
    )


def test_images_that_vanished_are_said_and_their_results_stay(world: World, tmp_path: Path) -> None:
    config = home(tmp_path, world.simulator)
    run(config, "start", "ndvi")
    world.settle()
    world.simulator.world.delete(f"{COLLECTION}/s001")

    told = run(config, "start", "ndvi")

    assert "1 results are of images that the job does not find any more" in told.output
    assert is_right(world, 1)


def test_new_images_are_picked_up_at_each_scan_by_a_process_beside(
    simulator: Simulator, tmp_path: Path
) -> None:
    config = home(tmp_path, simulator, every="6h")
    late = simulator.world.get(f"{COLLECTION}/s007")
    simulator.world.delete(late.name)
    loaded = load(file=config).config
    assert "6 new" in run(config, "start", "ndvi").output
    with (
        closing(open_migrating(loaded.ledger)) as database,
        service(loaded, database, clock=simulator.clock.now, config_file=str(config)) as built,
    ):
        (scans,) = [step for step in built.steps if step.name == "job_scans"]
        run_step(scans)
        simulator.world.put(late)
        run_step(scans)
        assert len(Ledger(database).images_of(1)) == 6

        simulator.advance(7 * 3600)
        run_step(scans)

        assert len(Ledger(database).images_of(1)) == 7

        ahead = (simulator.clock.now() + timedelta(days=3650)).isoformat()
        built.roots.put("job_scanned:ndvi", ahead, simulator.clock.now())
        run_step(scans)  # by a clock that was set right since
        assert built.roots.get("job_scanned:ndvi") != ahead


def test_a_scan_that_failed_or_was_stopped_is_not_waited_for_as_if_it_had_looked(
    simulator: Simulator, tmp_path: Path
) -> None:
    config = home(tmp_path, simulator, every="6h")
    loaded = load(file=config).config
    run(config, "start", "ndvi")
    config.write_text("no = configuration")
    with (
        closing(open_migrating(loaded.ledger)) as database,
        service(loaded, database, clock=simulator.clock.now, config_file=str(config)) as built,
    ):
        (scans,) = [step for step in built.steps if step.name == "job_scans"]
        scans.context.stopping = lambda: True
        scans.run_once()
        assert built.roots.get("job_scanned:ndvi") is None

        scans.context.stopping = lambda: False
        assert "job ndvi" in scans.run_once().waiting
        assert scans.run_once().waiting == ""
        simulator.advance(11 * 60)
        assert "job ndvi" in scans.run_once().waiting


def test_the_recipe_takes_s2cloudless_where_it_has_looked(tmp_path: Path) -> None:
    probable = np.full((40, 64), 20, np.uint8)
    probable[:, :10] = 80
    seen = f"{PUBLIC}COPERNICUS/S2_CLOUD_PROBABILITY"
    assets = list(SEASON._assets())
    band = replace(
        next(one for one in assets if one.bands).bands[0],
        id="probability",
        load=lambda: (probable, None),
    )
    assets += [
        SimAsset(f"{PUBLIC}COPERNICUS", "FOLDER"),
        SimAsset(seen, "IMAGE_COLLECTION"),
        SimAsset(f"{seen}/s001", "IMAGE", bands=(band,)),
    ]
    recipe = "geesync.recipes.sentinel2:cloudless"
    with (
        Simulator(Tree("season", "demo-project", assets)) as simulator,
        a_world(simulator, tmp_path, direct={}) as world,
    ):
        started = run(home(tmp_path, simulator, function=recipe), "start", "ndvi")
        world.settle()

        assert started.exit_code == 0, started.output
        assert world.counts() == {"verified": 9}
        made = [read_image(world.folder(f"derived/ndvi/s00{n}"))["cloud"].values for n in range(4)]
    assert made[1].sum() == 40 * 10  # by probability
    assert (made[0].sum(), made[3].sum()) == (0, 40 * 64)  # by the scene classification


def test_results_are_clipped_to_land(world: World, tmp_path: Path) -> None:
    ring = [[14.99, 45.1], [15.004, 45.1], [15.004, 45.2], [14.99, 45.2], [14.99, 45.1]]
    row = SimFeature("0", {"type": "Polygon", "coordinates": [ring]}, {})
    world.simulator.world.put(SimAsset(f"{HOME}/land", "TABLE", features=lambda: iter([row])))
    config = home(tmp_path, world.simulator, clip="users/x/land")

    run(config, "start", "ndvi")
    world.settle()

    mask = read_image(world.folder("derived/ndvi/s000"))["ndvi"].mask > 0
    clear = ~SEASON.clouds(0)
    assert (mask[:, :30] == clear[:, :30]).all()
    assert not mask[:, 33:].any()


def test_times_and_outlines_of_what_came_through_drive_are_kept_by_path(
    simulator: Simulator, tmp_path: Path
) -> None:
    with a_world(simulator, tmp_path, direct={}) as world:
        place_sources(world)
        config = home(tmp_path, simulator, way="drive")
        run(config, "start", "ndvi")
        world.settle()

        told = CliRunner().invoke(app, ["-c", str(config), "export-metadata", "derived/ndvi"])

    kept = json.loads(told.output)
    first = BEGINS.timestamp() * 1000
    assert kept["derived/ndvi/s000"]["system:time_start"] == first
    assert kept["derived/ndvi/s000"]["geometry"]["type"] == "Polygon"
    assert len(kept) == 7


def test_a_command_asks_as_fast_as_is_configured(simulator: Simulator, tmp_path: Path) -> None:
    config = load(file=home(tmp_path, simulator), flags={"throttle.submit_wait": "2s"}).config

    earth_engine, _ = cloud(config)

    assert earth_engine.exports_per_s == 0.5


@pytest.mark.parametrize(
    ("into", "told"),
    [("mirror", "7 answers or more, read directly: "), ("users/x/ndvi", "7 exports: about ")],
)
def test_a_plan_tells_time_and_cost(
    simulator: Simulator, tmp_path: Path, into: str, told: str
) -> None:
    planned = run(configure(tmp_path, simulator, into=into), "plan", "ndvi")

    assert told in planned.output
    assert "EECU-hours" in planned.output or "compute not known yet" in planned.output
