"""What tools do that nobody here wrote, unmodified, compared with the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geesync.simulator.scenarios.tree import walk
from geesync.simulator.world.truth import compare, truth
from tests.clients.conftest import Client, node_packages_with, python_with

HOME = "projects/earthengine-legacy/assets/users/demo"
ELEVATION = f"{HOME}/elevation"
SCENE = f"{HOME}/scenes/s0000"


def masked_to_zero(client: Client, asset: str, band: str) -> np.ndarray:
    values, mask = truth(client.simulator.world.get(asset), band)
    return np.where(mask > 0, values, 0)


def test_the_earthengine_command_lists_makes_and_uploads(client: Client) -> None:
    tool = python_with("earthengine-api==1.7.50").with_name("earthengine")
    login = ("--service_account_file", client.key, "--project", client.simulator.project)

    def earthengine(*arguments: str) -> str:
        return client.run(tool, *login, *arguments)

    listed = earthengine("ls", "users/demo")
    info = json.loads(earthengine("asset", "info", "users/demo/elevation"))
    earthengine("create", "folder", "projects/demo-project/assets/new")
    earthengine("cp", "users/demo/elevation", "projects/demo-project/assets/new/copy")
    used = earthengine("du", "-s", "users/demo/scenes")
    tasks = earthengine("task", "list")

    assert "users/demo/elevation" in listed
    assert info["bands"][0]["id"] == "elevation"
    assert client.simulator.world.get("projects/demo-project/assets/new/copy").type == "IMAGE"
    assert used.split()[0].isdigit()
    assert tasks.strip() == ""


@pytest.mark.parametrize("client", ["demo"], indirect=True)
def test_gdal_reads_every_band_of_the_demo_account(client: Client, tmp_path: Path) -> None:
    images = [asset for asset in walk(client.simulator.world.scenario) if asset.bands]
    plain = [
        asset
        for asset in images
        if not any(band.array_dimensions for band in asset.bands)
        # The driver takes north-up grids only, and asks for no shear.
        and not any(band.grid.transform[1] or band.grid.transform[3] for band in asset.bands)
    ]

    names = (asset.name for asset in plain)
    client.script(python_with("rasterio==1.4.4"), "with_rasterio.py", tmp_path, *names)

    assert len(plain) > 50
    for number, asset in enumerate(plain):
        with np.load(tmp_path / f"{number}.npz") as read:
            assert set(read) == {band.id for band in asset.bands}, asset.name
            for band in asset.bands:
                expected = masked_to_zero(client, asset.name, band.id)
                np.testing.assert_array_equal(read[band.id], expected, asset.name)


def test_geedim_downloads_an_image_on_its_own_grid(client: Client, tmp_path: Path) -> None:
    client.script(python_with("geedim==2.0.0"), "with_geedim.py", tmp_path)

    (check,) = compare([tmp_path / "elevation.tif"], client.simulator.world.get(ELEVATION))
    assert check.exact


def test_xee_opens_a_collection(client: Client, tmp_path: Path) -> None:
    found = client.script(python_with("xee==0.1.2"), "with_xee.py", tmp_path)

    values, mask = truth(client.simulator.world.get(SCENE), "B4")
    read = np.array(found["first"], float)
    assert found["sizes"]["time"] == 3
    assert (np.isnan(read) == (mask == 0)).all()
    assert (read[mask > 0] == values[mask > 0]).all()


def test_edown_downloads_the_images_of_some_days(client: Client, tmp_path: Path) -> None:
    client.script(python_with("edown==0.2.1"), "with_edown.py", tmp_path)

    (file,) = (tmp_path / "images").rglob("*.tif")
    with rasterio.open(file) as dataset:
        assert (dataset.read(1) == masked_to_zero(client, SCENE, "B4")).all()
        assert tuple(dataset.transform)[:6] == (
            client.simulator.world.get(SCENE).bands[0].grid.transform
        )


def test_geemap_exports_an_image_and_reads_a_value(client: Client, tmp_path: Path) -> None:
    found = client.script(python_with("geemap==0.37.2"), "with_geemap.py", tmp_path)

    values = truth(client.simulator.world.get(ELEVATION), "elevation").values
    assert found["highest"] == {"elevation": int(values.max())}
    assert found["array"] == [47, 61, 1]
    with rasterio.open(tmp_path / "elevation.tif") as dataset:
        assert dataset.read(1).max() == values.max()


def test_the_javascript_client_lists_computes_and_exports(client: Client, tmp_path: Path) -> None:
    packages = node_packages_with("@google/earthengine@1.7.45")

    found = client.script("node", "with_javascript.js", tmp_path, packages)

    values = truth(client.simulator.world.get(ELEVATION), "elevation").values
    assert "projects/demo-project/assets/stations" in found["names"]
    assert found["highest"] == {"elevation": int(values.max())}
    assert client.simulator.audit.count("export") == 1
