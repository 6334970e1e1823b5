"""Where events are told to: structlog, without rich.

structlog imports rich, if it is there, to draw tracebacks, which geesync's log never has: a tenth
of a second and four megabytes of each process, of which a daemon has four.
"""

from __future__ import annotations

import sys

_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment] # to import it fails, as if it were absent
try:
    import structlog
finally:
    if _rich is None:
        del sys.modules["rich"]
    else:
        sys.modules["rich"] = _rich

get_logger = structlog.get_logger

__all__ = ["get_logger", "structlog"]
