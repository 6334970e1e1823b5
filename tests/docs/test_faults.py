"""The table of faults names tests that exist, and counts those it has none for."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (?!\||fault \|)(.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)

#: Rows may only become more.
FAULTS = 78

#: Faults without a test; each row says why. May only become fewer.
WITHOUT: set[str] = set()


def rows() -> dict[str, str]:
    page = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    found = ROW.findall(page)
    return {fault: test for fault, _, test in found}


def test_every_fault_has_a_row() -> None:
    assert len(rows()) >= FAULTS


def test_every_row_names_a_test_that_is_there_or_says_why_there_is_none() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    there = set(re.findall(r"def (test_\w+)", written))

    without = {fault for fault, test in rows().items() if test.startswith("none: ")}
    missing = {fault: test for fault, test in rows().items() if test not in there}

    assert without == WITHOUT
    assert set(missing) == without, missing
