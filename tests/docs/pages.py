"""What stands on the pages: blocks of code, as a reader copies them."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, language: str = "sh", *, section: str = "") -> list[str]:
    """Return the blocks of a page in one language; section: only those below this heading."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if section:
        text = re.split(rf"^## {re.escape(section)}$", text, flags=re.MULTILINE)[1]
        text = re.split(r"^## ", text, flags=re.MULTILINE)[0]
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
