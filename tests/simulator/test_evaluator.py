"""The functions of Earth Engine that exports of assets use."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.simulator.computing.evaluator import check, evaluate
from geesync.simulator.computing.projections import Projection
from geesync.simulator.computing.scene import Scene
from geesync.simulator.refusals import BadRequest, ExportRefused
from geesync.simulator.scenarios.landscape import TYPES
from geesync.simulator.world.pixels import SimAsset, SimFeature, SimGrid
from tests.simulator.graphs import GRID, account, band, call, evaluated, graph, load, pixels

WHOLE_NUMBERS = {
    "Int8": (-128, 127),
    "Uint8": (0, 255),
    "Byte": (0, 255),
    "Int16": (-32768, 32767),
    "Uint16": (0, 65535),
    "Int32": (-(2**31), 2**31 - 1),
    "Uint32": (0, 2**32 - 1),
}


def test_an_image_is_what_its_asset_holds() -> None:
    result = evaluated(load(), band(np.arange(12).reshape(3, 4), mask=0.5))

    values, mask = pixels(result)

    assert values.dtype == np.uint8
    assert values.ravel().tolist() == list(range(12))
    assert (mask == 0.5).all()


def test_outside_of_an_image_everything_is_masked() -> None:
    wider = Projection(GRID.crs, GRID.transform).grid(-1, -1, 6, 5)

    values, mask = pixels(evaluated(load(), band(7)), wider)

    assert values[1:4, 1:5].tolist() == [[7] * 4] * 3
    assert mask.sum() == values.sum() / 7 == 12


@given(
    name=st.sampled_from(sorted(WHOLE_NUMBERS)),
    source=st.sampled_from(sorted(TYPES)),
    value=st.floats(-1e12, 1e12),
)
def test_casts_cut_fractions_off_and_stop_at_the_ends_of_the_type(
    name: str, source: str, value: float
) -> None:
    low, high = WHOLE_NUMBERS[name]
    precision, span = TYPES[source]
    stored = value if span is None else min(max(math.trunc(value), span[0]), span[1])
    result = evaluated(call(f"Image.to{name}", value=load()), band(stored, dtype=source))

    values, _ = pixels(result)

    exact = float(np.float32(stored)) if precision == "FLOAT" else stored
    assert values.dtype == result.bands[0].type.dtype
    assert values[0, 0] == min(max(math.trunc(exact), low), high)


def test_not_a_number_becomes_zero_as_a_whole_number() -> None:
    node = call("Image.toInt16", value=load())

    values, _ = pixels(evaluated(node, band(np.nan, dtype="float32")))

    assert values.tolist() == [[0] * 4] * 3


def test_unmasking_after_a_widening_cast_keeps_all_values_apart() -> None:
    every_byte = SimGrid(GRID.crs, GRID.transform, 256, 1)
    source = band(np.arange(256), mask=np.arange(256) % 2, grid=every_byte)
    node = call("Image.unmask", input=call("Image.toInt16", value=load()), value=-32768)

    values, mask = pixels(evaluated(node, source), every_byte)

    assert values.dtype == np.int16
    assert values[0, 1::2].tolist() == list(range(1, 256, 2))
    assert (values[0, ::2] == -32768).all()
    assert (mask == 1).all()


@pytest.mark.parametrize(
    ("dtype", "value", "widened"),
    [
        ("uint8", 255, "uint8"),
        ("uint8", -1, "int16"),
        ("int16", 40000, "int32"),
        ("uint32", -1, "float64"),
        ("float32", 5, "float32"),
        ("float32", 0.5, "float64"),
        ("float32", 2**40, "float64"),
        ("float64", 1, "float64"),
    ],
)
def test_unmasking_widens_to_a_type_that_holds_both(dtype: str, value: float, widened: str) -> None:
    node = call("Image.unmask", input=load(), value=call("Image.constant", value=value))

    result = evaluated(node, band(1, mask=[[1, 0, 1, 0]], dtype=dtype))

    values, _ = pixels(result)
    assert result.bands[0].type.dtype == widened
    assert values[0].tolist() == [1, value, 1, value]


def test_unmasking_leaves_half_masked_pixels_alone() -> None:
    node = call("Image.unmask", input=load(), value=9)

    values, mask = pixels(evaluated(node, band(4, mask=[[0, 0.25, 0.5, 1]])))

    assert values[0].tolist() == [9, 4, 4, 4]
    assert mask[0].tolist() == [1, 0.25, 0.5, 1]


@pytest.mark.parametrize(("same_footprint", "outside"), [(True, 0), (False, 1)])
def test_unmasking_fills_beyond_the_footprint_only_if_told(
    same_footprint: bool,  # noqa: FBT001 - a parameter of the table above
    outside: int,
) -> None:
    node = call("Image.unmask", input=load(), value=3, sameFootprint=same_footprint)
    beside = Projection(GRID.crs, GRID.transform).grid(4, 0, 2, 3)

    _, mask = pixels(evaluated(node, band(1)), beside)

    assert (mask == outside).all()


def test_the_mask_of_an_image_is_an_image_of_fractions() -> None:
    result = evaluated(call("Image.mask", image=load()), band(200, mask=[[0, 0.25, 0.5, 1]]))

    values, mask = pixels(result)

    assert values.dtype == np.float32
    assert values[0].tolist() == [0, 0.25, 0.5, 1]
    assert (mask == 1).all()


def test_a_new_mask_counts_where_the_old_one_lets_anything_through() -> None:
    new = call("Image.constant", value=0.5)
    node = call("Image.updateMask", image=load(), mask=new)

    _, mask = pixels(evaluated(node, band(1, mask=[[0, 0.25, 1, 1]])))

    assert mask[0].tolist() == [0, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("selectors", "names"),
    [(["B2"], ["B2"]), ([1], ["B2"]), (["B[12]"], ["B1", "B2"]), (["c", 0], ["c", "B1"])],
)
def test_bands_are_selected_by_name_position_or_pattern(
    selectors: list[Any], names: list[str]
) -> None:
    bands = [band(0, name=name) for name in ("B1", "B2", "c")]

    result = evaluated(call("Image.select", input=load(), bandSelectors=selectors), *bands)

    assert [b.id for b in result.bands] == names


def test_selecting_can_rename() -> None:
    node = call("Image.select", input=load(), bandSelectors=["b"], newNames=["x"])

    assert evaluated(node, band(0)).bands[0].id == "x"


def test_selecting_a_band_that_is_not_there_says_which_there_are() -> None:
    node = call("Image.select", input=load(), bandSelectors=["nope"])

    with pytest.raises(ExportRefused, match=r"'nope' did not match any bands.*\[b\]"):
        evaluated(node, band(0))


def test_bands_of_the_same_name_are_numbered_unless_they_replace() -> None:
    both = call("Image.addBands", dstImg=load(), srcImg=load())
    replaced = call("Image.addBands", dstImg=load(), srcImg=load(), overwrite=True)
    renamed = call("Image.rename", input=both, names=["x", "y"])

    assert [b.id for b in evaluated(both, band(0)).bands] == ["b", "b_1"]
    assert [b.id for b in evaluated(replaced, band(0)).bands] == ["b"]
    assert [b.id for b in evaluated(renamed, band(0)).bands] == ["x", "y"]


def test_bands_can_be_cast_one_by_one() -> None:
    node = call("Image.cast", image=load(), bandTypes={"x": "int8"}, bandOrder=["y", "x"])

    result = evaluated(node, band(200, name="x"), band(200, name="y"))

    read = [b.read(GRID).values for b in result.bands]
    assert [
        (b.id, v.dtype.name, int(v[0, 0])) for b, v in zip(result.bands, read, strict=True)
    ] == [
        ("y", "uint8", 200),
        ("x", "int8", 127),
    ]


def test_a_missing_image_is_reported_in_the_service_s_words() -> None:
    with pytest.raises(ExportRefused) as refusal:
        evaluated(load("projects/p/assets/x"))

    assert refusal.value.message == (
        "Image.load: Image asset 'projects/p/assets/x' not found"
        " (does not exist or caller does not have access)."
    )


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (call("Image.entropy", image=load()), r"'Image\.entropy' is not supported"),
        (call("Image.load"), r"Image\.load: Parameter 'id' is required"),
        (call("Image.mask", image=load(), masks=load()), r"Image\.mask: .*'masks'"),
    ],
)
def test_what_cannot_be_evaluated_is_a_bad_request(node: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        check(graph(node))


def test_arguments_of_the_wrong_kind_are_refused_by_name() -> None:
    node = call("Image.select", input="text", bandSelectors=["b"])

    with pytest.raises(ExportRefused, match=r"Image\.select: Parameter 'input'"):
        evaluated(node)


def test_the_columns_of_a_table_can_be_selected_as_the_client_does() -> None:
    # Captured from ee.FeatureCollection(…).select(["x"]).
    select = {
        "functionName": "Feature.select",
        "arguments": {
            "input": {"argumentReference": "_MAPPING_VAR_0_0"},
            "propertySelectors": {"constantValue": ["x"]},
            "retainGeometry": {"constantValue": True},
        },
    }
    definition = {"argumentNames": ["_MAPPING_VAR_0_0"], "body": "1"}
    mapped = {
        "functionName": "Collection.map",
        "arguments": {
            "baseAlgorithm": {"functionDefinitionValue": definition},
            "collection": call("Collection.loadTable", tableId="t"),
        },
    }
    values = {"0": {"functionInvocationValue": mapped}, "1": {"functionInvocationValue": select}}
    expression = {"result": "0", "values": values}
    rows = [SimFeature("0", None, {"x": 1, "y": 2}), SimFeature("1", None, {"y": 3})]
    table = SimAsset(name="t", type="TABLE", features=lambda: iter(rows))
    check(expression)

    result = evaluate(expression, Scene(account(t=table)))

    assert [row.properties for row in result.features()] == [{"x": 1}, {}]
