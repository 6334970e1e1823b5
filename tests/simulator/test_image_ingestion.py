"""What image comes of which manifest and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from geesync.simulator.ingestion.image_ingestion import ingest_image
from geesync.simulator.messages.manifest_messages import image_manifest
from geesync.simulator.refusals import BadRequest, ExportRefused
from geesync.simulator.world.pixels import SimAsset

Write = Callable[..., None]
UTM = CRS.from_epsg(32633)
ORIGIN = (500_000.0, 5_000_000.0)
NAME = "projects/demo-project/assets/made"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a GeoTIFF: bands, rows and columns of values; ``at`` is its first (row, column)."""

    def write(name: str, values: Any, at: tuple[int, int] = (0, 0), **profile: Any) -> None:
        array = np.atleast_3d(np.asarray(values))
        array = array if np.ndim(values) == 3 else np.asarray(values)[np.newaxis]
        row, column = at
        corner = ORIGIN[0] + 10 * column, ORIGIN[1] - 10 * row
        known = {"crs": UTM, "transform": Affine(10, 0, corner[0], 0, -10, corner[1]), **profile}
        valid = known.pop("internal_mask", None)
        count, height, width = array.shape
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(
                tmp_path / name,
                "w",
                driver="GTiff",
                count=count,
                height=height,
                width=width,
                dtype=array.dtype,
                **known,
            ) as dataset,
        ):
            dataset.write(array)
            if valid is not None:
                dataset.write_mask(np.asarray(valid, bool))

    return write


@pytest.fixture
def ingest(tmp_path: Path) -> Callable[..., SimAsset]:
    """Ingest tilesets of files, given as ``id=[names]``."""

    def ingest(fields: dict[str, Any] | None = None, /, **tilesets: list[str]) -> SimAsset:
        manifest = {
            "name": NAME,
            "tilesets": [
                {"id": key, "sources": [{"uris": [f"gs://b/{name}"]} for name in names]}
                for key, names in tilesets.items()
            ],
            **(fields or {}),
        }

        def fetch(uris: Sequence[str]) -> Path:
            return tmp_path / uris[0].rpartition("/")[2]

        return ingest_image(image_manifest(manifest, "image_manifest"), fetch)

    return ingest


def mask(asset: SimAsset, index: int = 0) -> Any:
    return asset.bands[index].load()[1]


def test_bands_without_names_are_numbered_and_averaged(write: Write, ingest: Any) -> None:
    write("a.tif", np.arange(12, dtype="uint16").reshape(2, 2, 3))
    write("b.tif", np.ones((4, 5), "float32"))

    made = ingest(one=["a.tif"], two=["b.tif"])

    assert [band.id for band in made.bands] == ["b1", "b2", "b3"]
    assert [band.dtype.name for band in made.bands] == ["uint16", "uint16", "float32"]
    assert {band.pyramiding for band in made.bands} == {"MEAN"}
    assert made.bands[0].grid.crs == "EPSG:32633"
    assert made.bands[1].load()[0].tolist() == [[6, 7, 8], [9, 10, 11]]
    assert mask(made) is None


def test_bands_have_the_manifests_order_names_and_policies(write: Write, ingest: Any) -> None:
    write("a.tif", np.arange(12, dtype="uint16").reshape(2, 2, 3))

    made = ingest(
        {
            "bands": [
                {"id": "second", "tilesetId": "t", "tilesetBandIndex": 1},
                {"id": "first", "tilesetId": "t", "pyramidingPolicy": "MODE"},
            ],
            "pyramidingPolicy": "SAMPLE",
        },
        t=["a.tif"],
    )

    assert [band.id for band in made.bands] == ["second", "first"]
    assert [band.pyramiding for band in made.bands] == ["SAMPLE", "MODE"]
    assert [int(band.load()[0][0, 0]) for band in made.bands] == [6, 0]


@pytest.mark.parametrize("named", [1, 3])
def test_without_positions_as_many_bands_are_named_as_there_are(
    write: Write, ingest: Any, named: int
) -> None:
    write("a.tif", np.zeros((2, 2, 3), "uint8"))

    with pytest.raises(ExportRefused, match=f"names {named} bands, but its files have 2"):
        ingest({"bands": [{"id": f"x{n}"} for n in range(named)]}, t=["a.tif"])


