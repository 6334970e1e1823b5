"""Every event of the log is in the catalogue, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOLD = re.compile(r'log\.(?:debug|info|warning|error|exception)\(\s*"(\w+)"')


def test_the_catalogue_holds_exactly_the_events_of_the_code() -> None:
    package = ROOT / "geesync"
    modules = [path for path in package.rglob("*.py") if package / "simulator" not in path.parents]
    told = {event for path in modules for event in TOLD.findall(path.read_text("utf-8"))}

    page = (ROOT / "docs" / "log-events.md").read_text("utf-8")

    assert set(re.findall(r"^(?:\||-) `(\w+)`", page, re.MULTILINE)) == told
