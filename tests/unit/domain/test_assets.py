"""Assets: what Earth Engine says, read with all that it leaves out."""

from __future__ import annotations

import pytest

from geesync.domain.assets.asset import Band, SourceAsset


@pytest.mark.parametrize(
    ("precision", "low", "high", "pixel_type"),
    [
        ("INT", 0, 1, "uint8"),
        ("INT", 0, 255, "uint8"),
        ("INT", -1, 127, "int8"),
        ("INT", -1, 128, "int16"),
        ("INT", 0, 256, "uint16"),
        ("INT", -32_768, 32_767, "int16"),
        ("INT", -1, 65_535, "int32"),
        ("INT", 0, 4_294_967_295, "uint32"),
        ("INT", -1, 4_294_967_295, "float64"),
        ("INTEGER", 0, 255, "uint8"),
        ("FLOAT", 0, 1, "float32"),
        ("DOUBLE", 0, 1, "float64"),
        ("SOMETHING_NEW", 0, 1, "float64"),
    ],
)
def test_a_band_is_exported_as_the_smallest_type_that_holds_it(
    precision: str, low: int, high: int, pixel_type: str
) -> None:
    declared = {"min": low, "max": high} if low else {"max": high}  # as proto3 leaves zeros out

    band = Band.from_json({"id": "b", "dataType": {"precision": precision, "range": declared}})

    assert band.pixel_type == pixel_type


def test_a_folder_without_update_time_has_a_revision_that_moves_with_what_is_said() -> None:
    folder = {"name": "projects/p/assets/f", "type": "FOLDER"}

    revisions = {
        SourceAsset(folder).revision,
        SourceAsset({**folder, "properties": {"a": 1}}).revision,
    }

    assert len(revisions) == 2


def test_the_quotas_counters_are_no_change() -> None:
    root = {"name": "projects/p/assets", "type": "FOLDER"}

    assert SourceAsset(root).revision == SourceAsset({**root, "quota": {"used": "5"}}).revision


def test_the_update_time_is_the_revision_word_for_word() -> None:
    assert SourceAsset({"updateTime": "2024-01-01T00:00:00.123456789Z"}).revision == (
        "2024-01-01T00:00:00.123456789Z"
    )


def test_of_a_table_without_a_count_nobody_knows_how_many_rows_it_has() -> None:
    assert SourceAsset({"type": "TABLE"}).feature_count is None
    assert SourceAsset({"type": "TABLE", "featureCount": "12"}).feature_count == 12
    assert SourceAsset({"type": "IMAGE"}).feature_count is None


def test_nothing_said_is_no_error() -> None:
    asset = SourceAsset({})

    assert (asset.name, asset.size_bytes, asset.bands) == ("", 0, ())
    assert not asset.is_container
