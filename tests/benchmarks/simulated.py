"""``… SCENARIO FOLDER``: an Earth Engine in a process of its own, where exports take no time."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from geesync.simulator import CALM, Simulator

#: Simulated seconds in a second: whatever has a time of its own is over at once.
_SPEED = 3600.0


def main(scenario: str, folder: Path) -> None:
    """Serve until SIGTERM; what clients need to know is in the folder."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Simulator(scenario, profile=CALM, speed=_SPEED) as running:
        running.write_credentials(folder / "key.json")
        told = {
            "project": running.project,
            "bucket": running.bucket,
            "earth_engine": running.earth_engine_url,
            "storage": running.storage_url,
            "environment": dict(running.environment),
        }
        (folder / "simulator.tmp").write_text(json.dumps(told))
        (folder / "simulator.tmp").rename(folder / "simulator.json")
        stop.wait()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
