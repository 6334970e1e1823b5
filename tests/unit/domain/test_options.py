"""Options of a root: what is refused, what is inherited, and what the filters leave out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.choices.options import Options
from geesync.errors import UserError

ROOT = "projects/earthengine-legacy/assets/users/x"


def asset(below: str, kind: str = "IMAGE", **told: str) -> SourceAsset:
    return SourceAsset({"name": f"{ROOT}/{below}".rstrip("/"), "type": kind, **told})


def taken(options: Options, *below: str) -> list[str]:
    return [path for path in below if not options.leaves_out(asset(path), ROOT)]


def test_without_filters_all_is_taken() -> None:
    assert taken(Options(), "a", "b/c") == ["a", "b/c"]


def test_a_root_that_is_named_passes_its_own_filters() -> None:
    strict = Options(include=("nothing",), exclude=("*",), types=("TABLE",))

    assert not strict.leaves_out(asset(""), ROOT)


def test_excluding_a_folder_excludes_what_lies_below_it() -> None:
    options = Options(exclude=("drafts/",))

    assert taken(options, "a", "drafts/a", "b/drafts/c") == ["a"]
    assert options.leaves_out(asset("drafts", "FOLDER"), ROOT) == "excluded by a pattern"
    assert not options.leaves_out(asset("drafts", "IMAGE"), ROOT)


def test_patterns_are_those_of_gitignore() -> None:
    options = Options(exclude=("/top", "**/tmp_*", "years/*", "!years/2024"))

    assert taken(options, "top", "in/top", "a/tmp_1", "years/2023", "years/2024") == [
        "in/top",
        "years/2024",
    ]


def test_what_is_included_may_lie_in_any_container() -> None:
    options = Options(include=("final/**",), types=("IMAGE",))

    assert taken(options, "final/a", "other/a") == ["final/a"]
    assert not options.leaves_out(asset("other", "FOLDER"), ROOT)
    assert options.leaves_out(asset("final/t", "TABLE"), ROOT) == "of type TABLE"


def test_an_asset_is_dated_by_what_it_shows_and_else_by_its_last_change() -> None:
    options = Options.model_validate({"newer_than": "2020-01-01", "older_than": "2021-01-01"})
    shows = asset("a", startTime="2020-06-01T00:00:00Z", updateTime="2025-01-01T00:00:00.123456Z")
    changed = asset("b", updateTime="2025-01-01T00:00:00.123456Z")

    assert not options.leaves_out(shows, ROOT)
    assert options.leaves_out(changed, ROOT) == "of 2025-01-01, not before 2021-01-01"
    assert not options.leaves_out(asset("c"), ROOT)


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 # made aware below
def test_newer_than_and_older_than_the_same_date_part_everything(when: datetime) -> None:
    dated = asset("a", startTime=when.replace(tzinfo=UTC).isoformat())
    newer = Options.model_validate({"newer_than": "2020-01-01"})
    older = Options.model_validate({"older_than": "2020-01-01"})

    assert bool(newer.leaves_out(dated, ROOT)) != bool(older.leaves_out(dated, ROOT))


def test_a_root_keeps_only_what_was_chosen_for_it_and_inherits_the_rest() -> None:
    configured = Options(masks="separate", priority=3)

    kept = configured.chosen({"types": "image, table", "newer_than": "2020-01-01"})
    options = configured.over(kept)

    assert set(kept) == {"types", "newer_than"}
    assert options.types == ("IMAGE", "TABLE")
    assert options.newer_than == datetime(2020, 1, 1, tzinfo=UTC)
    assert (options.masks, options.priority) == ("separate", 3)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"colour": "none"}, "`colour`: unknown option"),
        ({"masks": "some"}, "`masks`"),
        ({"types": "IMAGES"}, "`types`"),
        ({"tables": "shp"}, "`tables`"),
        ({"tables": ()}, "`tables`"),
        ({"newer_than": "yesterday"}, "a date is needed"),
        ({"keep_versions": -1}, "`keep_versions`"),
        ({"include": ("!",)}, "`include`"),
    ],
)
def test_what_is_unknown_or_impossible_is_refused_in_one_line(
    given: dict[str, object], named: str
) -> None:
    with pytest.raises(UserError) as refused:
        Options().chosen(given)

    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
