"""``install-service``: puts the systemd unit, its user and its folders in place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from geesync.cli.context import say
from geesync.errors import NotAllowedError, UserError

#: What the files say before they know where geesync and the mirror are.
_COMMAND = "/opt/geesync/bin/geesync"
_MIRROR = "/srv/gee-mirror"

#: The unit's ProtectHome= hides these from the service.
_HIDDEN = ("/home/", "/root/", "/run/user/")

_CONFIG = "/etc/geesync/geesync.toml"

#: Shipped file → where systemd looks for what an administrator installed.
_PLACES = {
    "geesync.sysusers": "/etc/sysusers.d/geesync.conf",
    "geesync.tmpfiles": "/etc/tmpfiles.d/geesync.conf",
    "geesync.service": "/etc/systemd/system/geesync.service",
    "geesync.toml": _CONFIG,
}

_COMMANDS = (
    ("systemd-sysusers", "/etc/sysusers.d/geesync.conf"),
    ("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/geesync.conf"),
    ("systemctl", "daemon-reload"),
)

_NEXT = f"""\
Next:
  1. edit {_CONFIG}: the bucket and the project
  2. put the service account's key where only root can read it:
       install -m 600 key.json /etc/geesync/key.json
  3. geesync doctor              says what is still missing
  4. geesync enqueue users/NAME
  5. systemctl enable --now geesync"""


def install_service(
    mirror: Annotated[
        Path, typer.Option(help="The folder of the mirror, on the disk that has the room.")
    ] = Path(_MIRROR),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")
    ] = False,
    root: Annotated[
        Path, typer.Option(help="Install below this folder, and start nothing: for packages.")
    ] = Path("/"),
) -> None:
    """Install the systemd service of this geesync. Doing it again does no harm."""
    if re.search(r"[\s%\\\"']", str(mirror)):
        raise UserError(f"systemd cannot be told of {mirror!s}", hint="choose a plain name")
    command = Path(sys.executable).with_name("geesync")
    here = root == Path("/")
    if here:
        _check_seen(command)
        if os.geteuid() and not dry_run:
            raise NotAllowedError("only root installs a service", hint="sudo, with its full path")
    for name, place in _PLACES.items():
        path, content = root / place.lstrip("/"), (service_files() / name).read_text("utf-8")
        content = content.replace(_COMMAND, str(command)).replace(_MIRROR, str(mirror.absolute()))
        action = _action(path, content, is_own=place == _CONFIG)
        say(f"{action:<8} {path}")
        if not dry_run and action in {"write", "replace"}:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
            path.chmod(0o644)
    for words in _COMMANDS if here else ():
        say(f"{'run':<8} {' '.join(words)}")
        if not dry_run:
            _run(words)
    say(_NEXT)


def _check_seen(command: Path) -> None:
    """Raise UserError if the service would not see this program."""
    for path in (command, Path(sys.executable).resolve(), Path(__file__).resolve()):
        if str(path).startswith(_HIDDEN):
            raise UserError(
                f"the service could not read {path}: homes are hidden from it",
                hint="python3 -m venv /opt/geesync && /opt/geesync/bin/pip install geesync",
            )
    if not command.exists():
        raise UserError(f"there is no {command}", hint="install geesync with pip or pipx --global")


def _action(path: Path, content: str, *, is_own: bool) -> str:
    """Return what is to be done with a file; is_own: a person's, if it is there."""
    if not path.exists():
        return "write"
    if is_own:
        return "keep"
    return "same" if path.read_bytes() == content.encode() else "replace"


def service_files() -> Path:
    """Return where the unit is: in the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "_systemd"
    return installed if installed.is_dir() else package.parent / "systemd"


def _run(words: tuple[str, ...]) -> None:
    program = shutil.which(words[0])
    if program is None:
        raise UserError(f"there is no {words[0]} here", hint="is this a machine with systemd?")
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False)  # noqa: S603 # systemd's own tools
    if done.returncode:
        raise UserError(f"`{' '.join(words)}` failed", hint=done.stderr.strip())
