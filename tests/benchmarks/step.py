"""``… CONFIG STEP``: one step of geesync, as the daemon runs it, until it has no more to do."""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

from geesync import logs
from geesync.bootstrap import service
from geesync.cli.service.running import COLLECTED_AFTER
from geesync.config import load
from geesync.step_threads import run_step
from geesync.store.file.database import open_migrating


def main(file: Path, name: str) -> None:
    """Run the step; what held it back is an error.

    The last line tells what it took by itself: a daemon starts once.
    """
    logs.configure(log_format="json", level="INFO")
    gc.set_threshold(*COLLECTED_AFTER)  # here and below as the commands of the service do
    config = load(file=file).config
    database = open_migrating(config.ledger)
    with service(config, database) as built:
        import ee  # noqa: F401, PLC0415 # a daemon has used it long ago

        gc.freeze()
        step = next(step for step in built.steps if step.name == name)
        began, used = time.monotonic(), time.process_time()
        while True:
            tally = run_step(step)
            if tally.waiting:
                sys.exit(tally.waiting)
            if not tally.busy:
                break
        took = {"wall_s": time.monotonic() - began, "cpu_s": time.process_time() - used}
    database.close()
    print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
