"""Names: whatever a person pastes becomes one canonical name, or one clear refusal."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.names import (
    LEGACY,
    candidates,
    display_id,
    is_root,
    is_within,
    parent_of,
)
from geesync.errors import UserError

COMPONENT = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
PROJECT = st.from_regex(r"[a-z][a-z0-9-]{4,20}[a-z0-9]", fullmatch=True)
BELOW = st.lists(COMPONENT, min_size=1, max_size=5).map("/".join)
LEGACY_IDS = st.builds("users/{}".format, BELOW)
CLOUD_NAMES = st.builds("projects/{}/assets/{}".format, PROJECT, BELOW)


@pytest.mark.parametrize(
    ("given_root", "names"),
    [
        ("users/x", (LEGACY + "users/x",)),
        (" users/x/a/ ", (LEGACY + "users/x/a",)),
        ("projects/my-project/assets/a", ("projects/my-project/assets/a",)),
        ("projects/my-project/assets", ("projects/my-project/assets",)),
        ("projects/my-project", ("projects/my-project/assets", LEGACY + "projects/my-project")),
        ("projects/example.com:my-project/assets/a", ("projects/example.com:my-project/assets/a",)),
        ("projects/shor", (LEGACY + "projects/shor",)),
        ("projects/12345/assets/a", (LEGACY + "projects/12345/assets/a",)),
        ("projects/sat/assets/a", (LEGACY + "projects/sat/assets/a",)),
        (LEGACY + "users/x/a", (LEGACY + "users/x/a",)),
        ("https://code.earthengine.google.com/?asset=users/x/a", (LEGACY + "users/x/a",)),
        (
            "https://code.earthengine.google.com/?asset=projects%2Fmy-project%2Fassets%2Fa&x=1",
            ("projects/my-project/assets/a",),
        ),
    ],
)
def test_every_way_to_name_a_root_has_its_canonical_names(
    given_root: str, names: tuple[str, ...]
) -> None:
    assert candidates(given_root) == names


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        " ",
        "/",
        "users",
        "projects",
        "users//x",
        "users/../x",
        "users/x/./a",
        "LANDSAT/LC08",
        "x",
        "https://example.com/?asset=users/x",
        "https://code.earthengine.google.com/",
        "https://code.earthengine.google.com/?asset=",
    ],
)
def test_what_is_no_root_is_refused_in_one_line(nonsense: str) -> None:
    with pytest.raises(UserError) as refusal:
        candidates(nonsense)

    assert "\n" not in str(refusal.value)


@given(st.one_of(LEGACY_IDS, CLOUD_NAMES))
def test_a_canonical_name_stays_what_it_is(root: str) -> None:
    name = candidates(root)[0]

    assert candidates(name) == (name,)
    assert candidates(display_id(name)) == (name,)


@given(st.one_of(LEGACY_IDS, CLOUD_NAMES))
def test_a_link_means_what_it_links_to(root: str) -> None:
    link = f"https://code.earthengine.google.com/?asset={quote(root, safe='')}"

    assert candidates(link) == candidates(root)


@given(st.text(max_size=60))
def test_any_text_is_names_or_a_refusal(text: str) -> None:
    try:
        names = candidates(text)
    except UserError:
        return

    assert names
    assert all(name.startswith("projects/") for name in names)


@given(st.one_of(LEGACY_IDS, CLOUD_NAMES), COMPONENT)
def test_a_child_lies_within_its_parent_and_a_neighbour_does_not(root: str, child: str) -> None:
    name = candidates(root)[0]

    assert parent_of(f"{name}/{child}") == name
    assert is_within(f"{name}/{child}", name)
    assert is_within(name, name)
    assert not is_within(f"{name}{child}", name)
    assert not is_within(name, f"{name}/{child}")


def test_the_top_of_an_account_is_told_from_what_lies_in_it() -> None:
    assert is_root("projects/my-project/assets")
    assert not is_root("projects/my-project/assets/a")
    assert is_root(LEGACY + "users/x")
    assert not is_root(LEGACY + "users/x/a")
