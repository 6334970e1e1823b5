"""Whatever a person gives a command by mistake: one line, a documented code, and no traceback."""

from __future__ import annotations

import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ee
import pytest
from typer.main import get_command

from geesync.adapters.google.pacing import Pacer
from geesync.cli.app import app, run
from geesync.errors import ExitCode
from geesync.simulator.simulator import Simulator
from tests.cli.conftest import Run
from tests.story.world import a_world

#: They work until they are told to stop, if what they are given is right.
LONG = {"daemon", "web", "demo", "simulator", "sync"}

WRONG = (
    "",
    "0",
    "-1",
    "99999999999999999999",
    "1e400",
    "nan",
    "/proc/nowhere/x/y",
    ".",
    "a" * 300,
    "ü\udcff",
    "\x1b[2J",
    "users/../x",
    "{}",
    "[",
    "*",
    "\n",
)

Try = Callable[..., tuple[int, str]]


def walk(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command with the words that name it."""
    if not hasattr(command, "list_commands"):
        yield names, command
        return
    for name in command.list_commands(None):
        yield from walk(command.get_command(None, name), (*names, name))


COMMANDS = dict(walk(get_command(app)))


def needed(command: Any, kind: str) -> list[Any]:
    return [p for p in command.params if p.param_type_name == kind]


def words(argument: Any) -> str:
    """Return a value that an argument may have."""
    return {"number": "1", "file": "copy.db"}.get(argument.name, "users/demo/elevation")


def least(command: Any) -> list[str]:
    """Return the arguments without which a command is refused at once."""
    return [words(p) for p in needed(command, "argument") if p.required]


def wrong_for(command: Any) -> Iterator[list[str]]:
    """Yield command lines of which one value is of a wrong kind."""
    yield least(command)
    arguments = needed(command, "argument")
    for place, argument in enumerate(arguments):
        for value in WRONG:
            given = [words(other) for other in arguments if other.required or other is argument]
            given[min(place, len(given) - 1)] = value
            yield ["--", *given]
    for option in needed(command, "option"):
        if not option.is_flag:
            yield from ([*least(command), f"{option.opts[-1]}={value}"] for value in WRONG)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger and a mirror that know an account."""
    folder = tmp_path_factory.mktemp("scanned")
    with Simulator("small") as simulator, a_world(simulator, folder) as world:
        world.enqueue("users/demo")
        world.run("discoverer")
    ee.Reset()
    return folder


@pytest.fixture
def place(scanned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration whose services are away, a ledger, and what is none."""
    (tmp_path / "geesync.toml").write_text(
        f'ledger = "{tmp_path}/geesync.db"\nmirror = "{tmp_path}/mirror"\nbucket = "a-bucket"\n'
        '[earth_engine]\nproject = "demo-project"\nurl = "http://127.0.0.1:9"\ntimeout_s = 1\n'
        '[storage]\nurl = "http://127.0.0.1:9"\ntimeout_s = 1\n[web]\nlisten = ""\n'
    )
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("no ledger\n" * 100)
    (tmp_path / "empty.db").touch()
    shutil.copytree(scanned, tmp_path, dirs_exist_ok=True)
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("GEESYNC_CONFIG", str(tmp_path / "geesync.toml"))
    monkeypatch.setenv("HOME", str(tmp_path / "here"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setattr(Pacer, "wait_until", lambda *_: None)
    return tmp_path


@pytest.fixture
def attempt(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Try:
    """Run a command line in this process; return its code and what it said to standard error."""

    def tried(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["geesync", *arguments])
        monkeypatch.chdir(place / "here")
        code = run()
        out, told = capsys.readouterr()
        assert "\x1b[2J" not in out + told
        return code, told

    return tried


def assert_is_told(arguments: tuple[str, ...], code: int, told: str) -> None:
    assert code in list(ExitCode), arguments
    assert "Traceback" not in told, arguments
    if code not in {ExitCode.OK, ExitCode.INCOMPLETE}:
        assert len(told.strip().splitlines()) == 1, (arguments, told)


@pytest.mark.parametrize("names", [n for n in COMMANDS if n[0] not in LONG], ids=" ".join)
def test_a_value_of_a_wrong_kind_is_refused_in_one_line(
    attempt: Try, names: tuple[str, ...]
) -> None:
    for arguments in wrong_for(COMMANDS[names]):
        assert_is_told((*names, *arguments), *attempt(*names, *arguments))


@pytest.mark.parametrize("ledger", ["folder", "text.db", "empty.db", "nowhere/geesync.db"])
def test_what_is_no_ledger_is_told_by_every_command(attempt: Try, place: Path, ledger: str) -> None:
    for names, command in COMMANDS.items():
        if names[0] in {"demo", "simulator", "install-service", "config"}:
            continue
        arguments = [*names, *least(command), *(["--once"] if names[0] == "sync" else [])]
        before = (f"--ledger={place / ledger}", *arguments)

        code, told = attempt(*before)

        assert_is_told(before, code, told)
        assert code != ExitCode.OK or names[0] == "doctor", before


@pytest.mark.parametrize("file", ["folder", "text.db", "nowhere.toml", "/proc/self/mem"])
def test_what_is_no_configuration_is_told(attempt: Try, place: Path, file: str) -> None:
    for names in (["status"], ["doctor"], ["daemon"], ["enqueue", "x"], ["config", "show"]):
        code, told = attempt("-c", str(place / file), *names)

        assert_is_told((file, *names), code, told)
        assert code == ExitCode.CONFIG


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["simulator", "--port=99999"],
            ExitCode.USAGE,
            "--port: 65535 or less is needed, got '99999'",
        ),
        (["simulator", "--speed=1e400"], ExitCode.USAGE, "--speed"),
        (["simulator", "--audit=/proc/nowhere/x"], ExitCode.MIRROR, "/proc/nowhere/x: No such"),
        (["simulator", "--scenario=nowhere"], ExitCode.USAGE, "no file to read: No such file"),
        (["web", "--listen=99"], ExitCode.CONFIG, "web.listen` (from the command line)"),
        (["web", "--listen=127.0.0.1:99999"], ExitCode.CONFIG, "99999"),
        (["web", "--listen=unix:/proc/nowhere/socket"], ExitCode.USAGE, "No such file"),
        (["priority", "users/demo", "9" * 20], ExitCode.USAGE, "NUMBER: 1000 or less is needed"),
        (["backup", "/proc/nowhere/x.db"], ExitCode.MIRROR, "/proc/nowhere/x.db"),
        (["pause", ""], ExitCode.USAGE, "ROOT|ASSET|JOB is empty"),
        (["restores", "users/none"], ExitCode.USAGE, "nothing is restored to users/none"),
        (["restores", "--retry", "--cancel"], ExitCode.USAGE, "--retry and --cancel"),
        (["status", "--json", "--watch"], ExitCode.USAGE, "--watch and --json"),
    ],
)
def test_what_is_wrong_is_named(
    attempt: Try, arguments: list[str], code: ExitCode, words: str
) -> None:
    ended, told = attempt(*arguments)

    assert ended == code, told
    assert words in told
    assert len(told.splitlines()) == 1


def test_a_port_that_is_taken_is_told(geesync: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = geesync("simulator", f"--port={taken.getsockname()[1]}")

    assert ended.returncode == ExitCode.USAGE
    assert "Address already in use" in ended.stderr


def nobody_has_this_uid(_: int) -> None:
    raise KeyError("getpwuid(): uid not found")


def test_a_user_without_a_home_or_a_name_is_told_what_to_set(
    attempt: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "STATE_DIRECTORY", "GEESYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody_has_this_uid)

    for command in (["status"], ["doctor"], ["config", "show"], ["enqueue", "users/demo"]):
        code, told = attempt(*command)

        assert code == ExitCode.CONFIG, told
        assert "no home for the ledger: set `ledger`" in told


def test_nothing_given_is_answered_with_the_help(attempt: Try) -> None:
    for arguments in ([], ["config"]):
        code, told = attempt(*arguments)

        assert code == ExitCode.USAGE
        assert told.startswith("Usage: geesync")
        assert "\\x0a" not in told


def test_what_is_no_choice_is_told_once(attempt: Try) -> None:
    _, told = attempt("ls", "--state=lost")

    assert told.startswith("geesync: --state: 'lost' is not one of 'discovered', ")
    assert told.endswith("'excluded': geesync ls --help\n")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("enqueue -c x users/x", "-c comes before the command: geesync -c PATH enqueue …"),
        ("status --ledger x", "--ledger comes before the command: geesync --ledger PATH status …"),
        ("enqueue --mask none users/x", "No such option: --mask. Did you mean --masks?"),
        ("-c folder status", "folder is a folder: name the configuration file in it"),
    ],
)
def test_an_option_in_a_wrong_place_or_misspelt_is_answered_with_the_right_one(
    attempt: Try, place: Path, line: str, told: str
) -> None:
    code, said = attempt(*line.replace("folder", str(place / "folder")).split())

    assert code in {ExitCode.USAGE, ExitCode.CONFIG}
    assert told in said


def test_help_calls_values_by_what_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in COMMANDS:
        monkeypatch.setattr(sys, "argv", ["geesync", *name, "--help"])
        run()
        told = capsys.readouterr().out

        assert not re.search(r"<[a-z]|\[\[", told), told


def test_a_relative_path_in_a_folder_that_is_gone_names_the_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = place / "here"
    monkeypatch.chdir(here)
    monkeypatch.setenv("PWD", str(here))
    here.rmdir()

    for variable, value in (("GEESYNC_LEDGER", "l.db"), ("GEESYNC_MIRROR", "copy")):
        with monkeypatch.context() as patched:
            patched.setenv(variable, value)
            patched.setattr(sys, "argv", ["geesync", "status"])
            code = run()

        told = capsys.readouterr().err
        assert code == ExitCode.MIRROR, told
        assert told.startswith(f"geesync: {here}, in which this was started, is gone: ")
