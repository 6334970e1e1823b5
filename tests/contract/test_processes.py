"""Processes that do work on bytes beside the daemon: what one dies of, and how all of them end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from geesync.adapters.executors.processes import ProcessExecutor
from geesync.adapters.storage.stores import Access, of_worker
from geesync.errors import Cause, RemoteError
from tests.contract.workload import a_mistake, die_once, do, nothing, rate, source_keeps_on
from tests.service.daemon_process import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessExecutor]:
    """Two of them, that know these tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    with ProcessExecutor("daemon", 2, begin=nothing) as processes:
        yield processes


def answers(
    processes: ProcessExecutor, *items: object, go_on: Callable[[], object] = nothing
) -> list[object]:
    """Return what became of items, in order."""
    told = [one for some in processes.do(do, items, go_on) for one in some]
    return [answer for _, answer in sorted(told, key=lambda one: one[0])]


def test_a_process_answers_what_it_finds_and_is_kept_for_the_next_work(
    processes: ProcessExecutor,
) -> None:
    first, length = answers(processes, (os.getpid,), (len, "x" * 2**20))
    (second,) = answers(processes, (os.getpid,))

    assert length == 2**20
    assert first == second != os.getpid()


@pytest.mark.parametrize(
    ("deadly", "told"),
    [
        ((os.abort,), "died of SIGABRT"),
        ((os._exit, 3), "ended with 3"),
    ],
    ids=["killed", "ended"],
)
def test_what_a_process_dies_of_is_told_of_the_item_that_did_it_and_of_no_other(
    processes: ProcessExecutor, deadly: tuple[object, ...], told: str
) -> None:
    first, second, third = answers(processes, (len, "a"), deadly, (len, "word"))

    assert (first, third) == (1, 4)
    assert isinstance(second, RemoteError)
    assert second.cause == Cause.CRASHED
    assert told in str(second)


def test_a_process_that_the_system_killed_once_costs_no_item_its_good_name(
    processes: ProcessExecutor, tmp_path: Path
) -> None:
    assert answers(processes, (die_once, tmp_path / "mark")) == ["alive"]


def test_what_takes_more_memory_than_there_is_fails_by_itself(processes: ProcessExecutor) -> None:
    with pytest.raises(RemoteError, match="more memory than there is") as failed:
        answers(processes, (bytearray, 2**31))

    assert failed.value.cause == Cause.CRASHED


def test_a_mistake_of_ours_is_told_and_the_process_lives(
    processes: ProcessExecutor, capfd: pytest.CaptureFixture[str]
) -> None:
    (before,) = answers(processes, (os.getpid,))

    with pytest.raises(RemoteError, match="ValueError") as failed:
        answers(processes, (int, "no number"))
    (((_, told),),) = processes.do(a_mistake, ["img"], nothing)

    assert failed.value.cause == Cause.BUG
    assert isinstance(told, RemoteError)
    assert (told.cause, str(told)) == (Cause.BUG, "KeyError: 'oops'")
    assert answers(processes, (os.getpid,)) == [before]
    logged = capfd.readouterr().err
    assert "ValueError" in logged
    assert "oops" in logged


class Moved:
    """What a process cannot read that runs other code than the daemon: it was updated meanwhile."""

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, ("geesync.moved_elsewhere",)


def test_work_that_a_process_cannot_read_is_told_as_a_mistake_of_ours(
    processes: ProcessExecutor,
) -> None:
    asked = iter(range(20))

    with pytest.raises(RemoteError, match="moved_elsewhere") as failed:
        answers(processes, (len, Moved()), go_on=lambda: next(asked))

    assert failed.value.cause == Cause.BUG
    assert answers(processes, (len, "word")) == [4]


def test_a_system_that_lets_no_process_begin_is_waited_for(
    processes: ProcessExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/program")

    with pytest.raises(RemoteError, match="no process can begin") as failed:
        answers(processes, (len, "a"))

    assert failed.value.cause == Cause.TRANSIENT


def test_who_asks_no_more_has_the_work_left_in_order(processes: ProcessExecutor) -> None:
    source = of_worker(Access("daemon", "demo-project", None, None, 30.0))
    working = processes.do(source_keeps_on, [source], nothing)
    ((_, pid),) = next(working)

    working.close()

    with pytest.raises(ProcessLookupError):
        os.kill(int(str(pid)), 0)
    assert answers(processes, (os.getpid,)) != [pid]


def test_a_stop_ends_what_is_at_work(processes: ProcessExecutor) -> None:
    def stop() -> None:
        raise RemoteError(Cause.TRANSIENT, "stopped")

    with pytest.raises(RemoteError, match="stopped"):
        answers(processes, (time.sleep, 600), go_on=stop)


def test_what_is_typed_at_the_daemons_terminal_is_the_daemons_to_hear(
    processes: ProcessExecutor,
) -> None:
    assert answers(processes, (os.getpgrp,)) != [os.getpgrp()]


def test_those_at_work_share_the_bandwidth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    source = of_worker(Access("daemon", "demo-project", None, None, 30.0))
    with ProcessExecutor("daemon", 2, begin=nothing, rate=lambda: 1000.0) as processes:
        assert [*processes.do(rate, [0], nothing)] == [[(0, 1000.0)]]

        other = processes.do(source_keeps_on, [source], nothing)
        next(other)

        assert [*processes.do(rate, [0], nothing)] == [[(0, 500.0)]]
        other.close()


def test_a_process_that_had_nothing_to_do_for_a_while_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    clock = [0.0]
    with ProcessExecutor("daemon", 1, begin=nothing, monotonic=lambda: clock[0]) as processes:
        (pid,) = answers(processes, (os.getpid,))
        processes.rest()
        assert answers(processes, (os.getpid,)) == [pid]

        clock[0] = 60.0
        processes.rest()

        with pytest.raises(ProcessLookupError):
            os.kill(int(str(pid)), 0)


DAEMON = """
import os, sys
from geesync.adapters.executors.processes import ProcessExecutor
from tests.contract.workload import source_keeps_on, nothing
from geesync.adapters.storage.stores import Access, of_worker

source = of_worker(Access("daemon", "demo-project", None, None, 30.0))
executor = ProcessExecutor("daemon", 1, begin=nothing)
((_, pid),) = next(executor.do(source_keeps_on, [source], lambda: None))
print(pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_process_ends_with_a_daemon_that_is_killed() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", DAEMON],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    pid = int(killed.stdout)

    assert killed.returncode == -signal.SIGKILL

    def is_gone() -> bool:
        with suppress(ProcessLookupError, FileNotFoundError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return True

    eventually(is_gone)
