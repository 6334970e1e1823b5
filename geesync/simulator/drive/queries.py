"""What is asked of Drive's listing: ``q``, and which fields of the answer are wanted.

https://developers.google.com/workspace/drive/api/guides/search-files
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from geesync.simulator.drive.files import DriveFile
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import Json

Test = Callable[[DriveFile], bool]

_TEXT = r"'((?:[^'\\]|\\.)*)'"
_TERM = re.compile(
    rf"\s*(?:(name|mimeType)\s*(=|!=|contains)\s*{_TEXT}"
    rf"|{_TEXT}\s+in\s+(parents|owners)"
    r"|(trashed)\s*(=|!=)\s*(true|false))\s*(and\s|$)"
)
MOST_CHARACTERS = 10_000
DEFAULT_FIELDS = ("kind", "id", "name", "mimeType")


def read_query(text: str) -> Test:
    """Return the test that ``q`` stands for: terms joined by ``and``.

    Raises BadRequest for anything else.
    """
    tests: list[Test] = []
    at = 0
    while text[at:].strip():
        term = _TERM.match(text, at) if len(text) < MOST_CHARACTERS else None
        if term is None or term.end() == at:
            raise BadRequest("Invalid Value")
        tests.append(_test(term))
        at = term.end()
    return lambda file: all(test(file) for test in tests)


def _test(term: re.Match[str]) -> Test:
    field, operator, text, member, where, trashed, equals, truth, _ = term.groups()
    if trashed:
        nothing_is = (truth == "true") == (equals == "=")
        return lambda _: not nothing_is
    if where:
        wanted = _unescaped(member)
        return lambda file: wanted in (file.parent if where == "parents" else file.owner, "me")
    return _text_test(field, operator, _unescaped(text))


def _text_test(field: str, operator: str, text: str) -> Test:
    def value(file: DriveFile) -> str:
        return file.name if field == "name" else file.kind

    if operator == "contains":  # which means: begins with
        return lambda file: value(file).casefold().startswith(text.casefold())
    return lambda file: (value(file) == text) == (operator == "=")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def wanted_fields(text: str, within: str = "") -> Callable[[Json], Json]:
    """Return what cuts a file's fields down to those that ``fields`` names.

    within: the member of the answer that holds files, for a listing: ``files``.
    """
    names = text.replace(" ", "")
    if within and names:
        found = re.search(rf"\b{within}(?:\(([^()]*)\)|/(\w+))?", names)
        names = (found[1] or found[2] or "*") if found else names
    if names == "*":
        return lambda told: told
    keep = set(names.split(",")) if names else set(DEFAULT_FIELDS)
    return lambda told: {name: value for name, value in told.items() if name in keep}


def page(items: list[Any], size: int, after: str) -> tuple[list[Any], str]:
    """Return a page of a list, and the token of the next one; raises BadRequest for no token."""
    if after and re.fullmatch(r"[0-9]{1,9}", after) is None:
        raise BadRequest("Invalid Value")
    start = int(after or 0)
    following = str(start + size) if start + size < len(items) else ""
    return items[start : start + size], following
