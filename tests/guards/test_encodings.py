"""What is written is UTF-8, and read as that, whatever the locale is."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import geesync

PACKAGE = Path(geesync.__file__).parent

#: Of methods that read or write text: how many arguments say the encoding, too.
TEXT = {"read_text": 1, "write_text": 2}
A_MODE = re.compile(r"[rwax]t?\+?")


def by_the_locale(code: str) -> Iterator[int]:
    """Yield the lines that read or write text in whatever encoding the locale has."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call) or any(key.arg == "encoding" for key in node.keywords):
            continue
        name = ast.unparse(node.func).removeprefix("rasterio.open").rpartition(".")[2]
        modes = [one.value for one in node.args if isinstance(one, ast.Constant)]
        opens = name == "open" and any(A_MODE.fullmatch(str(mode)) for mode in modes)
        if opens or len(node.args) < TEXT.get(name, 0):
            yield node.lineno


def test_no_text_is_in_the_encoding_of_the_locale() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in PACKAGE.rglob("*.py")
        for line in by_the_locale(path.read_text("utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    "planted", ["p.read_text()", "p.write_text('a')", "p.open('w')", "open(p, 'a')"]
)
def test_what_is_planted_is_found(planted: str) -> None:
    assert [*by_the_locale(planted)] == [1]


def test_letters_beyond_ascii_are_read_under_any_locale(tmp_path: Path) -> None:
    (tmp_path / "geesync.json").write_bytes('{"bands": [], "parts": [], "of": "größe"}'.encode())
    read = (
        "from pathlib import Path;"
        "from geesync.adapters.mirrored.mirrored_pixels import read_image;"
        "read_image(Path('.'))"
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    subprocess.run([sys.executable, "-c", read], cwd=tmp_path, env=os.environ | locale, check=True)
