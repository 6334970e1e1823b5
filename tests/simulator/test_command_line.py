"""What the unmodified ``earthengine`` command does with the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.simulator import Simulator
from geesync.simulator.tasks.operation import State

#: The command takes a second to start, each time.
pytestmark = pytest.mark.slow

Run = Callable[..., str]
PROJECT = "projects/demo-project/assets"
ELEVATION = "users/demo/elevation"
READER = {"role": "roles/viewer", "members": ["user:reader@example.com"]}


def test_ls_shows_the_whole_tree(run_earthengine: Run) -> None:
    listed = run_earthengine("ls", "-l", "-r", "users/demo").splitlines()

    assert [line.split() for line in listed if "er/landcover" in line] == [
        ["[Image]", "projects/earthengine-legacy/assets/users/demo/deep/er/landcover"]
    ]
    assert len(listed) == 6


def test_asset_info_shows_the_metadata(run_earthengine: Run) -> None:
    info = json.loads(run_earthengine("asset", "info", "users/demo/scenes/s0000"))

    assert [band["id"] for band in info["bands"]] == ["B4", "B5", "B1"]


def test_asset_set_changes_and_removes_properties_and_times(run_earthengine: Run) -> None:
    run_earthengine(
        *("asset", "set", ELEVATION),
        *("-p", "source=new", "-p", "(number)weight=1.5", "-p", "tiles=null"),
        *("--time_start", "2024-02-03", "--time_end", ""),
    )

    info = json.loads(run_earthengine("asset", "info", ELEVATION))
    assert info["properties"] == {"source": "new", "weight": 1.5, "accuracy_m": 1.5}
    assert info["startTime"] == "2024-02-03T00:00:00Z"
    assert "endTime" not in info


def test_bands_are_renamed(run_earthengine: Run) -> None:
    run_earthengine("asset", "setbands", "users/demo/scenes/s0000", "red", "nir", "aerosol")

    info = json.loads(run_earthengine("asset", "info", "users/demo/scenes/s0000"))
    assert [band["id"] for band in info["bands"]] == ["red", "nir", "aerosol"]


def test_du_adds_up_folders_and_collections(run_earthengine: Run) -> None:
    sizes = [line.split() for line in run_earthengine("du", "users/demo").splitlines()]

    assert {name.rpartition("/")[2]: int(size) for size, name in sizes} == {
        "empty": 0,
        "elevation": 5734,
        "deep": 1320,
        "scenes": 16920,
    }


def test_du_can_add_it_all_up(run_earthengine: Run) -> None:
    assert run_earthengine("du", "-s", "users/demo").split() == ["23974", "users/demo"]


def test_folders_are_made_filled_moved_and_removed(
    simulator: Simulator, run_earthengine: Run
) -> None:
    run_earthengine("create", "folder", f"{PROJECT}/new")
    run_earthengine("create", "collection", f"{PROJECT}/new/all")
    run_earthengine("cp", ELEVATION, f"{PROJECT}/new/all/copy")
    run_earthengine("mv", f"{PROJECT}/new/all/copy", f"{PROJECT}/new/moved")
    moved = [asset.name for asset in simulator.world.walk(f"{PROJECT}/new")]
    kept = run_earthengine("rm", f"{PROJECT}/new")
    run_earthengine("rm", f"{PROJECT}/new/all")
    run_earthengine("rm", "-r", f"{PROJECT}/new")

    assert moved == [f"{PROJECT}/new", f"{PROJECT}/new/all", f"{PROJECT}/new/moved"]
    assert "Failed to delete" in kept
    assert simulator.world.find(f"{PROJECT}/new") is None


def test_acl_is_set_and_got(run_earthengine: Run) -> None:
    run_earthengine("acl", "set", "public", ELEVATION)

    acl = json.loads(run_earthengine("acl", "get", ELEVATION))
    assert acl["all_users_can_read"] is True


def test_acl_is_changed_person_by_person(simulator: Simulator, run_earthengine: Run) -> None:
    run_earthengine("acl", "ch", "-u", "reader@example.com:R", ELEVATION)
    one = simulator.world.policy(f"projects/earthengine-legacy/assets/{ELEVATION}")
    run_earthengine("acl", "ch", "-d", "reader@example.com", ELEVATION)

    assert READER in one["bindings"]
    assert json.loads(run_earthengine("acl", "get", ELEVATION))["readers"] == []


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


def test_all_tasks_are_cancelled_at_once(
    simulator: Simulator, run_earthengine: Run, waiting: Any
) -> None:
    run_earthengine("task", "cancel", "all")

    assert {op.state for op in simulator.operations.all()} == {State.CANCELLED}
    assert waiting.id in run_earthengine("task", "list", "-s", "CANCELLED")


# --- Uploads.


@pytest.fixture
def files(simulator: Simulator, earth_engine: Any, export_body: Any) -> list[str]:
    """A GeoTIFF and a CSV that exports have written, by their URIs."""
    earth_engine.exportImage("i-1", export_body("up/elevation"))
    table = export_body("up/stations")
    call = {
        "functionName": "Collection.loadTable",
        "arguments": {"tableId": {"constantValue": f"{PROJECT}/stations"}},
    }
    table["expression"]["values"]["0"] = {"functionInvocationValue": call}
    table["fileExportOptions"]["fileFormat"] = "CSV"
    earth_engine.exportTable("t-1", table)
    names = ("up/elevation.tif", "up/stations.csv")
    return [f"gs://{simulator.bucket}/{name}" for name in names]


def test_an_image_is_uploaded(simulator: Simulator, run_earthengine: Run, files: list[str]) -> None:
    told = run_earthengine(
        *("upload", "image", f"--asset_id={PROJECT}/up", "--wait=20"),
        *("--bands=height", "--pyramiding_policy=sample", "--time_start=2024-02-03"),
        *("-p", "(string)from=a file", "-p", "(number)weight=2", files[0]),
    )

    made = simulator.world.get(f"{PROJECT}/up")
    original = simulator.world.lookup(ELEVATION)
    assert "Waiting for the upload task" in told
    assert (made.bands[0].id, made.bands[0].pyramiding) == ("height", "SAMPLE")
    assert made.properties == {"from": "a file", "weight": 2}
    assert made.start_time == "2024-02-03T00:00:00Z"
    np.testing.assert_array_equal(made.bands[0].load()[0], original.bands[0].load()[0])


def test_an_image_is_uploaded_with_its_last_band_as_its_mask(
    simulator: Simulator, run_earthengine: Run, earth_engine: Any, export_body: Any
) -> None:
    values = {"functionInvocationValue": {"functionName": "Image.constant", "arguments": {}}}
    values["functionInvocationValue"]["arguments"] = {"value": {"constantValue": [7, 0]}}
    world = {"crsCode": "EPSG:4326", "affineTransform": {"scaleX": 0.5, "scaleY": -0.5}}
    grid = {**world, "dimensions": {"width": 3, "height": 2}}
    byte = {"functionName": "Image.toUint8", "arguments": {"value": values}}
    expression = {"result": "0", "values": {"0": {"functionInvocationValue": byte}}}
    earth_engine.exportImage("i-1", export_body("up/alpha", expression=expression, grid=grid))

    run_earthengine(
        *("upload", "image", f"--asset_id={PROJECT}/up", "--last_band_alpha"),
        f"gs://{simulator.bucket}/up/alpha.tif",
    )

    (band,) = simulator.world.get(f"{PROJECT}/up").bands
    _, mask = band.load()
    assert mask is not None
    assert (mask == 0).all()


def test_images_are_uploaded_again_by_a_manifest_and_shown_from_outside(
    simulator: Simulator, run_earthengine: Run, files: list[str], tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.json"
    told = {"name": f"{PROJECT}/told", "tilesets": [{"sources": [{"uris": files[:1]}]}]}
    manifest.write_text(json.dumps(told))

    run_earthengine("upload", "image", "--manifest", str(manifest))
    run_earthengine("upload", "image", "-f", f"--asset_id={PROJECT}/told", files[0])
    uploaded = simulator.world.get(f"{PROJECT}/told")
    said = run_earthengine("upload", "external_image", "-f", "--manifest", str(manifest))

    assert simulator.audit.count("import") == 2
    assert "tilesets" not in uploaded.extra
    assert said == f"Created asset {PROJECT}/told\n"
    assert "tilesets" in simulator.world.get(f"{PROJECT}/told").extra


def test_a_table_is_uploaded(simulator: Simulator, run_earthengine: Run, files: list[str]) -> None:
    run_earthengine(
        *("upload", "table", f"--asset_id={PROJECT}/rows", "--wait=20"),
        *("--primary_geometry_column", ".geo", "-p", "(string)from=a file", files[1]),
    )

    made, original = (simulator.world.get(f"{PROJECT}/{name}") for name in ("rows", "stations"))
    assert made.features is not None
    assert original.features is not None
    assert [(row.geometry, row.properties) for row in made.features()] == [
        (row.geometry, row.properties) for row in original.features()
    ]
