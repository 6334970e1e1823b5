"""``geesync backup``: a copy that holds everything, taken while the ledger is in use."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from geesync.cli.app import app
from geesync.store.views import status as views
from tests.story.world import World


def test_a_backup_is_whole_though_the_ledger_is_in_use(enqueued: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"

    ended = CliRunner().invoke(
        app, ["--ledger", str(enqueued.config.ledger), "backup", str(copy)], catch_exceptions=False
    )

    assert ended.exit_code == 0
    assert len(list(views.assets(copy))) == len(list(views.assets(enqueued.config.ledger))) == 22


def test_a_backup_that_cannot_be_written_is_told(enqueued: World, tmp_path: Path) -> None:
    ended = CliRunner().invoke(
        app, ["--ledger", str(enqueued.config.ledger), "backup", str(tmp_path / "no/copy.db")]
    )

    assert ended.exit_code != 0
