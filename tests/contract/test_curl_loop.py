"""Many exchanges by one thread: all end, each with its own word, whatever the others meet."""

from __future__ import annotations

import time
from collections.abc import Callable

import pycurl
import pytest

from geesync.adapters.transfer.curl_loop import STOPPED, Exchange, Turn, run
from geesync.adapters.transfer.libcurl import handle
from geesync.simulator.simulator import Simulator
from geesync.simulator.wire.serving import reserve_port

Ask = Callable[[str], pycurl.Curl]


@pytest.fixture
def ask(simulator: Simulator) -> Ask:
    """Set a handle up for an object of the bucket, whose content nobody wants."""

    def prepared(name: str) -> pycurl.Curl:
        curl = handle(timeout_s=30)
        curl.setopt(pycurl.URL, f"{simulator.storage_url}/download/storage/v1/b/x/o/{name}")
        curl.setopt(pycurl.WRITEFUNCTION, lambda _: None)
        return curl

    return prepared


async def exchange(curl: pycurl.Curl) -> str | None:
    return await Exchange(curl)


def test_answers_come_in_the_order_of_the_works(simulator: Simulator, ask: Ask) -> None:
    simulator.faults.add("reset", path="o/broken", after_bytes=0, count=None)

    told = run([exchange(ask(name)) for name in ("a", "broken", "b")], at_once=3)

    assert [bool(broken) for broken in told] == [False, True, False]


def test_no_more_are_begun_than_may_be_on_their_way(ask: Ask) -> None:
    begun, most = [0], [0]

    async def counted(name: str) -> None:
        begun[0] += 1
        most[0] = max(most[0], begun[0])
        await Exchange(ask(name))
        begun[0] -= 1

    run((counted(f"{number}") for number in range(10)), at_once=3)

    assert most == [3]


def test_who_waits_for_its_time_keeps_nobody_else(ask: Ask) -> None:
    ended: list[str] = []

    async def later() -> None:
        await Turn(time.monotonic() + 0.2, lambda _: ended.append("waited"))
        ended.append("later")

    async def now() -> None:
        await Exchange(ask("a"))
        ended.append("now")

    run([later(), now()], at_once=2)

    assert ended[0] == "now"
    assert ended[-1] == "later"


def test_a_wait_that_fails_is_heard_by_who_waits() -> None:
    def refuse(_: float) -> None:
        raise TimeoutError("the program ends")

    async def later() -> str:
        try:
            await Turn(time.monotonic() + 60, refuse)
        except TimeoutError as error:
            return str(error)
        return ""

    assert run([later()]) == ["the program ends"]


def test_a_stop_breaks_off_what_is_on_its_way(simulator: Simulator, ask: Ask) -> None:
    simulator.faults.add("stall", path="o/silent", after_bytes=0, seconds=60, count=None)
    works = (exchange(ask("silent")) for _ in range(3))

    assert run(works, at_once=3, stopping=lambda: True) == [STOPPED] * 3


def test_a_failure_of_one_gives_the_others_up(simulator: Simulator, ask: Ask) -> None:
    simulator.faults.add("stall", path="o/silent", after_bytes=0, seconds=60, count=None)
    given_up: list[str] = []

    async def silent() -> None:
        try:
            await Exchange(ask("silent"))
        finally:
            given_up.append("silent")

    async def failing() -> None:
        await Exchange(ask("a"))
        raise KeyError("a mistake")

    with pytest.raises(KeyError, match="a mistake"):
        run([silent(), failing()], at_once=2)

    assert given_up == ["silent"]
    assert run([exchange(ask("a"))]) == [None]


def test_a_server_that_is_not_there_is_told(ask: Ask) -> None:
    reserved = reserve_port()
    curl = ask("a")
    curl.setopt(pycurl.URL, f"http://127.0.0.1:{reserved.getsockname()[1]}/")

    (broken,) = run([exchange(curl)])

    reserved.close()
    assert broken is not None
    assert "connect" in broken
