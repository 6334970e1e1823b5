"""Whole accounts on the simulator: what geesync costs for each asset, and what others cost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import children_of

ARCHIVE = "projects/demo-project/assets/archive"


@dataclass(frozen=True)
class Account:
    """A running simulator, and a folder for everything that is made of its account."""

    folder: Path
    pid: int
    told: dict[str, Any]

    @property
    def work(self) -> Path:
        """A folder that is emptied before each run."""
        return self.folder / "work"

    def clear(self) -> None:
        """Begin with nothing.

        What is there is kept aside: where files were just deleted, ext4 takes several times as
        long to make one, since it passes over their inodes for minutes.
        """
        if self.work.exists():
            self.work.rename(self.folder / f"before{len(list(self.folder.iterdir()))}")
        self.work.mkdir()

    def servers(self) -> list[int]:
        """Return the ids of the processes that serve, but for the bucket's."""
        return children_of(self.pid)

    def bucket(self) -> list[int]:
        """Return the ids of the processes behind the bucket; a shell started them."""
        _, *guards = children_of(self.pid)
        return [pid for guard in guards for pid in children_of(guard)]

    def geesync(self, *command: str) -> list[str]:
        """Return a geesync command that works on this account."""
        config = self.folder / "geesync.toml"
        config.write_text(
            f'ledger = "{self.work}/geesync.db"\n'
            f'mirror = "{self.work}/mirror"\n'
            f'bucket = "{self.told["bucket"]}"\nway = "bucket"\n'
            "[earth_engine]\n"
            f'project = "{self.told["project"]}"\n'
            f'url = "{self.told["earth_engine"]}"\n'
            "[storage]\n"
            f'url = "{self.told["storage"]}"\n'
            "[throttle]\n"
            "reserve = 0\nrequests_per_s = 100000\nmax_operations = 3000\n"
            'submit_wait = "0s"\n'
            "[schedule]\n"
            'reconcile = "1s"\n'
        )
        return [sys.executable, "-m", "geesync", "--config", str(config), *command]

    def earthengine(self, *command: str) -> list[str]:
        """Return an ``earthengine`` command that asks this account."""
        program = [str(Path(sys.executable).with_name("earthengine"))]
        key = ["--service_account_file", str(self.folder / "key.json")]
        return [*program, *key, "--project", self.told["project"], *command]


@contextmanager
def account(scenario: str, folder: Path) -> Iterator[Account]:
    """Start a simulator; all that was made of its account is removed at the end."""
    folder.mkdir()
    argv = [sys.executable, "-m", "tests.benchmarks.simulated", scenario, str(folder)]
    process = subprocess.Popen(argv)
    try:
        while not (folder / "simulator.json").exists():
            if process.poll() is not None:
                raise RuntimeError("the simulator does not start")
            time.sleep(0.05)
        told = json.loads((folder / "simulator.json").read_text())
        yield Account(folder, process.pid, told)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
