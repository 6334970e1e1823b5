"""Commands as they are started; those of other tests are forked, with all of it imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from geesync.cli.app import COMMANDS
from tests.cli.conftest import Run

ONE = "users/demo/elevation"

#: What a person may ask in this order, and how it ends.
DEEDS = (
    (("enqueue", ONE), 0),
    (("sync", "--once"), 0),
    (("pause", ONE), 0),
    (("resume", ONE), 0),
    (("priority", ONE, "2"), 0),
    (("retry", "--all"), 0),
    (("cancel", ONE), 0),
    (("adopt", "mirror", "--root", ONE), 2),
    (("restore", ONE, "--to", "users/demo/back"), 0),
    (("backup", "copy.db"), 0),
    (("install-service", "--root", "root"), 0),
    (("dequeue", ONE), 0),
    (("daemon", "--bogus"), 2),
    (("web", "--listen", "127.0.0.1:99999"), 78),
)
#: What changes nothing, so that it can be asked twice.
QUESTIONS = (
    ("--version",),
    ("status", "--json"),
    ("show", ONE),
    ("ls", "--files"),
    ("roots",),
    ("check", "--read-data"),
    ("export-metadata",),
    ("config", "show"),
    ("doctor",),
    ("restores",),
    ("free", ONE),
    ("recover", ONE),
    ("series", ONE),
    ("derive", "plan", "nothing"),
)


@pytest.mark.slow
def test_each_command_brings_what_it_needs_and_answers_the_same_if_it_is_forked(
    geesync: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    for words, code in DEEDS:
        done = geesync(*words, real=True)
        assert done.returncode == code, done
        if words == ("sync", "--once"):
            for question in QUESTIONS:
                assert vars(geesync(*question)) == vars(geesync(*question, real=True))


def test_no_command_is_left_out() -> None:
    asked = {words[0] for words in (*dict(DEEDS), *QUESTIONS)}

    # These two are started by tests of their own.
    assert set(COMMANDS) - asked == {"demo", "simulator"}
