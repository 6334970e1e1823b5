"""What a terminal of 80 columns and 24 lines shows of how it stands."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from geesync.cli.render import status_view
from geesync.domain.state_machine import Refused
from geesync.errors import Cause
from geesync.store.views import status as views
from tests.web.ledgers import NOW, Story

IDLE = {"name": "operations", "used": 0, "limit": 9, "where": "", "holds": False}
KINDS = (Cause.FAILED, Cause.INTEGRITY, Cause.PLAN, Cause.CRASHED, Cause.UNSUPPORTED)


def shown(story: Story, *, height: int | None) -> list[str]:
    console = Console(width=80, height=height or 24, file=StringIO())
    status = views.status(story.path, now=NOW)
    console.print(status_view(status, NOW, console if height else None))
    file: Any = console.file
    return str(file.getvalue()).splitlines()


@pytest.mark.parametrize("kinds", [1, 3, 5])
def test_trouble_comes_before_idle_brakes_and_the_answer_is_always_there(
    story: Story,
    kinds: int,
) -> None:
    names = story.discover(story.enqueue(), 12)
    for name, cause in zip(names, KINDS[:kinds], strict=False):
        story.tell([name], Refused(f"it went wrong, {cause}: " + "x" * 90, cause=cause))
    held = IDLE | {"text": "no room on /m", "holds": True}
    story.beat(brakes=[*(IDLE | {"text": f"{n} idles"} for n in range(9)), held])

    small, whole = shown(story, height=24), shown(story, height=None)

    assert len(small) <= 23
    assert small[-1].startswith("not complete:")
    assert any("no room on /m" in line for line in small)
    assert any("1 quarantined" in line for line in small)
    text = "\n".join(whole)
    assert text.count("it went wrong") == kinds
    assert text.count("idles") == 9
    assert text.rindex("it went wrong") < text.index("0 idles")
    assert ("… and more" in "\n".join(small)) == (kinds > 2)


def test_the_direct_way_is_told_with_its_rate(story: Story) -> None:
    story.enqueue()
    story.beat(
        direct={
            "at_once": 5,
            "most_at_once": 10,
            "answers_per_s": 2.75,
            "bytes_per_s": 3 * 1024**2,
            "slowed_down": False,
        }
    )

    text = "\n".join(shown(story, height=24))

    assert "read directly    2.8 answers and 3.0 MiB a second, 5 of 10 at once" in text
    assert "Earth Engine  " not in text
    assert "staged" not in text