def test_a_position_that_no_file_has_is_refused(write: Write, ingest: Any) -> None:
    write("a.tif", np.zeros((2, 2, 3), "uint8"))

    with pytest.raises(ExportRefused, match="Band 'x' is not in its tileset"):
        ingest({"bands": [{"id": "x", "tilesetBandIndex": 2}]}, t=["a.tif"])


def test_tiles_are_put_together_and_gaps_are_masked(write: Write, ingest: Any) -> None:
    write("right.tif", np.full((2, 2), 2, "uint8"), at=(2, 3))
    write("left.tif", np.full((2, 3), 1, "uint8"), at=(0, 0))

    made = ingest(t=["right.tif", "left.tif"])

    assert made.bands[0].grid.transform == (10, 0, ORIGIN[0], 0, -10, ORIGIN[1])
    assert made.bands[0].load()[0].tolist() == [[1, 1, 1, 0, 0]] * 2 + [[0, 0, 0, 2, 2]] * 2
    assert mask(made).tolist() == [[1, 1, 1, 0, 0]] * 2 + [[0, 0, 0, 1, 1]] * 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"values": np.zeros((2, 2, 2), "uint8")}, "same bands, types"),
        ({"values": np.zeros((2, 2), "int16")}, "same bands, types"),
        ({"nodata": 0}, "same bands, types"),
        ({"crs": CRS.from_epsg(32634)}, "share a projection"),
        ({"transform": Affine(20, 0, 500_000, 0, -20, 5_000_000)}, "share a projection"),
        ({"transform": Affine(10, 0, 500_023, 0, -10, 5_000_000)}, "whole pixels"),
        ({"at": (500, 500)}, "less than 1%"),
    ],
)
def test_files_of_one_tileset_must_be_of_one_structure(
    write: Write, ingest: Any, changed: dict[str, Any], words: str
) -> None:
    write("a.tif", np.zeros((2, 2), "uint8"))
    write("b.tif", **{"values": np.zeros((2, 2), "uint8"), "at": (0, 2), **changed})

    with pytest.raises(ExportRefused, match=words):
        ingest(t=["a.tif", "b.tif"])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [1, 0, 1]),
        ({"missingData": {"values": [7]}}, [1, 1, 0]),
        ({"missingData": {"values": [5, 7]}}, [1, 0, 0]),
        ({"missingData": {}}, None),
        ({"bands": [{"id": "x", "missingData": {"values": [1]}}]}, [0, 1, 1]),
    ],
)
def test_missing_data_is_what_the_manifest_says_or_else_the_file(
    write: Write, ingest: Any, fields: dict[str, Any], expected: Any
) -> None:
    write("a.tif", np.array([[1, 5, 7]], "int16"), nodata=5)

    made = ingest(fields, t=["a.tif"])

    assert (mask(made) if expected is None else mask(made).tolist()) == (expected and [expected])


def test_not_a_number_may_mean_missing(write: Write, ingest: Any) -> None:
    write("a.tif", np.array([[1, np.nan]], "float32"), nodata=float("nan"))

    assert mask(ingest(t=["a.tif"])).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("dtype", "values", "weights"),
    [
        ("uint8", [0, 51, 255], [0, 0.2, 1]),
        ("uint16", [0, 13107, 65535], [0, 0.2, 1]),
        ("float32", [-1, 0.25, 2], [0, 0.25, 1]),
    ],
)
def test_a_mask_file_masks_by_degrees(
    write: Write, ingest: Any, dtype: str, values: list[float], weights: list[float]
) -> None:
    write("a.tif", np.ones((2, 1, 3), "int16"))
    write("m.tif", np.array([values], dtype))
    bands = [{"id": name, "tilesetId": "data"} for name in "xy"]

    made = ingest(
        {"bands": bands, "maskBands": [{"tilesetId": "mask", "bandIds": ["y"]}]},
        data=["a.tif"],
        mask=["m.tif"],
    )

    assert mask(made) is None
    assert mask(made, 1)[0].tolist() == pytest.approx(weights)


def test_the_last_band_of_a_file_can_mask_the_others(write: Write, ingest: Any) -> None:
    write("a.tif", np.array([[[4, 4]], [[0, 255]]], "uint8"))

    made = ingest({"maskBands": [{"tilesetId": "t"}]}, t=["a.tif"])

    assert [band.id for band in made.bands] == ["b1"]
    assert mask(made).tolist() == [[0, 1]]


