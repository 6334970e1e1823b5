"""Numbers as people read them."""

from __future__ import annotations

import pytest

from geesync.domain.messages.words import counted, masks_text


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 assets"), (1, "1 asset"), (2, "2 assets"), (1.4, "1 asset"), (12_345, "12,345 assets")],
)
def test_one_thing_is_told_in_the_singular_and_any_other_number_in_the_plural(
    count: float, told: str
) -> None:
    assert counted(count, "asset") == told


def test_what_is_more_than_a_noun_is_told_in_both_numbers() -> None:
    assert counted(1, "copy is", "copies are") == "1 copy is"
    assert counted(3, "copy is", "copies are") == "3 copies are"


def test_the_bands_whose_masks_lost_their_fractions_are_named_a_few_of_many() -> None:
    many = [f"b{number}" for number in range(1, 8)]

    assert masks_text([], []) == ""
    assert masks_text(["b1"], ["b2", "b3"]) == (
        "fractions count as valid in b1; may count as valid in b2, b3"
    )
    assert masks_text([], many) == (
        "fractions may count as valid in b1, b2, b3, b4, b5 and 2 others"
    )
