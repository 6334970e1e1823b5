"""GeoTIFFs: what is right is proved, and whatever differs is said by name."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geesync.adapters.formats import rasters
from geesync.adapters.formats.rasters import Expected, prove
from geesync.domain.assets.grid import Grid, Transform
from geesync.errors import Cause, RemoteError

UTM: Transform = (30.0, 0.0, 500_000.0, 0.0, -30.0, 5_200_000.0)
GRID = Grid("EPSG:32633", UTM, 70, 50)
EXPECTED = Expected(grid=GRID, pixel_type="uint16", bands=("B4", "B8"))
SINUSOIDAL = (
    'PROJCS["MODIS Sinusoidal",GEOGCS["custom",DATUM["custom",SPHEROID["custom",6371007.181,0]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Sinusoidal"],'
    'PARAMETER["longitude_of_center",0],PARAMETER["false_easting",0],'
    'PARAMETER["false_northing",0],UNIT["metre",1]]'
)


def written(file: Path, expected: Expected = EXPECTED, **changes: Any) -> Path:
    """Write the file that is expected, but for the changes."""
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "width": expected.grid.width,
        "height": expected.grid.height,
        "count": len(expected.bands),
        "dtype": expected.pixel_type,
        "crs": expected.grid.crs,
        "transform": rasterio.Affine(*expected.grid.transform),
        "compress": "deflate",
    }
    names = changes.pop("names", expected.bands)
    profile |= changes
    rng = np.random.default_rng(1)
    shape = (profile["count"], profile["height"], profile["width"])
    with rasterio.open(file, "w", **profile) as dataset:
        dataset.write(rng.integers(0, 100, shape).astype(profile["dtype"]))
        for index, name in enumerate(names, 1):
            dataset.set_band_description(index, name)
    return file


def complaint(file: Path, expected: Expected = EXPECTED) -> str:
    with pytest.raises(RemoteError) as failure:
        prove(file, expected)
    assert failure.value.cause == Cause.INTEGRITY
    assert "\n" not in str(failure.value)
    return str(failure.value)


@pytest.mark.parametrize(
    "pixel_type", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
)
def test_every_pixel_type_is_proved(tmp_path: Path, pixel_type: str) -> None:
    expected = replace(EXPECTED, pixel_type=pixel_type)

    prove(written(tmp_path / "img.tif.token.new", expected), expected)


@pytest.mark.parametrize(
    "grid",
    [
        replace(GRID, crs="EPSG:4326", transform=(0.001, 0.0, 11.0, 0.0, -0.001, 47.0)),
        replace(GRID, crs=SINUSOIDAL),
        replace(GRID, transform=(24.0, 18.0, 500_000.0, 18.0, -24.0, 5_200_000.0)),
        replace(GRID, width=1, height=1),
        replace(GRID, transform=(30.0, 0.0, 0.0, 0.0, 30.0, 0.0)),
    ],
)
def test_every_kind_of_grid_is_proved(tmp_path: Path, grid: Grid) -> None:
    expected = replace(EXPECTED, grid=grid)

    prove(written(tmp_path / "img.tif", expected), expected)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"width": 71}, "width"),
        ({"height": 49}, "height"),
        ({"dtype": "uint8"}, "pixel types"),
        ({"dtype": "int16"}, "pixel types"),
        ({"count": 3, "names": ("B4", "B8", "B11")}, "bands"),
        ({"count": 1, "names": ("B4",)}, "bands"),
        ({"names": ("B8", "B4")}, "bands"),
        ({"names": ("B4",)}, "bands"),
        ({"crs": "EPSG:32634"}, "CRS"),
        ({"crs": None}, "CRS"),
        ({"transform": rasterio.Affine(30, 0, 500_015, 0, -30, 5_200_000)}, "transform"),
        ({"transform": rasterio.Affine(30.1, 0, 500_000, 0, -30, 5_200_000)}, "transform"),
        ({"transform": rasterio.Affine(30, 0, 500_000, 0, 30, 5_200_000)}, "transform"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    assert named in complaint(written(tmp_path / "img.tif", **changes))


def test_what_lies_beside_a_file_says_nothing_of_it(tmp_path: Path) -> None:
    """A program that shows it may have left notes, and GDAL would take them for the file's own."""
    whole, placeless = written(tmp_path / "a.tif"), written(tmp_path / "b.tif", crs=None)
    for file in (whole, placeless):
        file.with_name(f"{file.name}.aux.xml").write_text(
            "<PAMDataset><SRS>EPSG:32633</SRS>"
            '<PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>'
        )

    prove(whole, EXPECTED)
    assert "CRS" in complaint(placeless)


def test_very_old_exports_without_names_of_bands_are_proved(tmp_path: Path) -> None:
    prove(written(tmp_path / "img.tif", names=()), EXPECTED)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_noticed(tmp_path: Path, share: float) -> None:
    file = written(tmp_path / "img.tif", tiled=True, blockxsize=16, blockysize=16)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])

    complaint(file)


