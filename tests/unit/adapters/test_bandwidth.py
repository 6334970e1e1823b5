"""One allowance for all downloads, by a clock that only the test moves."""

from __future__ import annotations

import pytest

from geesync.adapters.transfer.bandwidth import Bandwidth, Metered
from geesync.errors import RemoteError


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Bytes:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


def always() -> bool:
    return True


def test_bytes_come_at_the_rate_after_a_first_burst_of_a_second() -> None:
    time, sink = Time(), Bytes()
    metered = Metered(sink, Bandwidth(lambda: 1000.0, time.sleep, lambda: time.now), always)

    for _ in range(110):
        metered.write(b"x" * 100)

    assert len(sink.data) == 11_000
    assert time.now - 100 == pytest.approx(10.0, abs=0.3)


def test_without_a_limit_nothing_waits() -> None:
    time = Time()

    Bandwidth(lambda: None, time.sleep, lambda: time.now).take(10**12, always)

    assert time.now == 100


def test_a_limit_that_is_lifted_frees_who_waits() -> None:
    time = Time()
    bandwidth = Bandwidth(lambda: 1.0 if time.now < 102 else None, time.sleep, lambda: time.now)

    bandwidth.take(10**9, always)

    assert time.now == pytest.approx(102, abs=0.3)


def test_a_stop_ends_the_wait() -> None:
    time = Time()
    bandwidth = Bandwidth(lambda: 1.0, time.sleep, lambda: time.now)

    with pytest.raises(RemoteError, match="stopped"):
        bandwidth.take(10**9, lambda: time.now < 103)

    assert time.now == pytest.approx(103, abs=0.3)
