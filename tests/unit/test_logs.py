"""What the log tells, and how often."""

from __future__ import annotations

import json
import logging
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
import structlog

from geesync.adapters.host.journal import Journal
from geesync.logs import Fold, JournalRenderer, Libraries, configure


class Log:
    """A fold, fed with events by a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fold = Fold(monotonic=lambda: self.now)

    def tell(self, method: str = "warning", **event: Any) -> Any:
        try:
            return self.fold(None, method, {"event": "step_held", **event})
        except structlog.DropEvent:
            return None


def test_repeated_trouble_is_told_three_times_a_minute_and_then_counted() -> None:
    log = Log()
    told = [log.tell(error="503", asset=f"a{n}") is not None for n in range(10)]

    log.now = 61
    after = log.tell(error="503")

    assert told == [True] * 3 + [False] * 7
    assert after == {"event": "step_held", "error": "503", "folded": 7}


def test_other_trouble_is_told_at_once() -> None:
    log = Log()
    for _ in range(10):
        log.tell(error="503")

    assert log.tell(error="403") == {"event": "step_held", "error": "403"}


def test_what_is_no_trouble_is_never_folded() -> None:
    log = Log()

    assert all(log.tell("info", asset="a") for _ in range(100))


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "journal"))
        sending = Journal(tmp_path / "journal")
        yield listening, sending
        sending.close()


def test_each_field_of_an_event_is_a_field_of_the_journal(journal: Any) -> None:
    listening, sending = journal
    event = {"event": "export_started", "level": "info", "asset": "users/x/höhe", "operation": "A1"}

    with pytest.raises(structlog.DropEvent):
        JournalRenderer(sending)(None, "info", event | {"cause": None})

    lines = listening.recv(65536).decode().splitlines()
    assert sorted(lines) == [
        "GEESYNC_ASSET=users/x/höhe",
        "GEESYNC_EVENT=export_started",
        "GEESYNC_OPERATION=A1",
        "MESSAGE=export_started asset=users/x/höhe operation=A1",
        "PRIORITY=6",
        "SYSLOG_IDENTIFIER=geesync",
    ]


def test_a_traceback_stays_one_entry(journal: Any) -> None:
    listening, sending = journal

    sending.send({"GEESYNC_EXCEPTION": "line 1\nPRIORITY=0"})

    data = b"line 1\nPRIORITY=0"
    assert listening.recv(65536) == (
        b"GEESYNC_EXCEPTION\n" + struct.pack("<Q", len(data)) + data + b"\n"
    )


def test_an_asset_is_told_by_the_id_that_people_type(capsys: pytest.CaptureFixture[str]) -> None:
    configure(log_format="json", level="info")
    try:
        structlog.get_logger().info("seen", asset="projects/earthengine-legacy/assets/users/x/a")
    finally:
        structlog.reset_defaults()

    assert json.loads(capsys.readouterr().err)["asset"] == "users/x/a"


def test_what_a_library_logs_is_an_event_like_all_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(log_format="json", level="info")
    said = {"name": "urllib3", "levelno": logging.ERROR, "msg": "odd\n%s", "args": ("\x1b[2J",)}
    try:
        Libraries().emit(logging.makeLogRecord(said))
    finally:
        structlog.reset_defaults()

    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["library"]) == ("library_said", "urllib3")
    assert event["error"] == r"odd\x0a\x1b[2J"