def test_a_damaged_block_is_noticed_though_the_header_is_sound(tmp_path: Path) -> None:
    file = written(tmp_path / "img.tif", tiled=True, blockxsize=16, blockysize=16)
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 400] = bytes(400)
    file.write_bytes(whole)

    assert "cannot be read" in complaint(file)


@pytest.mark.parametrize("content", [b"", b"<html>Error</html>", b"II*\x00", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_geotiff_is_noticed(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "img.tif"
    file.write_bytes(content)

    complaint(file)


def test_a_code_that_proj_does_not_know_is_compared_by_what_it_means(tmp_path: Path) -> None:
    """SR-ORG:6974 is the grid of all MODIS products."""
    expected = replace(EXPECTED, grid=replace(GRID, crs="SR-ORG:6974"))

    prove(written(tmp_path / "img.tif", expected, crs=SINUSOIDAL), expected)

    assert "CRS" in complaint(written(tmp_path / "utm.tif", expected, crs="EPSG:32633"), expected)


def test_a_code_that_nobody_knows_cannot_be_compared_but_the_place_can(tmp_path: Path) -> None:
    """Earth Engine has such codes from many lists."""
    grid = replace(GRID, crs="SR-ORG:8287")
    expected = replace(EXPECTED, grid=grid)

    prove(written(tmp_path / "img.tif", expected, crs=SINUSOIDAL), expected)

    assert "CRS" in complaint(written(tmp_path / "none.tif", expected, crs=None), expected)
    moved = rasterio.Affine(30, 0, 500_030, 0, -30, 5_200_000)
    elsewhere = written(tmp_path / "moved.tif", expected, crs=SINUSOIDAL, transform=moved)
    assert "transform" in complaint(elsewhere, expected)


_ELSEWHERE = """
import sys
from pathlib import Path
from geesync.adapters.formats import rasters
from geesync.adapters.formats.rasters import Expected, prove
from geesync.domain.assets.grid import Grid
grid = Grid("EPSG:32633", (30.0, 0.0, 500000.0, 0.0, -30.0, 5200000.0), 7, 5)
try:
    prove(Path(sys.argv[1]), Expected(grid, "uint8", ("b",)))
except Exception as error:
    print(error)
"""


@pytest.mark.parametrize("variable", ["PROJ_DATA", "PROJ_LIB"])
@pytest.mark.parametrize("zone", [32633, 32634])
def test_another_projection_database_in_the_environment_changes_no_answer(
    tmp_path: Path, variable: str, zone: int
) -> None:
    """QGIS, Conda and others name theirs there, which is mostly of another version."""
    file = tmp_path / "img.tif"
    place = {"crs": f"EPSG:{zone}", "transform": rasterio.Affine(30, 0, 5e5, 0, -30, 5.2e6)}
    profile = {"driver": "GTiff", "count": 1, "width": 7, "height": 5, "dtype": "uint8", **place}
    with rasterio.open(file, "w", **profile) as dataset:
        dataset.write(np.ones((1, 5, 7), "uint8"))
        dataset.descriptions = ("b",)

    told = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(file)],
        env=os.environ | {variable: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ("CRS" in told.stdout) == (zone != 32633), told


@pytest.mark.parametrize(
    ("option", "value"),
    [("GDAL_SKIP", "GTiff"), ("GTIFF_FORCE_RGBA", "YES"), ("GTIFF_POINT_GEO_IGNORE", "TRUE")],
)
@pytest.mark.parametrize("where", ["environment", "gdalrc"])
def test_gdals_options_in_the_environment_change_no_answer(
    tmp_path: Path, option: str, value: str, where: str
) -> None:
    file = tmp_path / "img.tif"
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(30, 0, 5e5, 0, -30, 5.2e6)}
    profile = {"driver": "GTiff", "count": 1, "width": 7, "height": 5, "dtype": "uint8", **place}
    with rasterio.open(file, "w", **profile) as dataset:
        dataset.write(np.ones((1, 5, 7), "uint8"))
        dataset.descriptions = ("b",)
        dataset.update_tags(AREA_OR_POINT="Point")
    gdalrc = tmp_path / "gdalrc"
    gdalrc.write_text(f"[configoptions]\n{option}={value}\n")
    set_there = {option: value} if where == "environment" else {"GDAL_CONFIG_FILE": str(gdalrc)}

    told = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(file)],
        env=os.environ | set_there,
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 0, told.stderr
    assert told.stdout == ""


def test_without_any_projection_database_nothing_is_called_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = replace(EXPECTED, grid=replace(GRID, crs="SR-ORG:8287"))
    file = written(tmp_path / "img.tif", expected, crs=SINUSOIDAL)
    monkeypatch.setattr(rasters, "is_known", lambda _: False)

    with pytest.raises(RemoteError, match="PROJ") as raised:
        prove(file, expected)

    assert raised.value.costs_time_only
