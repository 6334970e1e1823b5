"""The exit codes that scripts rely on are the ones that are documented."""

import re
from pathlib import Path

from geesync.errors import ExitCode

PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def test_every_exit_code_is_documented_under_its_name_and_no_other_is() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    documented = {name: int(code) for code, name in rows}

    assert documented == {code.name: code.value for code in ExitCode}