def test_masks_inside_of_files_count_unless_others_are_named(write: Write, ingest: Any) -> None:
    write("a.tif", np.array([[4, 4, 4]], "uint8"), internal_mask=[[1, 0, 1]])
    write("m.tif", np.array([[255, 255, 0]], "uint8"))
    masks = {"bands": [{"id": "x", "tilesetId": "t"}], "maskBands": [{"tilesetId": "m"}]}

    assert mask(ingest(t=["a.tif"])).tolist() == [[1, 0, 1]]
    assert mask(ingest(masks, t=["a.tif"], m=["m.tif"])).tolist() == [[1, 1, 0]]
    with pytest.raises(ExportRefused, match="cannot be combined with masks inside"):
        ingest({"missingData": {"values": [3]}}, t=["a.tif"])


def test_a_declared_type_is_taken_without_a_look(write: Write, ingest: Any) -> None:
    write("a.tif", np.array([[3, -32768]], "int16"), nodata=-32768)
    source = {"id": "t", "dataType": "UINT8", "sources": [{"uris": ["gs://b/a.tif"]}]}

    made = ingest({"tilesets": [source]})

    assert made.bands[0].dtype == np.uint8
    assert (int(made.bands[0].load()[0][0, 0]), mask(made).tolist()) == (3, [[1, 0]])


def test_integers_of_64_bits_cannot_be_ingested(write: Write, ingest: Any) -> None:
    write("a.tif", np.zeros((2, 2), "int64"))

    with pytest.raises(ExportRefused, match="int64 cannot be ingested"):
        ingest(t=["a.tif"])


def test_a_place_can_be_given_that_the_file_lacks(write: Write, ingest: Any) -> None:
    write("a.tif", np.zeros((2, 2), "uint8"), crs=None)
    where = {"scaleX": 1, "translateX": 7, "scaleY": -1, "translateY": 50}
    source = {"uris": ["gs://b/a.tif"], "affineTransform": where}

    with pytest.raises(ExportRefused, match="no coordinate reference system"):
        ingest(t=["a.tif"])
    made = ingest({"tilesets": [{"crs": "EPSG:4326", "sources": [source]}]})

    assert (made.bands[0].grid.crs, made.bands[0].grid.transform) == (
        "EPSG:4326",
        (1, 0, 7, 0, -1, 50),
    )


def test_a_footprint_is_given_in_pixels(write: Write, ingest: Any) -> None:
    degrees = {"crs": CRS.from_epsg(4326), "transform": Affine(1, 0, 10, 0, -1, 50)}
    write("a.tif", np.zeros((4, 4), "uint8"), **degrees)
    ring = [(0, 0), (0, 2), (2, 2), (0, 0)]

    made = ingest({"footprint": {"points": [{"x": x, "y": y} for x, y in ring]}}, t=["a.tif"])

    corners = [[10, 50], [10, 48], [12, 48], [10, 50]]
    assert made.geometry == {"type": "Polygon", "coordinates": [corners]}


def test_what_is_no_geotiff_is_named(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "a.tif").write_text("no image")

    with pytest.raises(ExportRefused, match=r"Unable to open a\.tif\."):
        ingest(t=["a.tif"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tilesets": []}, "at least one source"),
        ({"tilesets": [{"sources": [{"uris": []}]}]}, "at least one URI"),
        ({"tilesets": [{"sources": [{"uris": ["a.tif"]}]}]}, "only gs://"),
        ({"bands": [{"id": "x"}, {"id": "x"}]}, "Duplicate band ID 'x'"),
        ({"bands": [{"tilesetId": "t"}]}, "Must specify one of id"),
        ({"bands": [{"id": "x", "tilesetId": "other"}]}, "Unknown tileset 'other'"),
        ({"maskBands": [{"tilesetId": "t"}, {"tilesetId": "u"}]}, "more than one mask"),
        ({"maskBands": [{"tilesetId": "t", "bandIds": ["y"]}]}, "Unknown band 'y'"),
        ({"properties": {"list": [1]}}, "properties must be strings or numbers"),
        ({"properties": {"flag": True}}, "properties must be strings or numbers"),
        ({"missing_data": {"value": 3}}, 'Unknown name "value" at'),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused_before_any_file_is_read(
    ingest: Any, fields: dict[str, Any], words: str
) -> None:
    known: dict[str, Any] = {"bands": [{"id": "x", "tilesetId": "t"}]}

    with pytest.raises(BadRequest, match=words):
        ingest({**known, **fields}, t=["a.tif"], u=["b.tif"])
