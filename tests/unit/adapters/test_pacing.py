"""Pacing: how fast we ask, by a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from geesync.adapters.google.pacing import AtOnce, Pacer
from geesync.errors import Cause, RemoteError


class Time:
    """A clock whose sleepers wake at once."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pacer(self, **how: float) -> Pacer:
        return Pacer(**how, sleep=self.sleep, monotonic=lambda: self.now)  # type: ignore[arg-type] # numbers by name


@pytest.fixture
def time() -> Time:
    return Time()


def failing(*errors: RemoteError) -> Callable[[], str]:
    """Return a call that fails in these ways, one after the other, and then answers."""
    left = list(errors)

    def ask() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return ask


def busy(retry_after_s: float | None = None) -> RemoteError:
    return RemoteError(Cause.TRANSIENT, "busy", status=429, retry_after_s=retry_after_s)


def down() -> RemoteError:
    return RemoteError(Cause.TRANSIENT, "down", status=503)


def test_calls_are_spaced_evenly(time: Time) -> None:
    pacer = time.pacer(requests_per_s=10)

    for _ in range(11):
        pacer(failing())

    assert time.now == pytest.approx(101.0)


def test_a_moments_failure_is_tried_again(time: Time) -> None:
    assert time.pacer(tries=3)(failing(down(), down())) == "answer"


def test_what_lasts_longer_is_raised(time: Time) -> None:
    with pytest.raises(RemoteError, match="down"):
        time.pacer(tries=3)(failing(down(), down(), down()))


def test_a_refusal_is_not_repeated(time: Time) -> None:
    refused = RemoteError(Cause.PERMISSION, "no", status=403)

    with pytest.raises(RemoteError, match="no"):
        time.pacer(tries=3)(failing(refused))

    assert time.slept == []


def test_too_many_requests_halve_the_rate_and_it_recovers_slowly(time: Time) -> None:
    pacer = time.pacer(requests_per_s=64)

    pacer(failing(busy()))
    slowed = pacer.rate_per_s
    for _ in range(10):
        pacer(failing())

    assert slowed == pytest.approx(32, rel=0.05)
    assert slowed < pacer.rate_per_s < 64


def test_the_rate_never_falls_to_nothing(time: Time) -> None:
    pacer = time.pacer(requests_per_s=64, tries=50)

    pacer(failing(*[busy()] * 49))

    assert pacer.rate_per_s >= 1


def test_an_outage_does_not_lower_the_rate(time: Time) -> None:
    pacer = time.pacer(requests_per_s=64)

    pacer(failing(down()))

    assert pacer.rate_per_s == 64


def test_it_waits_as_long_as_the_answer_asks_for(time: Time) -> None:
    time.pacer()(failing(busy(retry_after_s=20)))

    assert time.now - 100 >= 20


def test_no_answer_can_make_it_wait_for_ever(time: Time) -> None:
    """A thread that waits cannot be stopped, so what is longer is left to the ledger."""
    time.pacer()(failing(busy(retry_after_s=10**9)))

    assert time.now - 100 <= 60


def test_failures_wait_longer_each_time_and_never_beyond_the_cap(time: Time) -> None:
    pacer = time.pacer(requests_per_s=10**6, tries=12)

    pacer(failing(*[down()] * 11))

    waits = [wait for wait in time.slept if wait > 0.1]
    assert max(waits) < 30.1
    assert waits[-1] > waits[0]


def test_one_failure_holds_the_others_back_too(time: Time) -> None:
    pacer = time.pacer(tries=1, requests_per_s=10**6)
    with pytest.raises(RemoteError):
        pacer(failing(down()))

    held = time.pacer(tries=2, requests_per_s=10**6)
    held(failing(down()))

    assert time.now > 100.2


def test_a_refusal_halves_how_many_are_on_their_way_once_for_all_that_met_it() -> None:
    at_once = AtOnce(16)

    for _ in range(16):
        at_once.failed(busy(), began=100.0, now=101.0)

    assert at_once.now == 8


def test_one_that_began_after_a_refusal_halves_again_but_never_to_none() -> None:
    at_once = AtOnce(4)

    for second in range(10):
        at_once.failed(busy(), began=second, now=second)

    assert at_once.now == 1


def test_answers_let_one_more_on_its_way_by_and_by() -> None:
    at_once = AtOnce(8)
    at_once.failed(busy(), began=0.0, now=0.0)

    for _ in range(4):
        at_once.succeeded()
    after_some = at_once.now
    for _ in range(100):
        at_once.succeeded()

    assert (after_some, at_once.now) == (4, 8)


def test_only_being_too_many_halves() -> None:
    at_once = AtOnce(8)

    at_once.failed(down(), began=0.0, now=0.0)

    assert at_once.now == 8
