"""Reading directly, killed at random moments among everything that goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.direct import DirectSoak


@pytest.mark.timeout(900)
@pytest.mark.slow
@pytest.mark.parametrize("kills", [20, 200])
def test_no_tile_that_is_on_disk_is_asked_for_again_however_often_it_is_killed(
    tmp_path: Path, kills: int
) -> None:
    verdict = DirectSoak(tmp_path, kills, images=max(6, kills // 4)).run()

    assert verdict.kills == kills
    assert verdict.twice == []
    assert verdict.counts.keys() == {"verified"}
    assert verdict.inexact == []
