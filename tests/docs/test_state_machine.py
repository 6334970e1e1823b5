"""The drawn state machine is the one that runs."""

from __future__ import annotations

from tests.docs.state_machine import PAGE, page


def test_the_page_of_the_state_machine_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tests/docs/state_machine.py"
