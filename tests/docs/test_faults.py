"""The table of faults names tests that exist, and counts those it has none for."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)

#: Rows may only become more.
FAULTS = 78

#: Faults without a test; each row says why. May only become fewer.
WITHOUT: set[int] = set()


def rows() -> dict[int, str]:
    page = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    return {int(number): test for number, _, _, test in ROW.findall(page)}


def test_every_fault_has_a_row() -> None:
    assert len(rows()) >= FAULTS
    assert list(rows()) == list(range(1, len(rows()) + 1))


def test_every_row_names_a_test_that_is_there_or_says_why_there_is_none() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    there = set(re.findall(r"def (test_\w+)", written))

    without = {number for number, test in rows().items() if test.startswith("none: ")}
    missing = {number: test for number, test in rows().items() if test not in there}

    assert without == WITHOUT
    assert set(missing) == without, missing
