"""Where a bucket is, as Cloud Storage describes it, and whether external images may stay there."""

from __future__ import annotations

from typing import Any

import pytest

from geesync.adapters.storage.bucket import settings_from
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
