"""The audit tells what an export makes apart from who asks for it, and how often."""

from __future__ import annotations

from geesync.simulator.exports.exporting import _form

BODY = {
    "requestId": "a",
    "description": "first",
    "expression": {"result": "0"},
    "fileExportOptions": {
        "fileFormat": "GEO_TIFF",
        "cloudStorageDestination": {"bucket": "b", "filenamePrefix": "first/img"},
    },
}


def test_two_asks_for_the_same_have_one_form_and_other_files_another() -> None:
    again = BODY | {
        "requestId": "b",
        "description": "second",
        "fileExportOptions": {
            "fileFormat": "GEO_TIFF",
            "cloudStorageDestination": {"bucket": "b", "filenamePrefix": "second/img"},
        },
    }
    other = BODY | {"fileExportOptions": {"fileFormat": "TF_RECORD_IMAGE"}}

    assert _form(BODY) == _form(again)
    assert _form(other) != _form(BODY)
