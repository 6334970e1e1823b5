from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.mirror.plan import Lessons, Plan
from geesync.domain.mirror.planning import cut_before, going_on, plan
from geesync.domain.tasks.exports import Part

FULL = {"precision": "INT", "range": {"max": 255}}
NARROW = {"precision": "INT", "range": {"max": 10000}}
TYPES: dict[str, dict[str, Any]] = {
    "byte": FULL,
    "narrow": NARROW,
    "short": {"precision": "INT", "range": {"min": -32768, "max": 32767}},
    "float": {"precision": "FLOAT"},
    "double": {"precision": "DOUBLE"},
    "array": {"precision": "FLOAT", "dimensionsCount": 1},
}


def a_band(name: str, kind: str = "byte", width: int = 10) -> dict[str, Any]:
    grid = {
        "crsCode": "EPSG:4326",
        "dimensions": {"width": width, "height": 10},
        "affineTransform": {"scaleX": 1, "scaleY": -1},
    }
    return {"id": name, "dataType": TYPES[kind], "grid": grid}


def an_image(*bands: dict[str, Any]) -> SourceAsset:
    return SourceAsset({"name": "projects/p/assets/i", "type": "IMAGE", "bands": list(bands)})


bands = st.lists(
    st.tuples(st.sampled_from(sorted(TYPES)), st.sampled_from([10, 20])), min_size=1, max_size=8
).map(lambda given: [a_band(f"b{n}", *kind) for n, kind in enumerate(given)])


@given(bands=bands, mode=st.sampled_from(["nodata", "separate", "none"]))
def test_every_flat_band_is_in_one_data_part_that_holds_its_grid(
    bands: list[dict[str, Any]], mode: str
) -> None:
    image = an_image(*bands)

    made = plan(image, Options(masks=mode))

    taken = [band for part in made.parts if not part.of_masks for band in part.bands]
    assert sorted(taken) == sorted(b.id for b in image.bands if not b.array_dimensions)
    grids = {band.id: band.grid for band in image.bands}
    assert all(part.grid == grids[band] for part in made.parts for band in part.bands)
    keys = [part.key for part in made.parts]
    assert len(set(keys)) == len(keys)
    assert all(len(key) <= 64 for key in keys), "it becomes part of a file's name"
    arrays = [band for band in image.bands if band.array_dimensions]
    assert sum("arrays" in reason for reason in made.left) == len(arrays)


def test_a_table_comes_as_csv_and_geojson() -> None:
    parts = plan(SourceAsset({"type": "TABLE", "name": "t"})).parts

    assert [part.extension for part in parts] == ["csv", "geojson"]


def test_the_geojson_of_which_geoparquet_is_made_is_taken_unasked() -> None:
    table = SourceAsset({"type": "TABLE", "name": "t"})

    made = plan(table, Options(tables=("geoparquet",)))

    assert [part.extension for part in made.parts] == ["geojson"]
    assert made.left == ()


@pytest.mark.parametrize("kind", ["FOLDER", "IMAGE_COLLECTION"])
def test_a_container_has_nothing_to_export_and_lacks_nothing(kind: str) -> None:
    planned = plan(SourceAsset({"type": kind, "name": "c"}))

    assert (planned.parts, planned.left) == ((), ())


@pytest.mark.parametrize("kind", ["CLASSIFIER", "FEATURE_VIEW", "SOMETHING_NEW"])
def test_what_has_no_form_as_a_file_is_left_out_by_name(kind: str) -> None:
    planned = plan(SourceAsset({"type": kind, "name": "c"}))

    assert planned.parts == ()
    assert kind in planned.left[0]


def test_an_image_of_one_kind_is_one_part_without_a_key() -> None:
    made = plan(an_image(a_band("a"), a_band("b")))

    assert [part.key for part in made.parts] == [""]


def test_bands_that_cannot_share_a_sentinel_are_in_parts_of_their_own() -> None:
    made = plan(an_image(a_band("a", "short"), a_band("b", "byte"), a_band("c", "narrow")))

    assert {part.key: part.bands for part in made.parts} == {
        "int32": ("a",),
        "int16": ("b",),
        "uint16": ("c",),
    }


def test_masks_of_doubles_are_a_part_beside_the_data() -> None:
    made = plan(an_image(a_band("a", "double"), a_band("b")))

    assert [(part.key, part.bands, part.of_masks) for part in made.parts] == [
        ("float64", ("a",), False),
        ("int16", ("b",), False),
        ("mask", ("a",), True),
    ]


def test_masks_that_are_not_kept_are_told() -> None:
    made = plan(an_image(a_band("a")), Options(masks="none"))

    assert made.left == ('masks are not kept, as masks = "none" asks',)


