"""Mirrors an account to the end, one step after another, for who counts what that takes."""

from __future__ import annotations

import json
import sys

from geesync.bootstrap import service
from geesync.config import Config
from geesync.step_threads import run_step
from geesync.store.file.database import open_current


def main() -> None:
    """Work until there is no more to do."""
    config = Config.model_validate(json.loads(sys.argv[1]))
    database = open_current(config.ledger)
    with service(config, database) as built:
        busy = True
        while busy:
            tallies = [run_step(step) for step in built.steps]
            busy = any(tally.moved or tally.busy for tally in tallies)
    database.close()


if __name__ == "__main__":
    main()
