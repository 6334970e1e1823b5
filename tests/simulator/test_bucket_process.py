"""The bucket's server is a process of its own, which goes with the one that started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

GIVE_UP_S = 20.0


def test_nothing_is_left_when_the_starter_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, threading\n"
        "from geesync.simulator.wire.audit import Audit\n"
        "from geesync.simulator.storage.bucket import CloudStorage\n"
        "from geesync.simulator.clock import SimClock\n"
        "from geesync.simulator.wire.faults import Faults\n"
        "cloud = CloudStorage(Faults(), Audit(SimClock())).start()\n"
        "print(cloud.backend_port, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        port = int(starter.stdout.readline())
        assert _answers(port)
        assert any(tmp_path.iterdir())

        starter.send_signal(signal.SIGKILL)
        starter.wait()

    deadline = time.monotonic() + GIVE_UP_S
    while _answers(port) or any(tmp_path.iterdir()):
        assert time.monotonic() < deadline, "the server outlived its starter, or its files did"


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
