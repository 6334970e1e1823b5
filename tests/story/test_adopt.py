"""Moving over from other scripts: what they exported is adopted where Earth Engine has the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from geesync.bootstrap import older_mirror
from geesync.checks.older_mirror import read_tree
from geesync.errors import UserError
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.simulator.world.truth import truth
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

RNG = np.random.default_rng(7)
#: No pixel is 0, so that files without a mask leave nothing open.
SMALL = RNG.integers(1, 255, (300, 700)).astype("uint8")
WIDE = RNG.integers(1, 30_000, (40, 50)).astype("uint16")
ZEROS = RNG.integers(0, 3, (40, 50)).astype("uint8")
MASK = RNG.integers(0, 2, (40, 50))

MIXED = [a_band("class", ZEROS), a_band("height", WIDE.astype("float32") / 8)]
IMAGES = [
    an_image("dem", a_band("b1", SMALL)),
    an_image("masked", a_band("b1", WIDE, MASK)),
    an_image("zeros", a_band("b1", ZEROS)),
    an_image("mixed", *MIXED),
    SimAsset(f"{HOME}/sub", "FOLDER"),
    an_image("sub/dem", a_band("b1", WIDE)),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Simulator(an_account(*IMAGES)) as simulator, a_world(simulator, tmp_path, direct={}) as it:
        it.enqueue("users/x")
        yield it


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    return folder


def export(
    world: World,
    name: str,
    target: Path,
    *,
    edge: int = 0,
    dash: str = "",
    nodata: float | None = None,
    kind: str | None = None,
    spoil: bool = False,
    named: bool = True,
) -> list[Path]:
    """Write an image as Earth Engine's exports do; target: without tile and ending."""
    asset = world.simulator.world.get(f"{HOME}/{name}")
    found = [truth(asset, band.id) for band in asset.bands]
    kind = kind or str(found[0].values.dtype)
    fill = 0 if nodata is None else nodata
    values = np.stack([np.where(one.mask > 0, one.values, fill).astype(kind) for one in found])
    if spoil:
        values[0, -1, -1] += 1
    target.parent.mkdir(parents=True, exist_ok=True)
    grid = asset.bands[0].grid
    edge = edge or max(grid.width, grid.height)
    files = []
    for row in range(0, grid.height, edge):
        for column in range(0, grid.width, edge):
            tile = f"{dash}{row:010}-{column:010}" if edge < grid.width else ""
            files.append(Path(f"{target}{tile}.tif"))
            piece = values[:, row : row + edge, column : column + edge]
            shift = Affine(*grid.transform) * Affine.translation(column, row)
            _write(
                files[-1], piece, shift, nodata, [band.id for band in asset.bands] if named else []
            )
    return files


def _write(
    path: Path, values: NDArray[Any], transform: Affine, nodata: float | None, names: list[str]
) -> None:
    count, height, width = values.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=count,
        height=height,
        width=width,
        dtype=values.dtype,
        crs="EPSG:32633",
        transform=transform,
        nodata=nodata,
        compress="LZW",
    ) as file:
        file.write(values)
        if names:
            file.descriptions = names


def adopt(world: World, old: Path, share: float = 1.0) -> dict[str, str]:
    """Adopt what can be; returns why each image is not, "" for those that are."""
    world.run("discoverer")
    before = contents(old)
    told = older_mirror(world.service, read_tree(old), HOME, share).adopt()
    found = {asset.name.removeprefix(f"{HOME}/"): why for asset, why in told}
    world.run("verifier")
    assert contents(old) == before
    return found


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def taken(world: World, name: str) -> bool:
    """Whether an image is proved in the mirror, and no task brought it."""
    full = f"{HOME}/{name}"
    exact = world.state(full) == "verified" and world.is_exact(full)
    return exact and not world.accepted(full)


def test_a_half_mirrored_tree_is_adopted_and_the_rest_comes_home_as_ever(
    world: World, old: Path
) -> None:
    tree = old / "users" / "x"
    export(world, "dem", tree / "dem" / "dem")
    export(world, "sub/dem", tree / "sub" / "dem" / "dem")
    (tree / "masked.notDone.txt").touch()
    (tree / "allDone.done.txt").touch()
    (old / "tasks.txt").write_text("users/x/dem\nusers/x/masked\n")

    found = adopt(world, old)

    assert found["dem"] == found["sub/dem"] == ""
    assert taken(world, "dem")
    assert taken(world, "sub/dem")
    assert found["masked"] == "no file: those scripts had not brought it either"
    assert world.state(f"{HOME}/masked") == "discovered"
    world.settle()
    assert world.counts()["verified"] == len(IMAGES) + 1


@pytest.mark.parametrize("dash", ["", "-"])
def test_tiles_are_taken_as_one_image(world: World, old: Path, dash: str) -> None:
    export(world, "dem", old / "users" / "x" / "dem" / "dem", edge=256, dash=dash)

    assert adopt(world, old)["dem"] == ""
    assert taken(world, "dem")


