"""What Cloud Storage says of a bucket: where it is, and how soon it deletes what is staged."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from geesync.adapters.storage.bucket_settings import settings_from
from geesync.domain.restore.files import is_near_enough


@pytest.mark.parametrize(
    ("told", "near"),
    [
        ({"location": "US"}, True),
        ({"location": "us-central1"}, True),
        ({"location": "NAM4"}, True),
        ({"location": "EU"}, False),
        ({"location": "US-EAST1"}, False),
        ({"location": "US", "pair": ["US-CENTRAL1", "US-EAST1"]}, True),
        ({"location": "US", "pair": ["US-WEST1", "US-EAST1"]}, False),
        ({}, True),  # a service that does not say; Earth Engine will
    ],
)
def test_external_images_may_stay_in_buckets_that_are_near(
    told: dict[str, Any], *, near: bool
) -> None:
    pair = {"customPlacementConfig": {"dataLocations": told["pair"]}} if "pair" in told else {}

    settings = settings_from({"location": told.get("location"), **pair})

    assert is_near_enough(settings.locations) is near


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ({"age": 3}, 3),
        ({"age": 0}, 0),
        ({"createdBefore": "2026-06-01"}, None),  # nothing that is uploaded from today on
        ({"createdBefore": "2026-06-02", "age": 4}, 4),
        ({"matchesPrefix": ["geesync"]}, 0),
        ({"age": 3, "matchesPrefix": ["x/", "geesync-restore/0"]}, 3),
        ({"age": 3, "matchesPrefix": ["geesync/"]}, None),
        ({"age": 3, "matchesSuffix": [".log", ".csv"]}, 3),
        ({"age": 3, "matchesSuffix": ["0.tif"]}, 3),
        ({"age": 3, "matchesSuffix": [".log"]}, None),
        ({"age": 3, "matchesStorageClass": ["STANDARD"]}, 3),
        ({"age": 3, "matchesStorageClass": ["ARCHIVE"]}, None),
        ({"age": 3, "matchesStorageClass": ["COLDLINE"]}, 3),  # another rule moves it there
        ({"age": 3, "isLive": True}, 3),
        ({"age": 3, "isLive": False}, None),
        ({"age": 3, "numNewerVersions": 2}, None),
        ({"daysSinceNoncurrentTime": 1}, None),
        ({"noncurrentTimeBefore": "2027-01-01"}, None),
        ({"daysSinceCustomTime": 0}, None),
        ({"customTimeBefore": "2027-01-01"}, None),
        ({"age": 3, "ofNextYear": True}, 3),
    ],
)
def test_a_rule_takes_what_is_staged_if_all_its_conditions_may_hold(
    condition: dict[str, Any], days: int | None
) -> None:
    later = {"action": {"type": "SetStorageClass", "storageClass": "COLDLINE"}, "condition": {}}
    rules = [{"action": {"type": "Delete"}, "condition": condition}, later]

    settings = settings_from({"storageClass": "STANDARD", "lifecycle": {"rule": rules}})

    assert settings.deletes_after_days("geesync-restore/", date(2026, 6, 1)) == days
