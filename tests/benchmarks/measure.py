"""What a process costs from its start to its end: time, processor, memory, with all it starts."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What one run cost."""

    wall_s: float
    cpu_s: float  #: user and system, of the process and of all that it started and waited for
    peak_bytes: int  #: resident memory of its largest process
    sync_s: float = 0.0  #: how long the disk took afterwards, until all was on it
    others_cpu_s: float = 0.0  #: of the servers, meanwhile

    @property
    def durable_s(self) -> float:
        """Time until the work would survive a power cut."""
        return self.wall_s + self.sync_s


class FailedError(Exception):
    """A program that is measured did not do its work: its figures would be lies."""


@dataclass(frozen=True)
class Contender:
    """A program that does the work of a benchmark.

    prepare: before each run, not measured. done: after it; raises FailedError unless all is there.
    """

    name: str
    prepare: Callable[[], None]
    argv: Sequence[str]
    done: Callable[[], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    running: Callable[[Cost, str], Cost] | None = None  #: its cost without its start, by its log


@dataclass
class Rounds:
    """What every contender cost, round by round; the first is ours."""

    costs: dict[str, list[Cost]] = field(default_factory=dict)

    def median(self, name: str, what: Callable[[Cost], float]) -> float:
        """Return the median over the rounds."""
        return statistics.median(what(cost) for cost in self.costs[name])

    def ratio(self, name: str, what: Callable[[Cost], float]) -> float:
        """Return the median over the rounds of theirs to ours, each pair from one round."""
        ours = next(iter(self.costs.values()))
        pairs = zip(ours, self.costs[name], strict=True)
        return statistics.median(what(their) / what(our) for our, their in pairs)


def run(
    argv: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    servers: Sequence[int] = (),
    sync: Path | None = None,
) -> Cost:
    """Run a program to its end and return what it cost. Raises FailedError with its last words.

    servers: process ids whose CPU is counted apart. sync: a folder whose file system is synced
    afterwards. Memory below that of this process itself cannot be seen, so it must stay small.
    """
    served_s = cpu_of(servers)
    with log.open("w") as out:
        began = time.monotonic()
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **(environment or {})},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise FailedError(f"{argv[0]} ended with {process.returncode}: {log.read_text()[-2000:]}")
    if sync is not None:
        subprocess.run(["sync", "-f", sync], check=True)
    return Cost(
        wall_s,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
        sync_s=time.monotonic() - began - wall_s,
        others_cpu_s=cpu_of(servers) - served_s,
    )


def alternate(
    contenders: Sequence[Contender],
    rounds: int,
    measure: Callable[[Contender], Cost],
    log: Path,
    say: Callable[[str], None],
) -> Rounds:
    """Run all contenders once a round, in turn and every other round in reverse.

    What else the machine does then meets them all alike. log: of the last run.
    """
    told = Rounds()
    for contender in contenders:
        if contender.running:
            told.costs[f"{contender.name}, running"] = []
        told.costs[contender.name] = []
    for number in range(rounds):
        for contender in contenders[:: -1 if number % 2 else 1]:
            contender.prepare()
            cost = measure(contender)
            contender.done()
            told.costs[contender.name].append(cost)
            if contender.running:
                running = contender.running(cost, log.read_text())
                told.costs[f"{contender.name}, running"].append(running)
            say(f"  {contender.name}: {cost.wall_s:.2f} s, CPU {cost.cpu_s:.2f} s")
    return told


def without_start(cost: Cost, log: str) -> Cost:
    """Return what the step took by itself: a daemon starts once, not for each pass."""
    return replace(cost, **json.loads(log.splitlines()[-1]))


def cpu_of(pids: Sequence[int]) -> float:
    """Return the CPU seconds that living processes, and what they waited for, used so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(int(text) for text in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Return a process and its living children."""
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid, *map(int, told.split())]
