"""Writes docs/state-machine.md from the table: ``python tests/docs/state_machine.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from geesync.domain.mirror import lifecycle
from geesync.domain.mirror.lifecycle import TABLE, State

PAGE = Path(__file__).resolve().parents[2] / "docs/state-machine.md"

_STATE = re.compile(r"((?: +#: .*\n)+) +[A-Z_]+ = \"(\w+)\"")

_TEXT = """\
# The life of an asset

Made from the table in [`geesync/domain/mirror/lifecycle.py`][table] by
`python tests/docs/state_machine.py`; a test fails if it is stale. Why states
[say what is true](adr/0001-states-say-what-is-true.md).

[table]: https://github.com/geesync/geesync/blob/main/geesync/domain/mirror/lifecycle.py

| state | what is true | leaves by |
|---|---|---|
{states}

```mermaid
{diagram}
```

- `Delayed` is the world's failure (an outage, a full queue, a full disk): the same state, later;
  never counted.
- A `Setback` (`ExportFailed`, `StagedCopyLost`, `CheckFailed`) is the asset's own. Setback number
  {tries} ends in `quarantined`; before that it waits {waits}.
  One whose cause lies in the world after all is not counted.
- `CheckPassed`, `SourceChanged`, `SourceReappeared`, `Included` and `Retried` forget the setbacks
  so far.
- Whatever is not drawn cannot happen: it is refused as a bug.
"""


def page() -> str:
    """Return the whole page as it must be."""
    waits = [lifecycle.wait_after(failure) for failure in range(1, lifecycle.MAX_TRIES)]
    return _TEXT.format(
        states="\n".join(_rows()),
        diagram=lifecycle.diagram(),
        tries=lifecycle.MAX_TRIES,
        waits=", ".join(f"{wait.total_seconds() / 60:.0f}" for wait in waits) + " minutes",
    )


def _rows() -> list[str]:
    told = {
        value: " ".join(line.strip().removeprefix("#: ") for line in comment.splitlines())
        for comment, value in _STATE.findall(inspect.getsource(State))
    }
    return [f"| `{state}` | {told[state]} | {', '.join(_leaving(state))} |" for state in State]


def _leaving(state: State) -> list[str]:
    return [event.__name__ for (before, event), after in TABLE.items() if before == state != after]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
