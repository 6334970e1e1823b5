"""Small GeoTIFFs that follow a pattern of GDAL's: GDAL reads in them what was put in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from geesync.adapters.formats import cogs
from geesync.adapters.formats.rasters import Expected, prove
from geesync.domain.assets.grid import Grid
from geesync.domain.mirror.coverage import Tile
from geesync.domain.tasks.exports import Part
from geesync.errors import Cause, RemoteError

if TYPE_CHECKING:
    from geesync.adapters.formats.gdal import Bands

UTM = "EPSG:32632"
TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64")
NORTH_UP, ROTATED, SOUTH_UP = (
    (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0),
    (10.0, 0.5, 500_000.0, 1.0, -10.0, 5_000_000.0),
    (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
)
PARTS = st.builds(
    Part,
    key=st.just(""),
    extension=st.just("tif"),
    bands=st.sampled_from([("B4",), ("B4", "B8", "QA60")]),
    grid=st.builds(
        Grid,
        st.sampled_from([UTM, "EPSG:4326"]),
        st.sampled_from([NORTH_UP, ROTATED, SOUTH_UP]),
        st.integers(1, 40),
        st.integers(1, 40),
    ),
    pixel_type=st.sampled_from(TYPES),
)
PART = Part("", "tif", ("B4",), Grid(UTM, NORTH_UP, 20, 10), "int16", -7.0)


def any_pixels(part: Part, seed: int = 1) -> Bands:
    """Return pixels of any bits: NaN of all kinds among them, if they are floats."""
    assert part.grid is not None
    dtype = np.dtype(part.pixel_type)
    shape = len(part.bands), part.grid.height, part.grid.width
    bits = np.random.default_rng(seed).integers(0, 256, (*shape, dtype.itemsize), np.uint8)
    return bits.view(dtype).reshape(shape)


def written(file: Path, part: Part, bands: Bands) -> Path:
    assert part.grid is not None
    file.write_bytes(cogs.cog(part, bands, "deflate", part.grid.crs))
    return file


def read(file: Path, part: Part) -> Bands:
    """Return what is proved to be in a file, which is asked for to the end."""
    assert part.grid is not None
    whole = Tile(0, 0, part.grid.height, part.grid.width), tuple(range(1, len(part.bands) + 1))
    (found,) = cogs.read_proved(file, part, "deflate", part.grid.crs, [whole])
    return found


@settings(max_examples=60)
@given(part=PARTS, seed=st.integers(0, 100))
def test_gdal_reads_every_bit_of_every_type_that_was_put_into_a_pattern(
    tmp_path_factory: pytest.TempPathFactory, part: Part, seed: int
) -> None:
    bands = any_pixels(part, seed)
    file = written(tmp_path_factory.mktemp("one") / "one.tif", part, bands)

    assert part.grid is not None
    pattern = cogs.pattern(part, "deflate", part.grid.crs)
    assert pattern is not None
    there = pattern.pixels(part.grid, file.read_bytes())

    prove(file, Expected(part.grid, part.pixel_type, part.bands))
    with rasterio.open(file) as dataset:
        assert dataset.read().tobytes() == bands.tobytes()
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert there is not None
    assert there.tobytes() == bands.tobytes()


def test_what_tells_of_a_pattern_is_told_of_all_files_of_it(tmp_path: Path) -> None:
    assert PART.grid is not None
    further = replace(PART.grid, transform=(10.0, 0.0, 7.25, 0.0, -10.0, -3.5))
    moved = replace(PART, grid=further)

    written(tmp_path / "first.tif", PART, any_pixels(PART))
    file = written(tmp_path / "second.tif", moved, any_pixels(PART, 2))

    prove(file, Expected(further, "int16", ("B4",), -7.0))
    assert cogs.pattern(PART, "deflate", UTM) is cogs.pattern(moved, "deflate", UTM)
    assert cogs.pattern(replace(PART, sentinel=-8.0), "deflate", UTM) is not cogs.pattern(
        PART, "deflate", UTM
    )


@pytest.mark.parametrize(("edge", "compress"), [(177, "deflate"), (20, "zstd")])
def test_larger_images_and_other_codecs_are_left_to_gdal(
    tmp_path: Path, edge: int, compress: str
) -> None:
    part = replace(PART, grid=Grid(UTM, NORTH_UP, edge, edge))
    bands = any_pixels(part)

    (tmp_path / "one.tif").write_bytes(cogs.cog(part, bands, compress, UTM))

    assert cogs.pattern(part, compress, UTM) is None
    with rasterio.open(tmp_path / "one.tif") as dataset:
        assert (dataset.read() == bands).all()


def test_a_file_is_read_by_gdal_as_long_as_none_of_its_kind_has_been(tmp_path: Path) -> None:
    part = replace(PART, bands=("not yet proved",))
    file = written(tmp_path / "one.tif", part, any_pixels(part))
    pattern = cogs.pattern(part, "deflate", UTM)
    assert pattern is not None

    for was_proved in (False, True, True):
        assert pattern.is_proved is was_proved
        assert (read(file, part) == any_pixels(part)).all()


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (np.float64(500_000).tobytes(), np.float64(500_010).tobytes()),
        (b"B4", b"B5"),
        (b"-7", b"-8"),
    ],
    ids=["place", "name", "nodata"],
)
def test_what_has_changed_in_a_file_is_noticed_though_its_kind_is_proved(
    tmp_path: Path, was: bytes, becomes: bytes
) -> None:
    file = written(tmp_path / "one.tif", PART, any_pixels(PART))
    read(file, PART)

    file.write_bytes(file.read_bytes().replace(was, becomes, 1))

    with pytest.raises(RemoteError):
        read(file, PART)


def test_a_file_that_was_cut_is_noticed_though_its_kind_is_proved(tmp_path: Path) -> None:
    file = written(tmp_path / "one.tif", PART, any_pixels(PART))
    read(file, PART)

    file.write_bytes(file.read_bytes()[:-40])

    with pytest.raises(RemoteError) as raised:
        read(file, PART)
    assert raised.value.cause == Cause.INTEGRITY
