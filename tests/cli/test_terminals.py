"""What reaches a terminal: any text on any terminal, and nothing of it raw."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

from geesync.cli.context import output
from geesync.domain.messages.words import printable
from geesync.errors import ExitCode
from tests.cli.conftest import Run

HOSTILE = "denied \x1b]0;PWNED\x07\x1b[2J\x1b]52;c;cm0=\x07 \u202egnp \x9b2J \udcff"


def test_what_is_not_shown_as_itself_is_written_out() -> None:
    shown = printable(f"{HOSTILE}\nnext")

    assert shown.isprintable()
    assert "denied \\x1b]0;PWNED\\x07" in shown
    assert "\\u202egnp \\x9b2J \\udcff\\x0anext" in shown
    assert printable("größer · 東京　Ω\n", lines=True) == "größer · 東京　Ω\n"


@pytest.mark.parametrize("how", ["plain", "text"])
def test_a_console_shows_its_own_colours_and_no_escapes_of_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    output().print(HOSTILE if how == "plain" else Text.assemble((HOSTILE, "bold red")))

    told = capsys.readouterr().out
    assert "\x1b]" not in told
    assert "\x1b[2J" not in told
    assert "\u202e" not in told
    assert ("\x1b[1;31m" in told) == (how == "text")


def test_names_from_outside_reach_no_terminal_raw(geesync: Run, tmp_path: Path) -> None:
    (tmp_path / "geesync.toml").write_text('ledger = "x"\n"a\\u001b[2J\\u202e" = 1\n')

    ended = geesync("config", "show")

    assert "\x1b" not in ended.stderr
    assert "\\x1b[2J\\u202e" in ended.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    "arguments",
    [["status"], ["doctor"], ["config", "show"], ["enqueue", "--help"], ["check"], ["roots"]],
)
def test_a_terminal_without_unicode_is_told_the_same(
    geesync: Run, encoding: str, arguments: list[str]
) -> None:
    geesync("enqueue", "users/demo/elevation")

    ended = geesync(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="0")

    assert "Traceback" not in ended.stderr
    assert ended.stdout


@pytest.mark.parametrize("columns", ["0", "00", "", "none"])
def test_a_terminal_that_tells_no_width_is_told_the_same(geesync: Run, columns: str) -> None:
    geesync("enqueue", "users/demo/elevation")

    assert "not complete" in geesync("status", COLUMNS=columns, LINES=columns).stdout


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_closed_output_is_no_bug(geesync: Run, closed: str, tmp_path: Path) -> None:
    geesync("enqueue", "users/demo/elevation")
    shell = f"exec {sys.executable} -m geesync ls {closed}>&-"
    environment = os.environ | {"GEESYNC_CONFIG": str(tmp_path / "geesync.toml")}

    ended = subprocess.run(
        ["/bin/sh", "-c", shell], env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""


def test_what_is_no_file_is_written_to_and_never_replaced(geesync: Run, tmp_path: Path) -> None:
    geesync("enqueue", "users/demo/elevation")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    table = geesync("export-metadata", "--output", str(pipe), "--format", "stac-geoparquet")
    ended = geesync("export-metadata", "--output", str(pipe))

    assert table.returncode == ExitCode.USAGE  # its writer would replace the pipe
    assert ended.returncode == 0, ended.stderr
    assert pipe.is_fifo()
    assert os.read(reader, 1)
    os.close(reader)
