"""Every relative link in the documentation leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
)
#: Where the documentation, also as a site, leads to the code.
SOURCE = "https://github.com/geesync/geesync/blob/main/"
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """The text of a page without its code, where brackets mean something else."""
    return CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The names GitHub gives the headings of a page: lower case, hyphens, no punctuation."""
    fenced = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    text = fenced.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        if path.startswith(SOURCE):
            target = ROOT / path.removeprefix(SOURCE)
        elif re.match(r"[a-z]+:", link):
            continue
        else:
            target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_every_page_of_the_documentation_can_be_reached_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    ahead = list(reached)

    while ahead:
        page = ahead.pop()
        links = {link.partition("#")[0] for link in LINK.findall(prose(page))}
        pages = {(page.parent / link).resolve() for link in links if link.endswith(".md")}
        ahead += pages & set(PAGES) - reached
        reached |= pages

    assert set(PAGES) - reached == set()
