"""``python -m tests.live --project P [--bucket B]``: which knobs are the truth."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.transport.requests import AuthorizedSession

from tests.live.account import CLOUD_STORAGE, EARTH_ENGINE, Account, TooDear
from tests.live.contract import STATEMENTS, Statement
from tests.live.observations import OBSERVATIONS, Observation
from tests.live.questions import QUESTIONS, Question

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
#: What a task of 8 × 8 pixels was seen to cost at most, in EECU seconds: a guess on the safe side.
EECU_S_A_TASK = 10
NOT_TOLD = "not told"


def main(words: list[str] | None = None) -> int:
    """Ask, print and write what was answered; returns 0 if all was answered and removed again."""
    given = _arguments(words)
    questions = [q for q in QUESTIONS if given.bucket or not q.bucket]
    if given.only:
        questions = [question for question in questions if question.knob in given.only]
    statements = () if given.only else STATEMENTS
    observations = [o for o in OBSERVATIONS if not given.only and (given.bucket or not o.bucket)]
    most = sum(item.tasks for item in (*questions, *statements, *observations))
    print(
        f"{len(questions)} questions and {len(statements)} statements: at most {most} tasks of"
        f" 8 × 8 pixels (two of 512 × 512), about {most * EECU_S_A_TASK / 3600:.2f} EECU hours,"
        " in a folder of their own that is removed again."
    )
    if not given.yes and input("Go on? [y/N] ").strip().lower() != "y":
        return 1
    account = _account(given, most)
    report = asked(account, questions, statements, observations)
    given.answers.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\nWritten to {given.answers}: send it to us.")
    return 1 if report["left"] or report["failed"] else 0


def asked(
    account: Account,
    questions: Iterable[Question],
    statements: Iterable[Statement] = (),
    observations: Iterable[Observation] = (),
    tell: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Return all answers; whatever was made for them is removed, come what may."""
    report: dict[str, Any] = {"knobs": {}, "statements": {}, "observed": {}, "failed": {}}
    account.make_folder()
    try:
        for question in questions:
            answer = _tried(report, question.knob, question.ask, account)
            report["knobs"][question.knob] = answer
            shown = NOT_TOLD if answer is None else repr(answer)
            tell(f"{question.words}: {question.knob} = {shown}")
        for statement in statements:
            holds = _tried(report, statement.words, statement.holds, account)
            report["statements"][statement.words] = holds
            tell(f"{'true ' if holds else 'FALSE'} {statement.words}")
        for observation in observations:
            seen = _tried(report, observation.words, observation.look, account)
            report["observed"][observation.words] = seen
            tell(f"{observation.words}: {seen}")
    finally:
        report["left"] = account.clean()
    report["tasks"] = account.tasks
    return report


def _tried(
    report: dict[str, Any], name: str, ask: Callable[[Account], Any], account: Account
) -> Any:
    """Return an answer; a question that failed does not keep the others from being asked."""
    try:
        return ask(account)
    except TooDear:
        raise
    except Exception as error:  # noqa: BLE001 - a stranger's account may answer anything
        report["failed"][name] = f"{type(error).__name__}: {error}"[:500]
        return None


def _account(given: argparse.Namespace, most_tasks: int) -> Account:
    credentials: Credentials = AnonymousCredentials()
    if given.url == EARTH_ENGINE:
        credentials, _ = google.auth.default(scopes=SCOPES, quota_project_id=given.project)
    return Account(
        AuthorizedSession(credentials),
        given.project,
        bucket=given.bucket,
        forbidden_bucket=given.forbidden_bucket,
        url=given.url,
        storage_url=given.storage_url,
        most_tasks=most_tasks,
    )


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__)
    parser.add_argument("--project", required=True, help="a project registered for Earth Engine")
    parser.add_argument(
        "--bucket", default="", help="one that may be written to; else less is asked"
    )
    parser.add_argument("--forbidden-bucket", default="", help="one that may not be written to")
    parser.add_argument("--only", nargs="*", default=[], help="knobs to ask for; default: all")
    parser.add_argument("--answers", type=Path, default=Path("answers.json"), help="file to write")
    parser.add_argument("--yes", action="store_true", help="do not ask whether to go on")
    parser.add_argument("--url", default=EARTH_ENGINE, help="of Earth Engine, or of a simulator")
    parser.add_argument("--storage-url", default=CLOUD_STORAGE, help="likewise of Cloud Storage")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
