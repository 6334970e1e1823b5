"""``python -m tests.benchmarks.growth``: what geesync costs, from 1,000 assets to a million.

For each size: the real daemon scans an account of so many images on the simulator; then the ledger
is brought to the end of the work, as the steps would write it but without files; then everything
that people and machines ask is asked of it. Writes docs/benchmarks.md with its pictures anew after
each size; what was measured is beside it as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from geesync.simulator.wire.serving import reserve_port
from tests.benchmarks.growth_report import report
from tests.benchmarks.report import machine
from tests.benchmarks.worked_through import work_through

ROOT = "projects/demo-project/assets/archive"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
PAGES = ("/", "/assets", "/status.json", "/metrics", "/healthz")

#: What is installed is compiled; what runs from a checkout is too, unless this forbids it.
_AS_INSTALLED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Growth:
    """What so many assets cost."""

    assets: int
    scan_s: float = 0.0
    scan_cpu_s: float = 0.0
    rescan_s: float = 0.0
    rescan_cpu_s: float = 0.0
    scan_requests: int = 0  #: to Earth Engine
    rescan_requests: int = 0
    rescan_bytes: int = 0  #: that a scan of an unchanged account wrote into the ledger's log
    peak_bytes: int = 0  #: resident memory of the daemon
    found_bytes: int = 0  #: of the ledger, when all was found
    done_bytes: int = 0  #: of the ledger, when all was verified
    answers_s: dict[str, float] = field(default_factory=dict)  #: by question, the quickest of five
    ready_s: float = 0.0  #: from the daemon's start until it is ready, the ledger checked
    idle_cpu: float = 0.0  #: share of one processor while there is nothing to do
    idle_bytes: int = 0
    idle_requests: int = 0
    over_time: list[tuple[float, float, float]] = field(default_factory=list)
    """(s since the start, CPU s, resident bytes) of the daemon during its scan."""


class Account:
    """A simulator in a process of its own, with as many images."""

    def __init__(self, images: int, folder: Path) -> None:
        argv = ["simulator", "--scenario", f"million:{images}", "--speed", "1"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "geesync", *argv], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        told = [self.process.stdout.readline() for _ in range(7)]
        self.url, self.storage_url = (line.split('"')[1] for line in told if "url" in line)
        self.config = folder / "geesync.toml"
        self.ledger = folder / "geesync.db"
        self._reserved = reserve_port()
        self.page = f"127.0.0.1:{self._reserved.getsockname()[1]}"
        self.config.write_text(
            f'ledger = "{self.ledger}"\nmirror = "{folder / "mirror"}"\nbucket = "demo-bucket"\n'
            'way = "bucket"\n'
            f'[earth_engine]\nproject = "demo-project"\nurl = "{self.url}"\n'
            f'[storage]\nurl = "{self.storage_url}"\n'
            "[throttle]\nmax_staged = 0\n"  # nothing is exported: the scan alone is measured
            f'[web]\nlisten = "{self.page}"\n[log]\nlevel = "info"\nformat = "json"\n'
        )
        # A rule that never fires counts what it would hit.
        rule = {"action": "status", "server": "earth_engine", "count": 0}
        self._control("POST", rule)

    def requests(self) -> int:
        """Return how many requests Earth Engine got so far."""
        faults = self._control("GET")["faults"]
        return int(faults[0]["seen"])

    def _control(self, method: str, body: Any = None) -> Any:
        return httpx.request(method, f"{self.url}/-/faults", json=body).raise_for_status().json()

    def geesync(self, *arguments: str) -> str:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "geesync", *arguments],
            env={**_AS_INSTALLED, "GEESYNC_CONFIG": str(self.config)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    @contextmanager
    def daemon(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run the daemon, once it is ready."""
        with log.open("wb") as lines:
            process = subprocess.Popen(
                [sys.executable, "-m", "geesync", "daemon"],
                env={**_AS_INSTALLED, "GEESYNC_CONFIG": str(self.config)},
                stderr=lines,
            )
        try:
            while "daemon_started" not in log.read_text():
                assert process.poll() is None, log.read_text()
                time.sleep(0.01)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        self._reserved.close()


