"""Every command and every key is documented, as it is in the program."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.reference import DOCS, PAGES, commands, configuration


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_reference_is_fresh(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == PAGES[page](), "run: python tests/docs/reference.py"


def test_no_key_and_no_option_is_without_an_explanation() -> None:
    rows = [line for line in (commands() + configuration()).splitlines() if line.startswith("- `")]

    assert rows
    assert [row for row in rows if row.endswith(":") or ": " not in row] == []


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_the_manual_page_is_sound() -> None:
    made = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", DOCS / "geesync.1"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert made.stderr == ""
