"""There and back, killed at random moments among everything that goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.round_trip import RoundTrip


@pytest.mark.timeout(1200)
@pytest.mark.slow
def test_what_goes_comes_back_however_often_it_is_killed(tmp_path: Path) -> None:
    verdict = RoundTrip(tmp_path, kills=201).run()

    assert verdict.kills == 201
    assert verdict.states == {"proved"}
    assert verdict.counts.keys() == {"verified"}
    assert verdict.wrong == {}
