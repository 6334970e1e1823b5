"""Layout: whatever an asset is called, its files lie inside the mirror under names of their own."""

from __future__ import annotations

import string
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geesync.domain.assets.names import LEGACY
from geesync.domain.mirror import layout
from geesync.domain.mirror.layout import (
    asset_path,
    distinct,
    escape,
    file_stem,
    is_unfinished,
)

ANY_NAME = st.text(min_size=1, max_size=40).filter(lambda text: "/" not in text)
LONG_NAME = st.text("aÄ漢.~", min_size=1, max_size=400)
SAFE = set(string.ascii_letters + string.digits + "_-%~")

#: What Linux holds in one component of a path.
LONGEST_BYTES = 255


@given(ANY_NAME)
@example("..")
@example(".")
@example("asset.json")
@example("a\x00b")
@example("\ud800")
@example("%2E%2E")
def test_a_name_becomes_one_harmless_component_that_can_be_read_back(name: str) -> None:
    component = escape(name)

    assert set(component) <= SAFE
    assert component
    if "~" not in component:
        assert unquote(component, errors="surrogatepass") == name


@given(ANY_NAME, ANY_NAME)
def test_two_names_never_share_a_component(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@given(LONG_NAME, LONG_NAME)
def test_long_names_stay_apart_too(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@given(LONG_NAME, st.integers(1, 9999))
@example("a" * 400, 100)
@example("a" * 150, 100)
def test_every_file_of_an_asset_fits_into_a_directory(name: str, grids: int) -> None:
    """Even that of a renamed asset with many parts and tiles, while it is on its way."""
    path = distinct(asset_path(f"{LEGACY}users/x/{name}"))
    stem = file_stem(path, f"grid{grids}-float64")
    longest = f"{stem}-{'0' * 10}-{'0' * 10}.tif.{'a' * 16}.{'a' * 6}{layout.PARTIAL}"

    assert len(longest.encode()) <= LONGEST_BYTES


def test_names_that_earth_engine_allows_stay_as_they_are() -> None:
    assert asset_path(LEGACY + "users/x/My_folder/img-1") == "users/x/My_folder/img-1"
    assert asset_path("projects/my-project/assets/a") == "projects/my-project/assets/a"


def test_what_differs_by_case_only_can_be_told_apart() -> None:
    assert distinct("users/x/A").casefold() != distinct("users/x/a").casefold()
    assert distinct("users/x/A") == distinct("users/x/A")
    assert distinct("users/x/a").startswith("users/x/a~")


def test_a_part_bears_the_assets_name_and_its_own_key() -> None:
    assert file_stem("users/x/img", "") == "img"
    assert file_stem("users/x/img", "grid2-uint16") == "img.grid2-uint16"


@given(ANY_NAME)
def test_no_asset_is_called_like_a_sidecar_or_a_file_in_the_making(name: str) -> None:
    assert "." not in escape(name)
    assert all("." in ending for ending in (layout.ASSET_JSON, layout.PARTIAL, layout.UNPROVED))


@pytest.mark.parametrize("name", ["con", "NUL", "Com1", "lpt9"])
def test_names_that_windows_keeps_for_devices_are_escaped_and_can_be_read_back(name: str) -> None:
    assert escape(name).upper() != name.upper()
    assert unquote(escape(name), errors="surrogatepass") == name
    assert escape(name + "x") == name + "x"


@given(st.lists(st.text("ab漢", min_size=1, max_size=300), min_size=1, max_size=60))
def test_no_path_outgrows_what_a_system_call_takes(components: list[str]) -> None:
    name = LEGACY + "users/x"
    path = asset_path(name)
    for component in components:
        name = f"{name}/{component}"
        path = asset_path(name, path)

    assert len(path) <= 2000
    assert path.startswith("users/x/")
    assert path.endswith(escape(components[-1]))


def test_what_lies_in_a_renamed_folder_follows_it() -> None:
    assert asset_path(f"{LEGACY}users/x/A/img", "users/x/A~0123") == "users/x/A~0123/img"


@pytest.mark.parametrize(
    ("file", "ours"),
    [
        ("img.tif.abcdefgh234567ab.part", True),
        ("img.tif.abcdefgh234567ab.abc234.part", True),
        ("img.tif.abcdefgh234567ab.new", True),
        ("img.tif", False),
        ("notes.part", False),
        ("abcdefgh234567ab.new", False),
    ],
)
def test_only_our_own_files_on_their_way_are_taken_for_such(file: str, ours: bool) -> None:  # noqa: FBT001 # a row of the table
    assert is_unfinished(file) is ours
