"""What `--json` prints is what docs/json.md says: each member, its type, times in one form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geesync.domain.state_machine import Delayed, Refused
from geesync.errors import Cause
from geesync.store.browsing.documents import status_document
from geesync.store.views.status import status
from tests.cli.conftest import Run
from tests.cli.test_wrong_values import COMMANDS as EVERY
from tests.web.ledgers import NOW, Story

PAGE = Path(__file__).parents[2] / "docs/json.md"
SECTION = re.compile(r"^## `geesync (.+?)`$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^( *)([^:\s][^:]*):([^#\n]*)", re.MULTILINE)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
KINDS = {bool: "true/false", int: "number", float: "number", type(None): "null", dict: "object"}

COMMANDS = {
    "status": ("status",),
    "show": ("show", "users/demo/elevation"),
    "ls": ("ls", "--files"),
    "roots": ("roots",),
    "enqueue --dry-run": ("enqueue", "users/demo", "projects/demo-project", "--dry-run"),
    "check": ("check",),
    "doctor": ("doctor",),
    "config show": ("config", "show"),
    "free": ("free", "users/demo/elevation"),
    "restores": ("restores",),
    "restore --dry-run": ("restore", "users/demo/scenes", "--to", "users/demo/back", "--dry-run"),
}


def documented(command: str) -> dict[str, set[str]]:
    """Return the members of a command's lines with their types, as ``roots[].name``."""
    section = dict(SECTION.findall(PAGE.read_text("utf-8")))[command]
    types: dict[str, set[str]] = {}
    outer: list[str] = []
    for indent, names, written in ROW.findall(section.split("```")[1].removeprefix("yaml\n")):
        outer = outer[: len(indent) // 2]
        for name in names.split(", "):
            path = ".".join([*outer, name])
            base = path.removesuffix("[]").removesuffix(".*")
            types.setdefault(base, {"list" if path.endswith("[]") else "object"})
            kinds = written.strip().replace("?", " or null")
            if kinds:
                types[path] = set(kinds.split(" or "))
        outer.append(names)
    return types


def members(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each member with its path, as ``roots[].name``; of a list each item's."""
    if isinstance(value, list):
        for item in value:
            yield from members(item, f"{path}[]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            name = f"{path}.{key}".lstrip(".")
            yield name, inner
            yield from members(inner, name)
    elif path.endswith("[]"):
        yield path, value


def kind(value: Any) -> str:
    if isinstance(value, list):
        return "list"
    if isinstance(value, str):
        return "time" if TIME.fullmatch(value) else "text"
    return KINDS[type(value)]


def assert_documented(command: str, document: Any) -> None:
    told = documented(command)
    data = tuple(name.removesuffix("*") for name in told if name.endswith("*"))
    for name, value in members(document):
        if data and name.startswith(data):  # what they are called is data, too
            continue
        assert name in told, (command, name)
        assert kind(value) in told[name], (command, name, value)


@pytest.fixture
def mirrored(geesync: Run) -> Run:
    """Commands on a ledger of which all is mirrored, and a folder restored."""
    geesync("enqueue", "users/demo", "projects/demo-project")
    geesync("sync", "--once")
    geesync("restore", "users/demo/empty", "--to", "users/demo/back")
    geesync("sync", "--once")
    return geesync


def test_every_member_of_every_json_is_documented(mirrored: Run) -> None:
    for command, arguments in COMMANDS.items():
        lines = mirrored(*arguments, "--json").stdout.splitlines()
        assert lines, command
        for line in lines:
            assert_documented(command, json.loads(line))


def test_every_command_with_json_has_its_section() -> None:
    with_json = [
        " ".join(names)
        for names, command in EVERY.items()
        if any("--json" in param.opts for param in command.params)
    ]
    sections = dict(SECTION.findall(PAGE.read_text("utf-8")))

    assert {
        name for name in with_json if not any(one.startswith(name) for one in sections)
    } == set()


def test_status_of_troubles_is_plain_json_with_times_of_one_form(story: Story) -> None:
    names = story.discover(story.enqueue(), 3)
    story.tell(names[:1], Refused("no valid pixels", cause=Cause.FAILED))
    story.tell(names[1:], Delayed("no answer", cause=Cause.TRANSIENT))
    brake = {"name": "direct", "used": 1, "limit": None, "text": "", "where": "", "holds": False}
    direct = {"at_once": 5, "most_at_once": 10, "answers_per_s": 2.8, "bytes_per_s": 1e6}
    story.beat(
        brakes=[brake],
        direct=direct | {"slowed_down": False},
        halted={"bucket b": "billing is off"},
    )

    document = json.loads(json.dumps(status_document(status(story.path, now=NOW))))

    assert document["troubles"][1]["next_at"].endswith("Z")
    assert_documented("status", document)
