"""A real systemd, booted over this machine's own files: nothing is downloaded, nothing is kept.

The root of the booted machine is an overlay over ours whose writes go to memory; its network is a
loopback of its own. Needs root, and Debian's systemd-container and dbus.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]

#: Where the booted machine sees the interpreter, its packages and the checkout: not in homes,
#: which the service cannot see, nor in /tmp, of which it has its own.
PYTHON, PACKAGES, SOURCE = "/opt/python", "/opt/packages", "/opt/checkout"
PROGRAM = "/opt/geesync/bin/geesync"

#: Units of the machine below that a test has no use for, and that would take their time.
_MASKED = ("postgresql", "docker", "containerd", "ssh", "cron", "apt-daily.timer", "networking")

_BOOT_S = 60.0


def why_not() -> str:
    """Return what is missing to boot; empty if nothing is."""
    if os.geteuid():
        return "needs root"
    missing = [name for name in ("systemd-nspawn", "nsenter", "dbus-daemon") if not which(name)]
    return f"needs {', '.join(missing)} (Debian: systemd-container dbus)" if missing else ""


def which(name: str) -> str | None:
    return shutil.which(name)


@dataclass
class Machine:
    """A booted machine."""

    root: Path  #: its files, as we see them
    leader: int  #: pid of its systemd, as we see it

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.leader), "-a", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}\n{self.journal()}")
        return done

    def says(self, *command: str) -> str:
        """Return what a command prints."""
        return self.run(*command).stdout.strip()

    def property(self, name: str, unit: str = "geesync") -> str:
        return self.says("systemctl", "show", "-P", name, unit)

    def journal(self, unit: str = "geesync") -> str:
        words = ("journalctl", "-u", unit, "--no-pager", "-o", "cat")
        return self.run(*words, check=False).stdout

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """Write a file inside."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(mode)

    def until(self, holds: Callable[[], bool], *, within_s: float = 60.0) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, self.journal()
            time.sleep(0.1)


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """Boot a machine that holds this checkout as an installed program."""
    with _overlay(folder) as root, _cgroup() as group:
        _install(root)
        console = folder / "console"
        with console.open("wb") as output:
            nspawn = subprocess.Popen(
                ["systemd-nspawn", "-q", "-D", str(root), "-b", "--register=no", "--keep-unit"]
                + ["--private-network", "--console=read-only", f"--machine={group.name}"]
                + [f"--bind-ro={source}:{place}" for source, place in _bindings()],
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),  # noqa: PLW1509 # one thread here
            )
        machine = Machine(root, _leader(nspawn, console))
        try:
            machine.run("systemctl", "is-system-running", "--wait", check=False)
            yield machine
        finally:
            machine.run("systemctl", "poweroff", check=False)
            nspawn.wait(60)


@contextmanager
def _overlay(folder: Path) -> Iterator[Path]:
    layers = folder / "layers"
    layers.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layers], check=True)
    try:
        upper, work, root = (layers / name for name in ("upper", "work", "root"))
        for path in (upper, work, root):
            path.mkdir()
        options = f"lowerdir=/,upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
        yield root
        subprocess.run(["umount", "-R", root], check=True)
    finally:
        subprocess.run(["umount", "-R", "-l", layers], check=True)


@contextmanager
def _cgroup() -> Iterator[Path]:
    """Make a cgroup of its own, so that nothing of the booted machine leaks into ours."""
    unified = Path("/sys/fs/cgroup/unified")
    base = unified if unified.is_dir() else Path("/sys/fs/cgroup")
    group = base / f"geesync-test-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        for path in sorted(group.rglob("*"), reverse=True):
            if path.is_dir():
                with contextlib.suppress(OSError):
                    path.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()


def _bindings() -> list[tuple[str, str]]:
    packages = sysconfig.get_path("purelib")
    return [(sys.base_prefix, PYTHON), (packages, PACKAGES), (str(CHECKOUT), SOURCE)]


def _install(root: Path) -> None:
    """Make a virtual environment that sees the interpreter and the packages in their places."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    home = root / "opt/geesync"
    site = home / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "bin/python").symlink_to(f"{PYTHON}/bin/{version}")
    (home / "pyvenv.cfg").write_text(f"home = {PYTHON}/bin\n")
    (site / "geesync.pth").write_text(f"{SOURCE}\n{PACKAGES}\n")
    program = root / PROGRAM.lstrip("/")
    program.write_text("#!/opt/geesync/bin/python\nfrom geesync.__main__ import main\n\nmain()\n")
    program.chmod(0o755)
    for place in (PYTHON, PACKAGES, SOURCE):
        (root / place.lstrip("/")).mkdir()
    for unit in _MASKED:
        name = unit if "." in unit else f"{unit}.service"
        mask = root / "etc/systemd/system" / name
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")


def _leader(nspawn: subprocess.Popen[bytes], console: Path) -> int:
    """Return the pid of the booted systemd, once it listens."""
    deadline = time.monotonic() + _BOOT_S
    while time.monotonic() < deadline and nspawn.poll() is None:
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
        for child in children:
            up = subprocess.run(
                ["nsenter", "-t", child, "-a", "systemctl", "is-system-running"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if up.stdout.strip() in {"starting", "running", "degraded"}:
                return int(child)
        time.sleep(0.1)
    raise AssertionError(f"it did not boot: {console.read_text(errors='replace')}")
