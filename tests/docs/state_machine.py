"""Writes docs/state-machine.md from the tables: ``python tests/docs/state_machine.py``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from geesync.domain.derive import lifecycle as derived_lifecycle
from geesync.domain.mirror import lifecycle
from geesync.domain.restore import lifecycle as restore_lifecycle
from geesync.domain.state_machine import MAX_TRIES, AnyState, Life, wait_after
from geesync.domain.tasks.lifecycle import TABLE, TaskState
from tests.diagrams import diagram, diagram_of

PAGE = Path(__file__).resolve().parents[2] / "docs/state-machine.md"

_STATE = re.compile(r"((?: +#: .*\n)+) +[A-Z_]+ = \"(\w+)\"")

_TEXT = """\
# The life of an asset, of a task, and of what goes back

Made from the tables in [`geesync/domain/mirror/lifecycle.py`][assets] and its like by
`python tests/docs/state_machine.py`. What is not drawn cannot happen: it is refused as a bug. Why
states [say what is true](adr/0001-states-say-what-is-true.md).

[assets]: https://github.com/geesync/geesync/blob/main/geesync/domain/mirror/lifecycle.py

## An asset

{assets}

- `Delayed` is the world's failure (an outage, a full queue, a full disk): the same state, later;
  never counted.
- A `Setback` (`ExportFailed`, `DownloadFailed`, `StagedCopyLost`, `CheckFailed`) is the asset's
  own, unless its cause turns out to lie in the world. The {tries}th ends in `quarantined`; before
  that it waits {waits}.
- `CheckPassed`, `SourceChanged`, `SourceReappeared`, `Included` and `Retried` forget the setbacks.

## A task

What Earth Engine is asked to do in the background. A task that has ended is never sent again: a new
one is made, with a request id of its own.

{tasks}

## An asset on its way back

What [`geesync restore`](restore.md) makes again at Earth Engine.

{restored}

## What a function of one's own makes

One result of a [job](derive.md).

{derived}
"""

_TABLE = """\
{rows}

```mermaid
{diagram}
```"""


def page() -> str:
    """Return the whole page as it must be."""
    waits = [wait_after(failure) for failure in range(1, MAX_TRIES)]
    return _TEXT.format(
        assets=_of_life(lifecycle.State, lifecycle.LIFE),
        tasks=_drawn(
            TaskState,
            diagram(TABLE, TaskState.INTENDED),
        ),
        restored=_of_life(restore_lifecycle.RestoreState, restore_lifecycle.LIFE),
        derived=_of_life(derived_lifecycle.DerivedState, derived_lifecycle.LIFE),
        tries=MAX_TRIES,
        waits=", ".join(f"{wait.total_seconds() / 60:.0f}" for wait in waits) + " minutes",
    )


def _of_life(states: type[AnyState], life: Life[AnyState]) -> str:
    return _drawn(states, diagram_of(life))


def _drawn(states: type[StrEnum], drawn: str) -> str:
    return _TABLE.format(rows="\n".join(_rows(states)), diagram=drawn)


def _rows(states: type[StrEnum]) -> Iterator[str]:
    for comment, state in _STATE.findall(inspect.getsource(states)):
        meaning = " ".join(line.strip().removeprefix("#: ") for line in comment.splitlines())
        yield f"- `{state}`: {meaning}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
