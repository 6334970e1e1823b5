from __future__ import annotations

from typing import Any

import pytest

from geesync.simulator.messages import schemas
from geesync.simulator.messages.reading import parse
from geesync.simulator.refusals import BadRequest

GRAPH = {"result": "0", "values": {"0": {"constantValue": 1}}}
FILES = {"cloudStorageDestination": {"bucket": "b", "filenamePrefix": "p"}}


def image_export(**fields: Any) -> dict[str, Any]:
    return {"expression": GRAPH, "fileExportOptions": FILES, **fields}


def test_an_unknown_field_is_named_with_its_place() -> None:
    body = image_export(grid={"crsCode": "EPSG:4326", "affineTransfrom": {}})

    with pytest.raises(BadRequest) as refusal:
        parse(schemas.EXPORT_IMAGE, body)

    assert refusal.value.message == (
        "Invalid JSON payload received. Unknown name \"affineTransfrom\" at 'grid':"
        " Cannot find field."
    )


def test_places_are_named_as_in_the_protocol_buffer() -> None:
    body = image_export(fileExportOptions={**FILES, "geoTiffOptions": {"shardSize": 1}})

    with pytest.raises(BadRequest, match=r"at 'file_export_options\.geo_tiff_options'"):
        parse(schemas.EXPORT_IMAGE, body)


@pytest.mark.parametrize("value", [100, "100", {"value": 100}, {"value": "100"}])
def test_numbers_may_come_wrapped_or_bare(value: Any) -> None:
    parsed = parse(schemas.EXPORT_IMAGE, image_export(maxPixels=value))

    assert parsed["maxPixels"] == 100


@pytest.mark.parametrize("value", ["many", True, 1.5, 1 << 63, {"value": "x"}])
def test_other_things_are_no_numbers(value: Any) -> None:
    with pytest.raises(BadRequest, match="Invalid value at 'max_pixels"):
        parse(schemas.EXPORT_IMAGE, image_export(maxPixels=value))


def test_only_one_member_of_a_union_may_be_set() -> None:
    drive = {**FILES, "driveDestination": {"folder": "f"}}

    with pytest.raises(BadRequest, match="oneof"):
        parse(schemas.EXPORT_IMAGE, image_export(fileExportOptions=drive))


def test_one_member_of_a_union_must_be_set() -> None:
    with pytest.raises(BadRequest, match="cloudStorageDestination"):
        parse(schemas.EXPORT_IMAGE, image_export(fileExportOptions={"fileFormat": "GEO_TIFF"}))


@pytest.mark.parametrize(
    "graph",
    [
        {"result": "1", "values": {"0": {"constantValue": 1}}},
        {"result": "0", "values": {"0": {"valueReference": "2"}}},
        {"result": "0", "values": {"0": {}}},
        {"result": "0", "values": {"0": {"constantValue": 1, "integerValue": "1"}}},
        {"result": "0", "values": {"0": {"functionInvocationValue": {"arguments": {}}}}},
        {},
    ],
)
def test_a_malformed_expression_is_refused(graph: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        parse(schemas.EXPORT_IMAGE, {"expression": graph, "fileExportOptions": FILES})


@pytest.mark.parametrize("request_id", ["a b", "x" * 61, "ä"])
def test_a_request_id_of_other_characters_is_refused(request_id: str) -> None:
    with pytest.raises(BadRequest, match="request_id"):
        parse(schemas.EXPORT_IMAGE, image_export(requestId=request_id))


def test_both_forms_of_an_update_mask_are_read() -> None:
    as_object = parse(schemas.PATCH_ASSET, {"updateMask": {"paths": ["a", "b"]}})
    as_text = parse(schemas.PATCH_ASSET, {"updateMask": "a,b"})

    assert as_object == as_text == {"updateMask": ["a", "b"]}
