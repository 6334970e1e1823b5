"""Tools that nobody here wrote, each in an environment of its own, and a simulator for them.

The environments are made once and kept in a cache: ``$GEESYNC_CLIENTS``, by default
``~/.cache/geesync-clients``. Without a way to PyPI or npm, what needs them is skipped, aloud.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from geesync.simulator import Simulator
from geesync.simulator.wire import credentials

SCRIPTS = Path(__file__).with_name("scripts")
CACHE = Path(os.environ.get("GEESYNC_CLIENTS", Path.home() / ".cache" / "geesync-clients"))
TIMEOUT_S = 200
INSTALL_TIMEOUT_S = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these take a while, and may first install something."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(INSTALL_TIMEOUT_S + TIMEOUT_S))


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of this name in the cache; one that was not made whole is made anew."""
    folder = CACHE / name
    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        done.touch()
    return folder


def _installed(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or b""
        pytest.skip(f"cannot be installed: {error} {said.decode(errors='replace')[-300:]}")


def python_with(requirement: str) -> Path:
    """Return the interpreter of an environment that has just this package."""

    def make(folder: Path) -> None:
        uv = find_uv_bin()
        python = folder / "venv/bin/python"
        _installed([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")])
        _installed([uv, "pip", "install", "--quiet", "--python", str(python), requirement])

    name = f"{requirement}-{sys.version_info.major}.{sys.version_info.minor}"
    return _kept(name, make) / "venv" / "bin" / "python"


def node_packages_with(requirement: str) -> Path:
    """Return a folder whose ``node_modules`` has this package."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node with npm")

    def make(folder: Path) -> None:
        npm = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder)]
        _installed([*npm, requirement])

    return _kept(requirement.replace("/", "-"), make)


@dataclass
class Client:
    """A tool's home, and the account that it works on."""

    simulator: Simulator
    home: Path
    key: Path

    def run(self, *command: str | Path) -> str:
        """Run a command as its user would, and return what it printed."""
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "GEE_SERVICE_ACCOUNT": credentials.EMAIL,
            "GEE_SERVICE_ACCOUNT_KEY": str(self.key),
            **self.simulator.environment,
        }
        done = subprocess.run(
            command,
            env=environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def script(self, interpreter: str | Path, name: str, *arguments: str | Path) -> Any:
        """Run one of the scripts, and return the JSON that is its last line, if it is any."""
        account = self.simulator.earth_engine_url, self.simulator.project
        printed = self.run(interpreter, SCRIPTS / name, *account, *arguments)
        last = printed.strip().rpartition("\n")[2]
        return json.loads(last) if last.startswith("{") else None


@pytest.fixture
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    """A client of a small account, or of the scenario that the test names."""
    with Simulator(getattr(request, "param", "small")) as simulator:
        yield Client(simulator, tmp_path, simulator.write_credentials(tmp_path / "key.json"))
