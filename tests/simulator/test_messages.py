from __future__ import annotations

from typing import Any

import pytest

from geesync.simulator.messages import schemas
from geesync.simulator.messages.json_text import read_json
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


def chain(length: int) -> dict[str, Any]:
    """Return an expression of values that each need the one before."""
    values = {str(n): {"valueReference": str(n - 1)} for n in range(1, length)}
    return {"result": str(length - 1), "values": {"0": {"constantValue": 1}, **values}}


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ({"result": "0", "values": {"0": {"valueReference": "0"}}}, "refers to itself"),
        ({"result": "0", "values": {"0": {"valueReference": "9"}}}, "unknown value '9'"),
        ({"result": "x", "values": {}}, "unknown value 'x'"),
        (chain(3000), "3000 calls deep"),
    ],
)
def test_an_expression_that_leads_nowhere_or_too_deep_is_refused(
    expression: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        parse(schemas.EXPORT_IMAGE, image_export(expression=expression))


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 50_000,
        b'{"a":' * 150 + b"1" + b"}" * 150,
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"\xff",
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_of_the_service_s_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="Invalid JSON payload received"):
        read_json(raw)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("2024-02-03T00:00:00Z", "2024-02-03T00:00:00Z"),
        ("2024-02-03T01:00:00.25+01:00", "2024-02-03T00:00:00.250000Z"),
        ({"seconds": 1706918400}, "2024-02-03T00:00:00Z"),
        ({"seconds": "1706918400", "nanos": 250_000_000}, "2024-02-03T00:00:00.250000Z"),
    ],
)
def test_a_time_may_be_told_in_several_ways(told: Any, kept: str) -> None:
    body = {"type": "IMAGE_COLLECTION", "startTime": told}

    assert parse(schemas.ASSET, body)["startTime"] == kept


@pytest.mark.parametrize("told", ["soon", "2024-02-03", "2024-13-01T00:00:00Z", {"seconds": 1e18}])
def test_what_is_no_time_is_refused_when_it_is_written(told: Any) -> None:
    with pytest.raises(BadRequest, match="timestamp"):
        parse(schemas.ASSET, {"type": "IMAGE_COLLECTION", "startTime": told})