def test_an_image_of_which_a_tile_is_missing_is_not_adopted(world: World, old: Path) -> None:
    tiles = export(world, "dem", old / "users" / "x" / "dem" / "dem", edge=256)
    tiles[1].unlink()

    assert adopt(world, old)["dem"] == "its files are not all there, or overlap"
    assert world.state(f"{HOME}/dem") == "discovered"


def test_half_a_file_is_not_adopted(world: World, old: Path) -> None:
    (file,) = export(world, "dem", old / "users" / "x" / "dem" / "dem")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    assert "cannot be read" in adopt(world, old)["dem"]
    assert not world.files(f"{HOME}/dem")


@pytest.mark.parametrize("share", [1.0, 0.05])
def test_a_file_with_a_wrong_pixel_in_what_is_read_is_not_adopted(
    world: World, old: Path, share: float
) -> None:
    export(world, "zeros", old / "users" / "x" / "zeros" / "zeros", spoil=True)

    assert "not what Earth Engine has: band" in adopt(world, old, share)["zeros"]
    assert world.state(f"{HOME}/zeros") == "discovered"
    world.settle()
    assert world.is_exact(f"{HOME}/zeros")


def test_a_share_reads_some_of_each_image(world: World, old: Path) -> None:
    export(world, "dem", old / "users" / "x" / "dem" / "dem")

    assert adopt(world, old, 0.05)["dem"] == ""

    told = json.loads((world.folder(f"{HOME}/dem") / "geesync.json").read_text())
    (part,) = told["parts"]
    assert part["adopted"] == ["dem.tif"]
    assert 1 <= part["read_again"] < 6
    assert "files that others exported" in part["vouched_by"]


def test_zeros_that_were_masked_are_not_taken_for_data(world: World, old: Path) -> None:
    """An export without a value for masked pixels writes them as 0: a share may not show it."""
    export(world, "masked", old / "users" / "x" / "masked" / "masked")

    assert "not what Earth Engine has: band" in adopt(world, old, 0.01)["masked"]


def test_masks_that_a_file_marks_are_kept(world: World, old: Path) -> None:
    export(world, "masked", old / "users" / "x" / "masked" / "masked", nodata=65_535)

    assert adopt(world, old)["masked"] == ""
    assert taken(world, "masked")


def test_bands_of_several_types_in_one_file_become_what_they_were(world: World, old: Path) -> None:
    export(world, "mixed", old / "users" / "x" / "mixed" / "mixed", kind="float64", named=False)

    assert adopt(world, old)["mixed"] == ""
    assert taken(world, "mixed")


def test_a_type_that_rounds_is_not_adopted(world: World, old: Path) -> None:
    export(world, "mixed", old / "users" / "x" / "mixed" / "mixed", kind="uint16")

    assert adopt(world, old)["mixed"] == "its files are uint16, which does not hold height"


def test_files_of_a_drive_are_known_by_their_names_and_by_what_was_told_of_them(
    world: World, old: Path
) -> None:
    export(world, "zeros", old / "zeros")
    export(world, "dem", old / "dem", edge=256, dash="-")
    told = {"geometry": [[1, 2], [1, 3], [2, 3], [1, 2]], "date_deb": 1514804075460}
    (old / "Metadata_mask.json").write_text(json.dumps({"users/x/dem": told}))

    found = adopt(world, old)

    assert found["zeros"] == found["dem"] == ""
    assert found["sub/dem"] == "its files are those of users/x/dem"
    assert taken(world, "dem")


def test_a_file_of_a_drive_of_another_time_is_not_adopted(world: World, old: Path) -> None:
    world.simulator.world.get(f"{HOME}/zeros").start_time = "2018-01-01T00:00:00Z"
    export(world, "zeros", old / "zeros")
    (old / "times.json").write_text(json.dumps({"users/x/zeros": {"date_deb": 1514804075460}}))

    assert "its files are of 2018-01-01 10:54:35" in adopt(world, old)["zeros"]


def test_what_is_in_the_mirror_already_is_left_alone(world: World, old: Path) -> None:
    world.settle()
    export(world, "dem", old / "dem")

    assert adopt(world, old) == {}


def test_an_image_that_changes_meanwhile_is_not_adopted(world: World, old: Path) -> None:
    export(world, "zeros", old / "zeros")
    world.run("discoverer")
    world.simulator.world.touch(f"{HOME}/zeros")

    told = older_mirror(world.service, read_tree(old), HOME, 1.0).adopt()

    assert "changed" in {asset.name: why for asset, why in told}[f"{HOME}/zeros"]
    assert world.state(f"{HOME}/zeros") == "discovered"


def test_a_folder_that_is_no_such_tree_is_refused(world: World, old: Path) -> None:
    with pytest.raises(UserError, match="nothing to adopt"):
        read_tree(old)
    with pytest.raises(UserError, match="no folder"):
        read_tree(old / "absent")
    world.settle()
    with pytest.raises(UserError, match="mirror of geesync"):
        read_tree(world.mirror)
