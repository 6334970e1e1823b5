"""A box on which pages are tried, with stand-ins for what is Google's or root's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from geesync.simulator.simulator import Simulator

STAND_INS = Path(__file__).parent / "stand_ins"

#: Folders of the system: in a test they lie in a folder of its own.
_SYSTEM = ("/etc/geesync", "/etc/systemd", "/srv/", "/opt/", "/usr/local/", "/var/lib/", "/backup")


@dataclass
class Machine:
    """A box on which a page is tried; everything on it lies below one folder."""

    folder: Path
    simulator: Simulator
    said: dict[str, str] = field(
        default_factory=dict
    )  #: what a reader fills in, by what stands there

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.home.mkdir(parents=True)
        (self.folder / "usr/local/bin").mkdir(parents=True)
        self.key = self.simulator.write_credentials(self.folder / "made.json")

    def run(self, *scripts: str) -> subprocess.CompletedProcess[str]:
        """Run blocks in one shell that ends at the first command that fails."""
        text = "\n".join(scripts)
        for there, here in self.said.items():
            assert there in text, f"{there} does not stand there any more"
            text = text.replace(there, here)
        for place in _SYSTEM:
            text = text.replace(place, f"{self.folder}{place}")
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.home,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def _environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GEESYNC_")}
        return clean | {
            "PATH": f"{STAND_INS}:{self.folder}/usr/local/bin:{clean['PATH']}",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "STAND_IN_ROOT": str(self.folder),
            "STAND_IN_PYTHON": sys.executable,
            "STAND_IN_KEY": str(self.key),
            "STAND_IN_ADDRESS": self.simulator.earth_engine_url,
            "STAND_IN_STORAGE": self.simulator.storage_url,
            "NO_COLOR": "1",
        }

    def done(self) -> list[str]:
        """Return what the stand-ins were asked for, in order."""
        log = self.folder / "asked"
        return log.read_text().splitlines() if log.exists() else []

    def mode(self, path: str) -> str:
        """Return a file's permissions, as ls shows them."""
        return stat.filemode((self.folder / path).stat().st_mode)
