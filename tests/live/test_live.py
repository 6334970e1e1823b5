"""The questions for a real account, asked of simulators with knobs set: they find what was set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from geesync.simulator import CALM, Simulator
from geesync.simulator.profiles import Profile
from tests.docs.test_simulator import rows
from tests.live.__main__ import asked, main
from tests.live.account import Account
from tests.live.costs import TooDear
from tests.live.observations import OBSERVATIONS
from tests.live.questions import NOT_ASKED, QUESTIONS, Question
from tests.live.settings import SETTINGS

KNOWN = {question.knob: question for question in QUESTIONS}


@contextmanager
def account(**knobs: Any) -> Iterator[Account]:
    """Give an account of a simulator whose time passes as the one who asks waits."""
    with (
        Simulator("small", profile=replace(CALM, **knobs)) as simulator,
        AuthorizedSession(AnonymousCredentials()) as session,
    ):
        simulator.world.permissions.deny("gs://not-yours")
        yield Account(
            session,
            simulator.project,
            bucket=simulator.bucket,
            forbidden_bucket="not-yours",
            url=simulator.earth_engine_url,
            storage_url=simulator.storage_url,
            now=lambda: simulator.clock.now().timestamp(),
            pause=simulator.advance,
        )


def test_every_open_question_is_asked_or_says_why_not() -> None:
    open_ones = {knob for knobs, _ in rows() for knob in knobs}

    assert open_ones == set(KNOWN) | set(NOT_ASKED)


def test_there_is_a_setting_for_every_question_and_a_knob_for_every_setting() -> None:
    assert set(SETTINGS) == set(KNOWN)
    assert set(SETTINGS) <= {field.name for field in fields(Profile)}


@pytest.mark.parametrize(
    ("question", "setting"),
    [(KNOWN[knob], setting) for knob, settings in SETTINGS.items() for setting in settings],
    ids=lambda value: value.knob if isinstance(value, Question) else str(value),
)
def test_the_question_finds_what_was_set(question: Question, setting: Any) -> None:
    with account(**{question.knob: setting}) as ours:
        report = asked(ours, [question], tell=lambda _: None)

    found = report["knobs"][question.knob]
    assert not report["failed"]
    assert not report["left"]
    assert (found[1] if isinstance(found, tuple) else found) == (
        setting[1] if isinstance(setting, tuple) else setting
    )
    assert ours.used.tasks <= question.tasks


def test_what_has_no_knob_is_looked_at_and_told() -> None:
    with account() as ours:
        report = asked(ours, (), OBSERVATIONS, tell=lambda _: None)

    assert not report["failed"]
    assert all(report["observed"].values())
    assert ours.used.tasks <= sum(observation.tasks for observation in OBSERVATIONS)


def test_no_more_is_asked_than_was_announced() -> None:
    with account() as ours:
        with pytest.raises(TooDear):
            asked(ours, [replace(KNOWN["duplicates"], tasks=1)], tell=lambda _: None)

        assert not ours.call("GET", ours.folder).ok


def test_the_command_tells_the_cost_and_writes_the_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "answers.json"
    with Simulator("small", profile=replace(CALM, folder_children="FULL")) as simulator:
        options = ["--project", simulator.project, "--url", simulator.earth_engine_url, "--yes"]
        options += ["--answers", str(answers), "--only", "folder_children"]

        code = main(options)

    assert code == 0
    assert "at most 1 tasks" in capsys.readouterr().out
    assert json.loads(answers.read_text())["knobs"] == {"folder_children": "FULL"}
