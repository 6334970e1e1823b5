"""What a command answers is true for the state it is given in, and what it advises works."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from geesync.cli.app import run
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import next_action
from geesync.domain.mirror.lifecycle import NothingToExport, State
from geesync.domain.state_machine import Delayed, Refused
from geesync.errors import Cause, ExitCode
from tests.web.ledgers import NOW, Story

IDS = "users/demo"


class Cli:
    """Runs commands in this process on a story's ledger."""

    def __init__(
        self, story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._story, self._monkeypatch, self._capsys = story, monkeypatch, capsys

    def __call__(self, *arguments: str) -> str:
        """Return what was said, to standard output and error."""
        given = ["geesync", f"--ledger={self._story.path}", *arguments]
        self._monkeypatch.setattr("sys.argv", given)
        self.code = run()
        return "".join(self._capsys.readouterr())


@pytest.fixture
def cli(story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.setenv("GEESYNC_MIRROR", str(story.mirror))
    monkeypatch.setenv("GEESYNC_EARTH_ENGINE__PROJECT", "demo-project")
    return Cli(story, monkeypatch, capsys)


def test_retry_of_what_only_waits_says_so(story: Story, cli: Cli) -> None:
    waiting, broken, done, moving = story.discover(story.enqueue(), 4)
    story.tell([waiting], Delayed("no answer", cause=Cause.TRANSIENT))
    story.tell([broken], Refused("no valid pixels", cause=Cause.FAILED))
    story.bring([done], State.VERIFIED)

    assert "goes on by itself" in cli("retry", waiting)
    assert "is verified: there is nothing to try again" in cli("retry", done)
    assert cli("retry", "--cause=plan").startswith("nothing like that is quarantined")
    told = cli("retry", broken).splitlines()
    assert told[0] == "1 asset will be tried again"
    assert told[1].startswith("no daemon runs: geesync daemon")
    assert moving


def test_retry_of_a_folder_is_of_all_below_it(story: Story, cli: Cli) -> None:
    names = story.discover(story.enqueue(), 2)
    story.tell(names, Refused("no valid pixels", cause=Cause.FAILED))

    assert cli("retry", names[0]).startswith("1 asset will")
    assert cli("retry", IDS).startswith("1 asset will")
    assert cli("retry", IDS).startswith(f"nothing of {IDS} is quarantined")


def test_cancel_of_what_does_not_move_says_so(story: Story, cli: Cli) -> None:
    (name,) = story.discover(story.enqueue(), 1)
    story.bring([name], State.VERIFIED)

    told = cli("cancel", name)

    assert told.startswith("nothing of users/demo/")
    assert "is on its way" in told
    assert "Earth Engine" not in told


def test_a_name_that_is_not_known_is_told_why(story: Story, cli: Cli) -> None:
    assert "lies below no root" in cli("show", "users/nobody")
    root = story.enqueue()
    for command in ("show", "ls", "status", "cancel", "retry", "pause"):
        told = cli(command, f"{IDS}/x")
        assert cli.code == ExitCode.USAGE, command
        assert f"{IDS}/x is not known yet: {IDS} is not yet scanned" in told
    story.roots.update(root.id, scanned_at=NOW)

    assert "the last scan did not find it" in cli("show", f"{IDS}/x")


def test_resume_says_what_still_holds(story: Story, cli: Cli) -> None:
    story.discover(story.enqueue(), 2)

    assert cli("resume", IDS) == f"{IDS} was not paused\n"
    assert cli("resume") == "nothing was paused\n"
    cli("pause")
    assert cli("resume", IDS) == (
        f"{IDS} still waits: everything is paused, geesync resume goes on\n"
    )
    cli("pause", IDS)
    assert cli("resume").startswith("everything goes on\nno daemon runs")


def test_resume_and_status_name_the_destination_that_is_refused(story: Story, cli: Cli) -> None:
    story.discover(story.enqueue(), 2)
    full = {"Drive": "Not enough space in Google Drive."}
    story.beat(at=datetime.now(UTC), halted=full, exporter="Drive: Not enough space")
    cli("pause")

    assert "halted, and goes on by itself: Drive: Not enough space" in cli("resume")
    assert "exporter waits   Drive: Not enough space" in cli("status")


def test_a_folder_can_be_paused_alone(story: Story, cli: Cli) -> None:
    root = story.enqueue()
    names = story.discover(root, 6)
    folder = names[0].rpartition("/")[0]
    story.tell(names[:1], NothingToExport())
    cli("pause", names[0])
    cli("pause", names[3])

    due = {asset.name for asset in story.ledger.due(State.DISCOVERED, now=NOW, limit=99)}

    assert due == set(names[1:3]) | set(names[4:])
    assert folder not in due
    assert "2 assets wait for the end of the pause; 4 assets are on the way" in cli("status")
    assert "1 asset waits for the end of the pause" in cli("status", names[0])
    assert json.loads(cli("status", "--json"))["pauses"] == [
        display_id(name) for name in sorted([names[0], names[3]])
    ]
    assert cli("resume", IDS).startswith(f"{IDS} goes on")
    assert story.roots.pauses() == []


def test_a_root_inside_another_is_paused_though_the_other_took_its_assets(
    story: Story, cli: Cli
) -> None:
    names = story.discover(story.enqueue(), 6)
    inner = names[0].rpartition("/")[0]
    story.enqueue(inner)

    cli("pause", inner)

    due = {asset.name for asset in story.ledger.due(State.DISCOVERED, now=NOW, limit=99)}
    assert due == {name for name in names if not name.startswith(f"{inner}/")}
    assert cli("resume", inner).splitlines()[0].endswith(" goes on")
    assert len(story.ledger.due(State.DISCOVERED, now=NOW, limit=99)) == len(names)


@pytest.mark.parametrize("state", [State.DISCOVERED, State.EXPORTING, State.DOWNLOADED])
@pytest.mark.parametrize("cause", list(Cause))
def test_a_retry_is_advised_only_of_what_is_quarantined(cause: Cause, state: State) -> None:
    if cause != Cause.CANCELLED:  # which is always quarantined
        assert "geesync retry" not in next_action(cause, state, "users/x/a")


def test_the_advice_names_the_asset_or_all_of_its_cause() -> None:
    one = next_action(Cause.FAILED, State.QUARANTINED, "users/x/a b")
    many = next_action(Cause.FAILED, State.QUARANTINED, "users/x/a", 3)

    assert one.endswith("geesync retry 'users/x/a b' tries again")
    assert many.endswith("geesync retry --cause failed tries again")
    assert "tiles" not in next_action(Cause.PLAN, State.DISCOVERED)


def test_completion_knows_the_roots_and_the_values_of_options(
    story: Story,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    story.enqueue()
    monkeypatch.setenv("GEESYNC_LEDGER", str(story.path))
    monkeypatch.setenv("_GEESYNC_COMPLETE", "complete_bash")
    for typed, expected in (
        ("status us", "users/demo"),
        ("ls --state ver", "verified"),
        ("enqueue users/x --way buc", "bucket"),
        ("enqueue users/x --type IMAGE,TA", "IMAGE,TABLE"),
        ("restore users/x --prove dig", "digest"),
    ):
        monkeypatch.setenv("COMP_WORDS", f"geesync {typed}")
        monkeypatch.setenv("COMP_CWORD", str(len(typed.split())))
        with pytest.raises(SystemExit):
            cli()
        assert capsys.readouterr().out.strip() == expected