def usage(pid: int) -> tuple[float, int]:
    """Return a process's CPU time in s, and its resident memory in bytes."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * os.sysconf("SC_PAGESIZE")


def measure(images: int, folder: Path, idle_s: float) -> Growth:
    """Measure one size."""
    growth = Growth(images)
    account = Account(images, folder)
    try:
        account.geesync("enqueue", ROOT)
        before = account.requests()
        with account.daemon(folder / "scan.log") as process:
            growth.scan_s, growth.scan_cpu_s = _scan(account, process.pid, growth, 1)
            growth.found_bytes = account.ledger.stat().st_size
            growth.scan_requests = _settled(account) - before
            _rescan(account, process.pid, growth)
        say(f"found {images:,}: {growth.scan_s:.1f} s, {growth.peak_bytes / 2**20:.0f} MiB")
        work_through(account.ledger)
        growth.done_bytes = account.ledger.stat().st_size
        say(f"worked through: {growth.done_bytes / images:.0f} bytes an asset")
        _ask(account, folder, growth, idle_s)
    finally:
        account.close()
    return growth


def _scan(account: Account, pid: int, growth: Growth, number: int) -> tuple[float, float]:
    """Follow the daemon to the end of its n-th scan; return its time and its CPU time, in s."""
    began = time.monotonic()
    cpu_before, _ = usage(pid)
    while len(_told(account, "scan_finished")) < number:
        time.sleep(0.2)
        cpu_s, resident = usage(pid)
        growth.peak_bytes = max(growth.peak_bytes, resident)
        growth.over_time.append((time.monotonic() - began, cpu_s, resident))
    spent_s = usage(pid)[0] - cpu_before
    started, finished = (_told(account, name)[-1] for name in ("scan_started", "scan_finished"))
    return (finished - started).total_seconds(), spent_s


def _told(account: Account, event: str) -> list[datetime]:
    """Return when the daemon logged an event."""
    lines = account.config.with_name("scan.log").read_text().splitlines()
    events = [json.loads(line) for line in lines if f'"{event}"' in line and line[-1] == "}"]
    return [datetime.fromisoformat(one["timestamp"]) for one in events]


def _settled(account: Account) -> int:
    """Return how many requests there were, once there are no more: those for containers' rights."""
    before, now = -1, account.requests()
    while before != now:
        time.sleep(2)
        before, now = now, account.requests()
    return now


def _rescan(account: Account, pid: int, growth: Growth) -> None:
    wal = account.ledger.with_name("geesync.db-wal")
    written, before = wal.stat().st_size, account.requests()
    account.geesync("enqueue", ROOT)
    growth.rescan_s, growth.rescan_cpu_s = _scan(account, pid, Growth(0), 2)
    growth.rescan_requests = account.requests() - before
    growth.rescan_bytes = max(wal.stat().st_size - written, 0)


def _ask(account: Account, folder: Path, growth: Growth, idle_s: float) -> None:
    """Let the daemon be; then ask all that is ever asked, while it runs."""
    began = time.monotonic()
    with account.daemon(folder / "idle.log") as process:
        growth.ready_s = time.monotonic() - began
        time.sleep(min(idle_s, 20))  # what the start left to do
        cpu_s, _ = usage(process.pid)
        before = account.requests()
        time.sleep(idle_s)
        after_s, growth.idle_bytes = usage(process.pid)
        growth.idle_cpu = (after_s - cpu_s) / idle_s if idle_s else 0.0
        growth.idle_requests = account.requests() - before
        for command in (["status"], ["status", "--json"]):
            growth.answers_s[f"geesync {' '.join(command)}"] = _quickest(
                lambda command=command: account.geesync(*command)
            )
        for page in PAGES:
            growth.answers_s[page] = _quickest(lambda page=page: _get(account.page + page))


def _quickest(ask: Any) -> float:
    times = []
    for _ in range(5):
        began = time.monotonic()
        ask()
        times.append(time.monotonic() - began)
    return min(times)


def _get(page: str) -> None:
    httpx.get(f"http://{page}", timeout=60).raise_for_status()


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every size, and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--idle-s", type=float, default=60.0, help="how long to watch it idle")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()),
        help="where ledgers are made; for the largest 3 GB",
    )
    parser.add_argument("--to", type=Path, default=PAGE, help="the page to put the results into")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    if not given.to.exists():
        given.to.write_text(PAGE.read_text())
    grown = []
    for size in given.sizes:
        with tempfile.TemporaryDirectory(prefix="geesync-growth-", dir=given.folder) as folder:
            grown.append(asdict(measure(size, Path(folder), given.idle_s)))
        measured = given.to.with_suffix(".json")
        told = {"machine": machine([given.folder]), "sizes": grown}
        measured.write_text(json.dumps(told, indent=1) + "\n")
        report(measured, given.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
