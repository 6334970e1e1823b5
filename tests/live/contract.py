"""The contract tests, run by pytest against an account; those that cannot be are left out aloud."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.live.account import Account
from tests.live.costs import Cost

ROOT = Path(__file__).parents[2]
#: Where the tests find the account that they are to be run against.
ACCOUNT = pytest.StashKey[Account]()
#: What the shared assets cost that a fixture makes once.
SHARED = {"image": Cost.of(tasks=1), "scenes": Cost.of(tasks=2), "table": Cost.of(tasks=1)}

NOTHING = Cost()

PASSED = "passed"
OF_THE_SIMULATOR = "of the simulator: faults are injected, or knobs turned"
NO_BUCKET = "no bucket was given"
OF_NO_SERVICE = "asks nothing of a service"


def cost_of(item: pytest.Item) -> Cost:
    """Return what a test may cost, by its mark: ``costs(tasks=0, megabytes=0.1)``."""
    mark = item.get_closest_marker("costs")
    return Cost.of(**mark.kwargs) if mark else Cost.of()


def left_out_because(item: pytest.Item, account: Account) -> str | None:
    """Return why a test is not run against an account; None if it is."""
    needs = getattr(item, "fixturenames", ())
    if "simulator" in needs or item.get_closest_marker("simulated"):
        return OF_THE_SIMULATOR
    if "account" not in needs:
        return OF_NO_SERVICE
    return NO_BUCKET if "bucket" in needs and not account.bucket else None


@dataclass
class Contract:
    """A plugin of pytest: what is run, what it costs, how it ended."""

    account: Account
    cost: Cost = NOTHING
    left_out: dict[str, list[str]] = field(default_factory=dict)  #: names of tests, by reason
    results: dict[str, str] = field(default_factory=dict)
    chosen: int = 0  #: how many are run

    def collect(self) -> None:
        """Find out what would be run, and its cost; nothing is asked of the service."""
        output = io.StringIO()
        with redirect_stdout(output):
            code = self._pytest("--collect-only")
        assert code == pytest.ExitCode.OK, output.getvalue()

    def run(self) -> None:
        """Run it; raises KeyboardInterrupt if somebody wants it to end."""
        if self._pytest("--tb=short") == pytest.ExitCode.INTERRUPTED:
            raise KeyboardInterrupt

    def _pytest(self, *words: str) -> int:
        self.cost, self.left_out = NOTHING, {}
        tests, alone = str(ROOT / "tests/contract"), ("-p", "no:cacheprovider", "-p", "no:randomly")
        # A task of the real service may wait for an hour.
        return pytest.main(["-q", "--timeout=0", *alone, *words, tests], plugins=[self])

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[ACCOUNT] = self.account

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        reasons = [left_out_because(item, self.account) for item in items]
        for item, reason in zip(items, reasons, strict=True):
            if reason:
                self.left_out.setdefault(reason, []).append(_name(item.nodeid))
                config.hook.pytest_deselected(items=[item])
        items[:] = [item for item, reason in zip(items, reasons, strict=True) if not reason]
        self.chosen = len(items)
        shared = {name for item in items for name in getattr(item, "fixturenames", ())}
        for cost in (*map(cost_of, items), *(SHARED[name] for name in shared & SHARED.keys())):
            self.cost += cost

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = _name(report.nodeid)
        if report.failed:
            lines = report.longreprtext.splitlines()
            self.results[name] = next((line for line in lines if line.startswith("E ")), lines[-1])
        elif report.when == "call":
            self.results.setdefault(name, PASSED if report.passed else "skipped")


def _name(node: str) -> str:
    return node.rpartition("tests/contract/")[2]
