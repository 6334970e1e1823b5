"""The contract tests, run against simulators that are reached as the real service would be."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from geesync.simulator import CALM, Simulator, always
from tests.live.account import Account
from tests.live.contract import NO_BUCKET, OF_NO_SERVICE, OF_THE_SIMULATOR, ROOT, Contract
from tests.live.questions import QUESTIONS
from tests.live.settings import SETTINGS

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Run the command against a simulator, of which it knows the addresses only."""
    running = []

    def start(simulator: Simulator, *words: str) -> subprocess.Popen[str]:
        urls = ["--url", simulator.earth_engine_url, "--storage-url", simulator.storage_url]
        told = ["--project", simulator.project, *urls, "--only", "contract", "--yes", *words]
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.live", *told, "--answers", tmp_path / "answers.json"],
                cwd=ROOT,
                env={name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def ours(simulator: Simulator) -> list[str]:
    """Return what there is of a run's own."""
    walked = simulator.world.walk(f"projects/{simulator.project}/assets")
    place = f"{simulator.storage_url}/storage/v1/b/{simulator.bucket}/o"
    objects = httpx.get(place, params={"prefix": "geesync_live"}).json().get("items", ())
    assets = [asset.name for asset in walked if "geesync_live" in asset.name]
    return [*assets, *(obj["name"] for obj in objects)]


def answers(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "answers.json").read_text())


def test_the_contract_holds_whichever_answers_the_open_questions_have(
    start: Start, tmp_path: Path
) -> None:
    other = {
        question.knob: SETTINGS[question.knob][1]
        for question in QUESTIONS
        if question.knob not in {"list_lag_s", "object_lag_s"}  # which take seconds each time
    }
    with Simulator("small", profile=replace(CALM, **other)) as simulator:
        run = start(simulator, "--bucket", simulator.bucket)
        output, _ = run.communicate(timeout=120)

        assert run.returncode == 0, output
        assert ours(simulator) == []
    report = answers(tmp_path)
    assert set(report["contract"].values()) == {"passed"}
    assert set(report["left_out"]) == {OF_NO_SERVICE, OF_THE_SIMULATOR}
    assert figures(re.search("at most (.*);", output)[1]) > figures(report["used"])  # type: ignore[index]


def figures(told: str) -> list[float]:
    """Return the numbers of a cost."""
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,.]*\d", told)]


@pytest.mark.slow
def test_a_service_that_does_otherwise_is_found_out_and_left_clean(
    start: Start, tmp_path: Path
) -> None:
    with Simulator("small", profile=replace(CALM, longest_description=20)) as simulator:
        run = start(simulator, "--bucket", simulator.bucket)
        output, _ = run.communicate(timeout=120)

        assert run.returncode == 1, output
        assert ours(simulator) == []
    assert {name.partition("::")[2] for name in answers(tmp_path)["failed"]} == {
        "test_the_same_request_twice_is_one_operation",
        "test_a_table_is_exported_by_the_same_door",
        "test_an_operation_can_be_looked_at_and_cancelled_unless_it_has_ended",
    }


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_what_was_made_is_removed_when_somebody_ends_it(
    start: Start, tmp_path: Path, sent: signal.Signals
) -> None:
    with Simulator("small", profile=replace(CALM, run_s=always(3600)), speed=1) as simulator:
        run = start(simulator)
        assert run.stdout
        while not simulator.audit.count("export"):
            with pytest.raises(subprocess.TimeoutExpired):
                run.wait(0.05)
        run.send_signal(sent)
        run.communicate(timeout=60)

        assert ours(simulator) == []
        assert simulator.audit.count("cancel") == 1
    report = answers(tmp_path)
    assert report["failed"]["all that is not here"]
    assert NO_BUCKET in report["left_out"]
    assert not report["left"]


def test_what_is_left_out_as_no_service_s_speaks_of_none() -> None:
    with AuthorizedSession(AnonymousCredentials()) as session:
        contract = Contract(Account(session, "p", bucket="b"))
        contract.collect()

    for name in contract.left_out[OF_NO_SERVICE]:
        file, _, test = name.partition("[")[0].partition("::")
        text = (ROOT / "tests/contract" / file).read_text(encoding="utf-8")
        (node,) = (one for one in ast.parse(text).body if getattr(one, "name", "") == test)
        assert "imulator" not in (ast.get_source_segment(text, node) or ""), name
