"""What commands say and how they end."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from geesync.errors import ExitCode
from tests.cli.conftest import Run


def test_a_small_account_is_mirrored_by_two_commands(geesync: Run, tmp_path: Path) -> None:
    assert geesync("enqueue", "users/demo", "projects/demo-project").returncode == 0

    synced = geesync("sync", "--once")

    assert synced.returncode == 0, synced.stderr
    status = json.loads(geesync("status", "--json").stdout)
    assert status["moving"] == 0
    assert [root["id"] for root in status["roots"]] == [
        "users/demo",
        "projects/demo-project/assets",
    ]
    assert (tmp_path / "mirror/users/demo/elevation/elevation.tif").is_file()


def test_an_incomplete_sync_ends_with_its_own_code(geesync: Run, tmp_path: Path) -> None:
    geesync("enqueue", "users/demo/elevation")
    foreign = tmp_path / "mirror/users/demo/elevation"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("not a folder")

    synced = geesync("sync", "--once")

    assert synced.returncode == ExitCode.INCOMPLETE
    assert foreign.read_text() == "not a folder"


def test_help_says_of_each_command_a_whole_sentence(geesync: Run) -> None:
    done = geesync("--help")

    assert "one asset" in done.stdout
    assert "..." not in done.stdout.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "words"),
    [
        (["bogus"], {}, ExitCode.USAGE, "No such command 'bogus': python -m geesync --help"),
        (["enqueue"], {}, ExitCode.USAGE, "ROOT… is missing: python -m geesync enqueue --help"),
        (["status"], {}, ExitCode.LEDGER, "there is no ledger"),
        (["sync", "--once"], {}, ExitCode.LEDGER, "there is no ledger"),
        (["daemon"], {}, ExitCode.LEDGER, "there is no ledger"),
        (["--ledger", "mistyped.db", "sync", "--once"], {}, ExitCode.LEDGER, "mistyped.db"),
        (["enqueue", "users/demo", "--type", "IMAGES"], {}, ExitCode.USAGE, "types"),
        (["enqueue", "users/nobody"], {}, ExitCode.USAGE, "does not exist, or is not shared"),
        (["enqueue", "LANDSAT/LC08"], {}, ExitCode.USAGE, "is not an asset that one can own"),
        (["enqueue", "users/demo", "--bucket", "nope"], {}, ExitCode.USAGE, "no bucket nope"),
        (
            ["enqueue", "users/demo", "--dest", "/proc/nowhere"],
            {},
            ExitCode.MIRROR,
            "cannot be written",
        ),
        (
            ["enqueue", "users/demo"],
            {"GEESYNC_EARTH_ENGINE__URL": "http://127.0.0.1:9"},
            ExitCode.UNAVAILABLE,
            "Earth Engine: no answer",
        ),
        (["config", "show"], {"GEESYNC_BOGUS": "1"}, ExitCode.CONFIG, "unknown key `bogus`"),
        (
            ["config", "show"],
            {"GEESYNC_THROTTLE__DOWNLOADS": "0"},
            ExitCode.CONFIG,
            "GEESYNC_THROTTLE__DOWNLOADS",
        ),
        (["retry"], {}, ExitCode.USAGE, "nothing to try again"),
        (["sync"], {}, ExitCode.USAGE, "sync --once"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    geesync: Run, arguments: list[str], variables: dict[str, str], code: ExitCode, words: str
) -> None:
    ended = geesync(*arguments, **variables)

    assert ended.returncode == code, ended.stderr
    assert words in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_the_origin_of_each_value_is_told(geesync: Run, tmp_path: Path) -> None:
    shown = json.loads(geesync("config", "show", "--json", GEESYNC_LOG__LEVEL="debug").stdout)

    assert shown["bucket"]["origin"] == str(tmp_path / "geesync.toml")
    assert shown["log.level"] == {"value": "debug", "origin": "GEESYNC_LOG__LEVEL"}
    assert shown["throttle.downloads"]["origin"] == "default"


def test_an_asset_s_history_is_told(geesync: Run) -> None:
    geesync("enqueue", "https://code.earthengine.google.com/?asset=users/demo/elevation")
    geesync("sync", "--once")

    told = json.loads(geesync("show", "users/demo/elevation", "--json").stdout)

    assert told["state"] == "verified"
    assert [event["name"] for event in told["events"]] == [
        "Discovered",
        "ExportStarted",
        "ExportsSucceeded",
        "DownloadFinished",
        "CheckPassed",
    ]


def test_dequeue_stops_watching_and_deletes_nothing(geesync: Run, tmp_path: Path) -> None:
    geesync("enqueue", "users/demo/elevation")
    geesync("sync", "--once")

    geesync("dequeue", "users/demo/elevation")

    assert geesync("roots").stdout == ""
    assert (tmp_path / "mirror/users/demo/elevation/elevation.tif").is_file()


def test_another_form_that_copies_on_their_way_do_not_take_is_told(
    geesync: Run, tmp_path: Path
) -> None:
    geesync("enqueue", "users/demo/elevation")
    geesync("sync", "--once")
    with closing(sqlite3.connect(tmp_path / "geesync.db")) as ledger, ledger:
        ledger.execute("UPDATE asset SET state = 'downloaded'")

    told = geesync("enqueue", "users/demo/elevation", "--masks", "separate").stdout
    again = geesync("enqueue", "users/demo/elevation", "--masks", "separate").stdout

    assert "1 asset on the way in the form that was asked for before" in told
    assert "on the way" not in again


def test_a_root_does_not_lose_its_files_to_another_folder(geesync: Run, tmp_path: Path) -> None:
    geesync("enqueue", "users/demo/elevation")
    geesync("sync", "--once")

    refused = geesync("enqueue", "users/demo/elevation", "--dest", str(tmp_path / "elsewhere"))

    assert refused.returncode == ExitCode.USAGE
    assert f"is mirrored in {tmp_path / 'mirror'}" in refused.stderr


def test_a_mirror_that_was_moved_is_taken_where_it_is(geesync: Run, tmp_path: Path) -> None:
    geesync("enqueue", "users/demo/elevation")
    geesync("sync", "--once")
    (tmp_path / "mirror").rename(tmp_path / "elsewhere")

    taken = geesync("enqueue", "users/demo/elevation", "--dest", str(tmp_path / "elsewhere"))

    assert taken.returncode == 0, taken.stderr
    assert geesync("check", "--read-data").returncode == 0


def test_a_ledger_is_recovered_only_where_there_is_none(geesync: Run, tmp_path: Path) -> None:
    geesync("enqueue", "users/demo/elevation")
    geesync("sync", "--once")

    refused = geesync("recover", "users/demo/elevation")
    (tmp_path / "geesync.db").unlink()
    recovered = geesync("recover", "users/demo/elevation")

    assert refused.returncode == ExitCode.LEDGER
    assert refused.stderr.startswith("geesync: there is a ledger")
    assert recovered.returncode == 0, recovered.stderr
    assert "1 asset is in" in recovered.stdout
    assert "0 exports go on" in recovered.stdout
    assert json.loads(geesync("status", "--json").stdout)["moving"] == 1
