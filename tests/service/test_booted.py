"""The service's whole life in a real systemd: ``pytest tests/service/test_booted.py``, as root."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.simulator.wire import credentials

from .booted import PROGRAM, PYTHON, Machine, booted, why_not

EARTH_ENGINE, BUCKET = 19001, 19002
URL = f"http://127.0.0.1:{EARTH_ENGINE}"

CONFIG = f"""\
ledger = "/var/lib/geesync/geesync.db"
mirror = "/srv/gee-mirror"
bucket = "demo-bucket"
[earth_engine]
project = "demo-project"
credentials = "/etc/geesync/key.json"
url = "{URL}"
[storage]
url = "http://127.0.0.1:{BUCKET}"
[throttle]
requests_per_s = 1000
reserve = 0
[schedule]
reconcile = "0.2s"
retry = "1s"
"""

#: So that a test need not wait for minutes; and an interpreter that was built in a home looks for
#: its library there.
QUICK = f"""\
[Service]
WatchdogSec=4s
RestartSec=300ms
Environment=LD_LIBRARY_PATH={PYTHON}/lib
"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=f"a real systemd {why_not()}"),
]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with booted(tmp_path) as running:
        yield running


def start_simulator(machine: Machine) -> None:
    ports = ("--port", str(EARTH_ENGINE), "--bucket-port", str(BUCKET))
    words = ("simulator", "--scenario", "small", "--speed", "3600", *ports)
    machine.run("systemd-run", "--unit=simulator", "--collect", PROGRAM, *words)
    answers = ("python3", "-c", f"import socket; socket.create_connection(('127.0.0.1', {BUCKET}))")
    machine.until(lambda: machine.run(*answers, check=False).returncode == 0)


def restarts(machine: Machine) -> int:
    return int(machine.property("NRestarts"))


def all_verified(machine: Machine) -> bool:
    return machine.property("StatusText").startswith("10 of 10 assets verified")


def test_the_service_lives_through_everything(machine: Machine) -> None:
    # Installed, configured, enqueued.
    machine.run(PROGRAM, "install-service")
    machine.write("/etc/geesync/geesync.toml", CONFIG)
    key = credentials.service_account(URL, "demo-project", credentials.EMAIL)
    machine.write("/etc/geesync/key.json", json.dumps(key), mode=0o600)
    machine.write("/etc/systemd/system/geesync.service.d/quick.conf", QUICK)
    machine.run("systemctl", "daemon-reload")
    start_simulator(machine)
    machine.run(PROGRAM, "enqueue", "users/demo")
    owner = machine.says("stat", "-c", "%U", "/var/lib/geesync/geesync.db", "/srv/gee-mirror")
    assert owner.split() == ["geesync", "geesync"]

    # No network at boot: it is up, and waits.
    machine.run("systemctl", "stop", "simulator")
    machine.run("systemctl", "enable", "--now", "geesync")
    assert machine.property("ActiveState") == "active"
    machine.until(lambda: "scan_broken" in machine.journal())

    # Only the service reads the credential; the key itself is root's.
    credential = "/run/credentials/geesync.service/ee-key"
    assert machine.says("stat", "-c", "%a", credential) in {"400", "440"}
    for user, file in (("nobody", credential), ("geesync", "/etc/geesync/key.json")):
        refused = machine.run(
            "setpriv", f"--reuid={user}", "--clear-groups", "cat", file, check=False
        )
        assert "Permission denied" in refused.stderr

    # The network comes, and all is verified.
    start_simulator(machine)
    machine.run(PROGRAM, "enqueue", "users/demo")
    machine.until(lambda: all_verified(machine))
    mirrored = machine.says("find", "/srv/gee-mirror", "-name", "*.tif", "!", "-user", "geesync")
    assert mirrored == ""

    # The journal can be asked by field.
    told = machine.says("journalctl", "GEESYNC_EVENT=scan_finished", "-o", "json", "-n", "1")
    assert json.loads(told)["GEESYNC_ROOT"].endswith("users/demo")

    # Killed, it comes again.
    killed = machine.property("MainPID")
    machine.run("kill", "-9", killed)
    machine.until(lambda: restarts(machine) == 1 and all_verified(machine))
    assert machine.property("MainPID") != killed

    # Hanging, it is killed and comes again.
    machine.run("kill", "-STOP", machine.property("MainPID"))
    machine.until(lambda: restarts(machine) == 2 and all_verified(machine))
    assert "Watchdog timeout" in machine.journal()

    # Reloaded, it lives on.
    before = machine.property("MainPID")
    machine.run("systemctl", "reload", "geesync")
    machine.until(lambda: "configuration_reloaded" in machine.journal())
    assert machine.property("MainPID") == before

    # Asked to end, it ends within seconds.
    began = time.monotonic()
    machine.run("systemctl", "stop", "geesync")
    assert time.monotonic() - began < 10
    assert machine.property("Result") == "success"
    assert re.search(r"daemon_stopped", machine.journal())

    # What a restart cannot mend is not tried again.
    machine.write("/etc/geesync/geesync.toml", "no_such_key = 1")
    assert machine.run("systemctl", "start", "geesync", check=False).returncode != 0
    machine.until(lambda: machine.property("ActiveState") == "failed")
    assert machine.property("ExecMainStatus") == "78"
