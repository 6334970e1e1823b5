from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from geesync.adapters.host.messenger import Messenger
from geesync.config import load
from geesync.domain.messages.notices import Notice, safe
from geesync.domain.mirror.lifecycle import State
from geesync.domain.tasks.lifecycle import DRIVE
from geesync.errors import Cause, RemoteError
from geesync.steps.brakes.gates import gates_of_downloads
from geesync.steps.step import StepContext
from geesync.steps.upkeep.notifier import Notifier
from tests.web.ledgers import NOW, Story, troubled

WRITE = "import sys; open({0!r}, 'a').write(sys.stdin.read() + chr(10))"
DAY = timedelta(days=1)


@dataclass
class Listening:
    """A notifier whose notices end in a file."""

    notifier: Notifier
    file: Path
    now: datetime = NOW

    def look(self, *, later: timedelta = timedelta()) -> list[dict[str, Any]]:
        """Let time pass, look, and return what was told."""
        self.now += later
        self.file.unlink(missing_ok=True)
        self.notifier.run_once()
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [json.loads(line) for line in lines]

    def kinds(self, *, later: timedelta = timedelta()) -> set[str]:
        return {notice["kind"] for notice in self.look(later=later)}


@pytest.fixture
def listening(story: Story, tmp_path: Path) -> Iterator[Listening]:
    file = tmp_path / "told"
    messenger = Messenger((sys.executable, "-S", "-c", WRITE.format(str(file))))
    with ThreadPoolExecutor(1) as pool:
        context = StepContext(story.ledger, pool)
        mine = Listening(
            Notifier(context, story.roots, story.path, messenger, DAY, DAY, 0, ()), file
        )
        context.clock = lambda: mine.now
        yield mine


def test_a_complete_root_is_told_once(story: Story, listening: Listening) -> None:
    names = story.discover(story.enqueue(), 2)
    assert listening.look() == []

    story.bring(names, State.VERIFIED)

    (told,) = listening.look(later=timedelta(hours=1))
    assert told["title"] == "geesync: users/demo is complete"
    assert listening.kinds(later=timedelta(hours=2)) == set()
    assert listening.kinds(later=timedelta(days=9)) == set()


def test_a_destination_that_is_refused_is_named(story: Story, listening: Listening) -> None:
    troubled(story)
    clock = lambda: listening.now  # noqa: E731 # as the notifier's
    gates = gates_of_downloads(clock, story.roots, ["mine", DRIVE])
    gates.at("mine").close(RemoteError(Cause.PERMISSION, "The bucket is suspended."))
    listening.notifier.gates = [gates]

    (told,) = (one for one in listening.look() if one["kind"] in {"halted", "permission"})

    assert told["title"] == "geesync: downloads halted: bucket mine"
    assert told["text"] == "The bucket is suspended."
    assert told["subject"] == "downloads, bucket mine"


def test_everything_that_needs_a_person_is_told(story: Story, listening: Listening) -> None:
    troubled(story)

    assert listening.kinds() == {"alarm", "quarantined", "permission"}


def test_what_lasts_is_told_again_after_a_day(story: Story, listening: Listening) -> None:
    root = story.enqueue()
    story.roots.update(root.id, alarm="it lists nothing")

    told = [listening.kinds(later=timedelta(hours=hours)) for hours in (0, 1, 12, 12)]

    assert told == [{"alarm"}, set(), set(), {"alarm"}]


def test_what_flutters_is_told_once_a_day(story: Story, listening: Listening) -> None:
    root = story.enqueue()
    told = []

    for hour in range(24):
        story.roots.update(root.id, alarm="it lists nothing" if hour % 2 == 0 else None)
        told += listening.look(later=timedelta(hours=1))

    assert len(told) == 1


def test_work_that_does_not_move_is_stuck(story: Story, listening: Listening) -> None:
    story.discover(story.enqueue(), 3)

    assert listening.kinds(later=timedelta(hours=23)) == set()
    (told,) = listening.look(later=timedelta(hours=2))
    assert (told["kind"], told["text"][:13]) == ("stuck", "3 assets wait")


def test_a_low_disk_and_a_missing_mirror_are_told(story: Story, listening: Listening) -> None:
    story.enqueue()
    listening.notifier.disk_low_bytes = 2**60

    assert [notice["title"] for notice in listening.look()] == ["geesync: the disk is low"]

    (story.mirror / ".geesync").rmdir()

    (told,) = listening.look(later=timedelta(days=2))
    assert told["title"] == "geesync: the mirror is not there"


def test_a_notice_that_could_not_be_sent_is_tried_again_soon(
    story: Story, listening: Listening
) -> None:
    root = story.enqueue()
    story.roots.update(root.id, alarm="it lists nothing")
    works = listening.notifier.messenger
    listening.notifier.messenger = Messenger(("/bin/false",))
    listening.look()

    listening.notifier.messenger = works

    assert listening.kinds(later=timedelta(minutes=5)) == set()
    assert listening.kinds(later=timedelta(minutes=6)) == {"alarm"}


@pytest.mark.parametrize("command", [("/nowhere/at/all",), ("/bin/false",)])
def test_a_command_that_fails_is_no_failure_of_ours(command: tuple[str, ...]) -> None:
    assert Messenger(command).send(Notice("disk", "", "title", "text")) is False


def test_no_secret_reaches_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEESYNC_NOTIFY__URLS", "mailto://me:secret@example.com")
    told = tmp_path / "environment"
    code = f"import os, sys; open({str(told)!r}, 'w').write(repr(dict(os.environ)))"

    assert Messenger((sys.executable, "-c", code)).send(Notice("disk", "", "title", "text"))

    assert "mailto" not in told.read_text()
    assert os.environ["PATH"] in told.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "denied for Bearer s3cret.to-ken",
        "token ya29.s3cret_x was refused",
        "GET https://user:s3cret@host/path failed",
        "https://storage/x?X-Goog-Signature=s3cret&x=1",
        "-----BEGIN PRIVATE KEY-----\ns3cret",
    ],
)
def test_what_looks_like_a_secret_is_not_told(text: str) -> None:
    assert "s3cret" not in safe(text)
    assert Notice("disk", "", text, text).to_json()["text"] == safe(text)


def test_apprise_addresses_are_secrets_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "geesync.toml"
    file.write_text('[notify]\nurls = ["mailto://me:hidden@example.com"]\n')
    monkeypatch.setenv("GEESYNC_NOTIFY__COMMAND", "/usr/bin/mail -s 'geesync says' me")

    loaded = load(file=file)

    assert "hidden" not in repr(list(loaded.values()))
    assert loaded.config.notify.command == ("/usr/bin/mail", "-s", "geesync says", "me")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise's own imports
def test_an_apprise_service_that_is_not_there_is_no_failure_of_ours() -> None:
    pytest.importorskip("apprise")

    sent = Messenger((), ["json://127.0.0.1:1/?retry=0"]).send(Notice("disk", "", "a", "b"))

    assert sent is False
