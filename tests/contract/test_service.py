"""What is known of Earth Engine itself, asked as any client would ask it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from tests.contract.own_assets import BANDS, VALID
from tests.live.account import Account, Answer, function, grid, to_asset


def test_what_is_missing_is_told_in_known_words(account: Account) -> None:
    answer = account.call("GET", f"{account.folder}/nothing")

    assert answer.status == 404
    assert "does not exist or doesn't allow this operation" in answer.message


def test_an_unknown_field_is_refused_by_name(account: Account) -> None:
    body = {**to_asset(f"{account.folder}/x"), "nonsense": "x"}

    answer = account.call("POST", f"projects/{account.project}/image:export", body)

    assert answer.status == 400
    assert 'Unknown name "nonsense"' in answer.message


def refused(account: Account, properties: dict[str, Any]) -> Answer:
    """Return how a collection with these properties is refused."""
    name = f"{account.folder}/{account.fresh()}"
    answer = account.create(name, {"type": "IMAGE_COLLECTION", "properties": properties})
    assert answer.status == 400
    return answer


def test_a_property_of_the_systems_own_is_refused(account: Account) -> None:
    answer = refused(account, {"system:x": 1})

    assert "must contain only letters, digits, and underscores" in answer.message


@pytest.mark.parametrize(
    "properties", [{"k" * 111: 1}, {"k": "x" * 1025}], ids=["key of 111", "text of 1,025"]
)
def test_what_is_too_long_is_refused(account: Account, properties: dict[str, Any]) -> None:
    refused(account, properties)


def test_the_longest_key_and_text_come_back(account: Account) -> None:
    name, told = f"{account.folder}/{account.fresh()}", {"k" * 110: "x" * 1024, "n": 1.5}

    assert account.create(name, {"type": "IMAGE_COLLECTION", "properties": told}).ok

    assert account.call("GET", name).body["properties"] == told


def test_a_container_that_is_not_empty_is_not_deleted(account: Account, scenes: str) -> None:
    assert account.call("DELETE", scenes).status == 400
    assert account.call("GET", f"{scenes}/a").ok


def test_an_asset_is_not_overwritten_by_a_copy(account: Account, image: str, scenes: str) -> None:
    answer = account.call("POST", f"{scenes}/a:copy", {"destinationName": image})

    assert not answer.ok
    assert "Cannot overwrite asset" in answer.message


def test_a_copy_keeps_pixels_and_properties(account: Account, image: str) -> None:
    copied = f"{account.folder}/{account.fresh()}"

    assert account.call("POST", f"{image}:copy", {"destinationName": copied}).ok

    first, second = (account.call("GET", name).body for name in (image, copied))
    assert [first[key] for key in ("bands", "properties")] == [
        second[key] for key in ("bands", "properties")
    ]
    pixels = [account.pixels(name, grid()).content for name in (image, copied)]
    assert pixels[0] == pixels[1]


def test_get_pixels_has_the_values_that_were_exported_and_zeros_where_they_are_masked(
    account: Account, image: str
) -> None:
    found = np.load(io.BytesIO(account.pixels(image, grid()).content))

    assert found.dtype.names == tuple(BANDS)
    for name, (_, pixels) in BANDS.items():
        valid = VALID if name == "byte" else True
        np.testing.assert_array_equal(found[name], np.where(valid, pixels, 0))


@pytest.mark.costs(tasks=1)
def test_a_band_is_not_named_by_a_number(account: Account) -> None:
    image = function("Image.rename", input=function("Image.constant", value=7), names=["1999"])
    body = to_asset(f"{account.folder}/{account.fresh()}", image=image)

    answer = account.start("image:export", body)

    told = account.ended(answer)["error"]["message"] if answer.ok else answer.message
    assert "Band ID" in told
