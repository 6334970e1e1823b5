"""``geesync simulator`` as a person starts it: knobs, its key, and what it says of mistakes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from geesync.simulator import CALM, REAL, Durations, always
from geesync.simulator.knobs import turned
from tests import commands

COMMAND = (sys.executable, "-m", "geesync", "simulator", "--scenario", "small")


@pytest.mark.parametrize(
    ("setting", "knob"),
    [
        ("queue_limit=5", {"queue_limit": 5}),
        ("duplicates=refuse", {"duplicates": "refuse"}),
        ("restricted=true", {"restricted": True}),
        ("file_edge=none", {"file_edge": None}),
        ("list_lag_s=0,5", {"list_lag_s": (0.0, 5.0)}),
        ("members=a@b,c@d", {"members": ("a@b", "c@d")}),
        ("run_s=60", {"run_s": always(60)}),
        ("run_s=p50_s=8,p95_s=20", {"run_s": Durations(p50_s=8, p95_s=20)}),
        ("retention_s=inf", {"retention_s": float("inf")}),
    ],
)
def test_a_knob_is_turned_by_its_name(setting: str, knob: dict[str, Any]) -> None:
    assert turned(REAL, [setting]) == replace(REAL, **knob)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("queu_limit=5", "no knob 'queu_limit'; there is queue_limit"),
        ("queue_limit", "write NAME=VALUE"),
        ("queue_limit=many", "queue_limit=many: .*valid integer"),
        ("duplicates=maybe", "'same_operation', 'refuse' or 'either'"),
        ("list_lag_s=1", "list_lag_s=1"),
        ("run_s=p5_s=1", "no p5_s in a duration"),
    ],
)
def test_a_knob_that_is_not_there_or_cannot_be_so_is_refused(setting: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        turned(CALM, [setting])


def told(*options: str) -> tuple[int, str]:
    done = commands.run("simulator", "--scenario", "small", *options)
    return done.returncode, done.stderr


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        code, words = told("--port", port)

    assert code == 2
    assert words.startswith(f"geesync: port {port} cannot be had: Address already in use")
    assert words.count("\n") == 1


def test_a_mistaken_knob_is_one_clear_line() -> None:
    assert told("--set", "queu_limit=5") == (
        2,
        "geesync: there is no knob 'queu_limit'; there is queue_limit, page_limit\n",
    )


def test_a_mistaken_scenario_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[[assets]]\nid = 'users/a/b'\nbands = [{id = 'x', grid = {scael = 3}}]")

    assert told("--scenario", str(file)) == (
        2,
        "geesync: scenario mine: assets.0.bands.0.grid.scael: Extra inputs are not permitted\n",
    )


def test_it_writes_its_key_and_heeds_its_knobs(tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    options = ("--key-file", str(key), "--set", "algorithms=forbidden")
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = next(line for line in process.stdout if line.startswith("url")).split('"')[1]
        answer = httpx.get(f"{url}/v1/projects/demo-project/algorithms")
        process.send_signal(signal.SIGTERM)

    assert answer.status_code == 403
    assert json.loads(key.read_text())["token_uri"] == f"{url}/token"
    assert process.returncode == 0
