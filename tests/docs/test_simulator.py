"""The page about the simulator: its knobs exist, and so do the tests of what nobody knows."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from geesync.simulator import Profile
from geesync.simulator.api.earth_engine import HANDLERS
from geesync.simulator.api.methods import METHODS
from tests.story.test_silences import SILENCES

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^- .+[:?] (`[a-z_`, ]+?)(?: \(`(test_\w+)`\))?$", re.MULTILINE)
STORY = "test_the_mirror_is_exact_whichever_answer_is_given"


def rows() -> list[tuple[list[str], str]]:
    """Return the (knobs, test) of what public sources do not tell."""
    page = (ROOT / "docs/simulator.md").read_text(encoding="utf-8")
    section = page.partition("### Where nobody knows")[2]
    found: list[tuple[list[str], str]] = []
    for knobs, test in ROW.findall(section):
        found.append((re.findall(r"`(\w+)`", knobs), test or found[-1][1]))
    return found


def test_every_knob_is_one_of_the_profile() -> None:
    assert {knob for knobs, _ in rows() for knob in knobs} <= {f.name for f in fields(Profile)}


def test_every_row_names_a_test_that_is_there() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))

    assert {test for _, test in rows()} <= set(re.findall(r"def (test_\w+)", written))


def test_the_story_of_silences_tells_all_that_is_said_of_it() -> None:
    told = {knob for knobs, test in rows() if test == STORY for knob in knobs}

    assert told == set(SILENCES)


def test_all_27_behaviours_are_there() -> None:
    page = (ROOT / "docs/simulator.md").read_text(encoding="utf-8")
    behaviours = re.findall(r"^(\d+)\. ([a-z, ]+): ", page, re.MULTILINE)

    assert [int(number) for number, _ in behaviours] == list(range(1, 28))
    assert {word for _, kinds in behaviours for word in kinds.split(", ")} == {
        "on",
        "knob",
        "script",
    }


def test_the_table_of_methods_says_which_there_are() -> None:
    page = (ROOT / "docs/simulator.md").read_text(encoding="utf-8")
    section = page.partition("## Which methods it has")[2].partition("\n## ")[0]
    found = re.findall(r"^\| (`[^|]+`) \| (yes|part|no) \|", section, re.MULTILINE)
    told = {name: here for names, here in found for name in re.findall(r"`([\w.]+)`", names)}

    assert set(told) == {method.id for method in METHODS}
    there = {name for name, here in told.items() if here != "no"}
    assert there == {*HANDLERS, "algorithms.list"}
