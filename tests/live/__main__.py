"""``python -m tests.live --project P [--bucket B]``: does the contract hold, which knobs are so."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from google.auth.transport.requests import AuthorizedSession

from geesync.adapters.google.credentials import find_credentials
from geesync.errors import GeesyncError
from tests.live.account import CLOUD_STORAGE, EARTH_ENGINE, Account
from tests.live.contract import PASSED, Contract
from tests.live.costs import Cost, TooDear
from tests.live.observations import OBSERVATIONS, Observation
from tests.live.questions import QUESTIONS, Question

CONTRACT = "contract"
NOT_TOLD = "not told"


def main(words: list[str] | None = None) -> int:
    """Ask, print and write what was answered; returns 0 if all was answered and removed again."""
    given = _arguments(words)
    account = _account(given)
    contract = Contract(account)
    if not given.only or CONTRACT in given.only:
        contract.collect()
    questions = [q for q in QUESTIONS if q.knob in given.only or not given.only]
    questions = [question for question in questions if given.bucket or not question.bucket]
    observations = [o for o in OBSERVATIONS if not given.only and (given.bucket or not o.bucket)]
    costs = [*(asked.cost for asked in questions), *(looked.cost for looked in observations)]
    most = sum(costs, Cost.of() + contract.cost)
    print(
        f"{contract.chosen} tests of the contract and {len(questions)} questions: at most {most};"
        f" in {account.folder}"
        + (f" and gs://{account.bucket}/{account.prefix}" if account.bucket else "")
        + ", which are removed again. For a moment all may read a folder there in which nothing is."
    )
    if not given.yes and input("Go on? [y/N] ").strip().lower() != "y":
        return 1
    # A service manager's stop is like Ctrl-C: what was made is removed first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = asked(account, questions, observations, contract if contract.chosen else None)
    given.answers.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\nIt took {account.used}.\nWritten to {given.answers}: send it to us.")
    return 1 if report["left"] or report["failed"] else 0


def asked(
    account: Account,
    questions: Iterable[Question] = (),
    observations: Iterable[Observation] = (),
    contract: Contract | None = None,
    tell: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Return all answers; whatever was made for them is removed, come what may."""
    report: dict[str, Any] = {"knobs": {}, "observed": {}, "contract": {}, "failed": {}}
    account.meter.allow(Cost.of())
    try:
        account.make_folder()
        if contract:
            _held(report, contract, tell)
        for question in questions:
            answer = _tried(report, question.knob, question.cost, question.ask, account)
            report["knobs"][question.knob] = answer
            shown = NOT_TOLD if answer is None else repr(answer)
            tell(f"{question.words}: {question.knob} = {shown}")
        for observation in observations:
            seen = _tried(report, observation.words, observation.cost, observation.look, account)
            report["observed"][observation.words] = seen
            tell(f"{observation.words}: {seen}")
    except KeyboardInterrupt:
        report["failed"]["all that is not here"] = "somebody ended it"
    finally:
        report["used"] = str(account.used)
        report["left"] = account.clean()
    return report


def _held(report: dict[str, Any], contract: Contract, tell: Callable[[str], None]) -> None:
    """Run the contract tests; those that failed, and those that were left out, are named."""
    try:
        contract.run()
    finally:
        report["contract"] = contract.results
        report["left_out"] = contract.left_out
        report["failed"] |= {n: why for n, why in contract.results.items() if why != PASSED}
    for reason, names in contract.left_out.items():
        tell(f"{len(names)} tests left out, {reason}:")
        for name in dict.fromkeys(name.partition("[")[0] for name in names):
            tell(f"  {name}")
    for name, result in contract.results.items():
        tell(f"{'true ' if result == PASSED else 'FALSE'} {name}")


def _tried(
    report: dict[str, Any], name: str, cost: Cost, ask: Callable[[Account], Any], account: Account
) -> Any:
    """Return an answer; a question that failed does not keep the others from being asked."""
    account.meter.begin(cost)
    try:
        return ask(account)
    except TooDear:
        raise
    except Exception as error:  # noqa: BLE001 - a stranger's account may answer anything
        report["failed"][name] = f"{type(error).__name__}: {error}"[:500]
        return None


def _account(given: argparse.Namespace) -> Account:
    try:
        credentials = find_credentials(None, url=given.url, project=given.project)
    except GeesyncError as error:
        raise SystemExit(str(error)) from None
    return Account(
        AuthorizedSession(credentials),
        given.project,
        bucket=given.bucket,
        forbidden_bucket=given.forbidden_bucket,
        url=given.url,
        storage_url=given.storage_url,
        requests_per_s=10.0 if given.url == EARTH_ENGINE else 1e9,
    )


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__)
    parser.add_argument("--project", required=True, help="a project registered for Earth Engine")
    parser.add_argument(
        "--bucket", default="", help="one that may be written to; else less is asked"
    )
    parser.add_argument("--forbidden-bucket", default="", help="one that may not be written to")
    parser.add_argument(
        "--only", nargs="*", default=[], help="knobs to ask for, or 'contract'; default: all"
    )
    parser.add_argument("--answers", type=Path, default=Path("answers.json"), help="file to write")
    parser.add_argument("--yes", action="store_true", help="do not ask whether to go on")
    parser.add_argument("--url", default=EARTH_ENGINE, help="of Earth Engine, or of a simulator")
    parser.add_argument("--storage-url", default=CLOUD_STORAGE, help="likewise of Cloud Storage")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
