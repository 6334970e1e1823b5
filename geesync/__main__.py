"""The program's entry: ``geesync`` and ``python -m geesync``."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run a command; a user's mistake is one line and an exit code, never a traceback."""
    # A search of all that is installed, in each command, for plugins that geesync does not use.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from geesync.cli.app import run  # noqa: PLC0415 # keeps `python -m geesync` importable

    code = run()
    # All that was imported would be searched for garbage at the end: a tenth of a short command.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
