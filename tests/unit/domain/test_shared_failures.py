"""Failures of many in the same words: whose they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from geesync.domain.failures.shared_failures import (
    MANY,
    SharedFailureError,
    SharedFailures,
    Tried,
    general_words,
)
from geesync.errors import BugError, Cause, RemoteError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def failed(asset_id: int, words: str = "Odd.", place: str = "bucket") -> Tried:
    return Tried(asset_id, f"img{asset_id}", place, RemoteError(Cause.FAILED, words))


def succeeded(asset_id: int, place: str = "bucket") -> Tried:
    return Tried(asset_id, f"img{asset_id}", place, None)


def are_shared(
    failures: SharedFailures, *tried: Tried, now: datetime = NOW, halted: bool = False
) -> list[bool]:
    answers, _ = failures.judge(tried, now, halted=halted)
    return [isinstance(answer, SharedFailureError) for answer in answers]


@pytest.fixture
def failures() -> SharedFailures:
    return SharedFailures({Cause.FAILED})


def test_many_that_fail_alike_fail_of_the_world(failures: SharedFailures) -> None:
    assert are_shared(failures, *map(failed, range(MANY))) == [True] * MANY


def test_one_that_fails_often_fails_of_itself(failures: SharedFailures) -> None:
    for _ in range(20):
        assert are_shared(failures, failed(1)) == [False]


def test_those_that_were_blamed_before_it_was_plain_are_told_once(
    failures: SharedFailures,
) -> None:
    blamed = [failures.judge([failed(number)], NOW, halted=False)[1] for number in range(MANY + 1)]

    assert blamed == [set(), set(), {0, 1}, set()]


def test_what_fails_while_others_succeed_is_its_own_also_later(failures: SharedFailures) -> None:
    bad = [failed(number) for number in range(5)]

    assert not any(are_shared(failures, *bad, succeeded(9)))
    assert not any(are_shared(failures, *bad))


def test_success_in_another_bucket_proves_nothing(failures: SharedFailures) -> None:
    tried = [*map(failed, range(MANY)), succeeded(9, place="elsewhere")]

    assert are_shared(failures, *tried) == [True] * MANY + [False]


def test_what_is_far_apart_has_nothing_to_do_with_one_another(failures: SharedFailures) -> None:
    for day in range(10):
        assert are_shared(failures, failed(day), now=NOW + timedelta(days=day)) == [False]


def test_while_all_is_halted_nobody_is_blamed(failures: SharedFailures) -> None:
    assert are_shared(failures, failed(1), halted=True) == [True]


@pytest.mark.parametrize(
    "error", [RemoteError(Cause.PLAN, "too large"), BugError(Cause.FAILED, "oops"), ValueError()]
)
def test_what_is_known_stays_what_it_is(failures: SharedFailures, error: Exception) -> None:
    tried = [Tried(number, "img", "bucket", error) for number in range(5)]

    assert failures.judge(tried, NOW, halted=True) == ([error] * 5, set())


@pytest.mark.parametrize(
    "told",
    [
        "Unable to write gs://b/geesync/abc/{name}.tif now.",
        "Unable to write {name} now.",
        "Unable to write '{name} and more' now.",
        "Unable to write 17{number} now.",
        "Unable  to write\nnow.",
    ],
)
def test_words_are_the_same_whatever_the_asset_is_called(told: str) -> None:
    for number, name in enumerate(("elevation", "a", "img-7", "2020")):
        said = told.format(name=name, number=number)

        assert general_words(said, name) == "unable to write now."
