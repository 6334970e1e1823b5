"""Commands, options and keys that the pages tell people to use are there."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from geesync.cli.app import app
from geesync.config import Config
from tests.docs.pages import DOCS, blocks

#: What may stand before a command.
_SUDO = re.compile(r"^sudo (-\w+ (geesync )?)*")

PAGES = sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_tells_is_there_with_its_options(page: str) -> None:
    wrong = [line for line in _commands(page) if not _exists(line)]

    assert not wrong


def test_every_key_that_a_page_sets_is_there() -> None:
    for page in ("real-account.md", "service.md", "status-page.md", "operations.md"):
        for block in [*blocks(page, "toml"), *_written_by_shell(page)]:
            told = tomllib.loads(block.replace("$PROJECT", "my-project"))
            Config.model_validate({"ledger": "a", "mirror": "b"} | told)


def _written_by_shell(page: str) -> list[str]:
    return re.findall(r"<<TOML\n(.*?)^TOML$", "\n".join(blocks(page)), re.DOTALL | re.MULTILINE)


def _commands(page: str) -> Iterator[list[str]]:
    """Yield the words of each geesync command of a page's shell blocks."""
    for block in blocks(page):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r"&&|\||;", re.sub(r"(^|\s)#.*", "", line)):
                words = _SUDO.sub("", command.strip()).split(maxsplit=1)
                if len(words) > 1 and words[0].rpartition("/")[2] == "geesync":
                    yield shlex.split(words[1])


def _exists(words: list[str]) -> bool:
    command: Any = get_command(app)
    options = {option for one in command.params for option in one.opts}
    for word in words:
        if word.startswith("-"):
            name = word.partition("=")[0]
            if name not in options | {"--help"}:
                return False
        elif hasattr(command, "commands"):
            command = command.get_command(None, word)
            if command is None:
                return False
            options |= {opt for one in command.params for opt in (*one.opts, *one.secondary_opts)}
    return True