def test_integers_beyond_a_double_are_told() -> None:
    wide = {**a_band("a"), "dataType": {"precision": "INT", "range": {"max": 2**60}}}

    made = plan(an_image(wide))

    assert [part.pixel_type for part in made.parts] == ["float64"]
    assert "2⁵³" in made.left[0]


def test_a_sentinel_that_was_data_is_not_tried_again() -> None:
    image = an_image(a_band("a", "narrow"))
    (first,) = plan(image).parts

    made = plan(image, lessons=Lessons(disproved=(first,)))

    assert [(part.key, part.sentinel) for part in made.parts] == [("", None), ("mask", None)]


def failing(image: SourceAsset, bad: str, times: int) -> list[Plan]:
    """Return the plans that follow each other while parts that hold a band fail."""
    plans, failed = [plan(image)], list[Part]()
    for _ in range(times):
        failed += [part for part in plans[-1].parts if bad in part.bands]
        plans.append(plan(image, lessons=Lessons(too_much=tuple(failed))))
    return plans


def test_what_was_too_much_is_halved_and_the_good_half_stays_the_same() -> None:
    image = an_image(*(a_band(name) for name in "abcd"))

    plans = failing(image, "a", 3)

    assert [{part.key: "".join(part.bands) for part in made.parts} for made in plans] == [
        {"": "abcd"},
        {"bands_a": "ab", "bands_b": "cd"},
        {"bands_aa": "a", "bands_ab": "b", "bands_b": "cd"},
        {"bands_aa": "a", "bands_ab": "b", "bands_b": "cd"},
    ]
    assert [part.tile_edge for part in plans[3].parts] == [8192, None, None]
    assert plans[2].parts[2] == plans[3].parts[2]


def test_a_single_band_comes_in_ever_smaller_files() -> None:
    plans = failing(an_image(a_band("a")), "a", 4)

    assert [made.parts[0].tile_edge for made in plans] == [None, 8192, 2048, 512, 512]


@given(bands=bands, data=st.data())
def test_a_plan_is_known_again_by_the_forms_of_its_parts(
    bands: list[dict[str, Any]], data: st.DataObject
) -> None:
    image, failed = an_image(*bands), list[Part]()
    for _ in range(data.draw(st.integers(0, 5))):
        parts = plan(image, lessons=Lessons(too_much=tuple(failed))).parts
        failed += data.draw(st.lists(st.sampled_from(parts), max_size=1)) if parts else []
    parts = plan(image, lessons=Lessons(too_much=tuple(failed))).parts

    too_much = cut_before(image, Options(), [part.form for part in parts])

    assert too_much is not None
    assert plan(image, lessons=Lessons(too_much)).parts == parts


def test_forms_that_no_plan_has_are_not_known() -> None:
    image = an_image(a_band("b"), a_band("c"))

    assert cut_before(image, Options(), [("bands_a", "tif", None)]) is None
    assert cut_before(image, Options(), [("", "tif", 1000)]) is None
    assert cut_before(image, Options(), []) is None


# --- What was begun before the plan was made.


def a_part(*bands: str, sentinel: float | None = None, of_masks: bool = False) -> Part:
    key = "-".join([*bands, *["mask"] * of_masks])
    return Part(key, "tif", bands, sentinel=sentinel, of_masks=of_masks)


def test_what_was_begun_with_another_sentinel_goes_on() -> None:
    begun, other = a_part("b", sentinel=-1), a_part("c", sentinel=-2)

    made = going_on(Plan((a_part("b", sentinel=-9), other)), [begun])

    assert made.parts == (begun, other)


def test_what_was_begun_as_a_piece_of_what_is_now_whole_is_dropped() -> None:
    whole = Plan((a_part("b", "c"),))

    assert going_on(whole, [a_part("b")]) == whole


def test_what_was_begun_under_the_name_that_another_part_now_has_is_dropped() -> None:
    now = Plan((Part("int32", "tif", ("b",)), Part("float64", "tif", ("c",))))

    assert going_on(now, [Part("int32", "tif", ("c",))]) == now


def test_data_is_not_taken_for_its_masks() -> None:
    data, masks = a_part("b"), a_part("b", of_masks=True)

    assert going_on(Plan((data, masks)), [masks]).parts == (masks, data)


def test_each_form_of_a_table_is_a_part_of_its_own() -> None:
    csv, geojson = Part("", "csv", columns=("a",)), Part("", "geojson")

    assert going_on(Plan((Part("", "csv"), geojson)), [csv]).parts == (csv, geojson)
