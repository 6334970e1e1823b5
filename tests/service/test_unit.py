"""The files that systemd reads: sound, tight, and installed where they belong."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from geesync.cli.service.installing import service_files
from geesync.config import Config
from geesync.errors import ExitCode
from tests import commands

UNIT = service_files() / "geesync.service"

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze (Debian: systemd)"
)


def install(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return commands.run("install-service", "--root", str(root), *options)


@needs_systemd
def test_the_exposure_of_the_unit_is_at_most_1_2() -> None:
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=12", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )

    assert judged.returncode == 0, judged.stdout


@needs_systemd
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    runnable = tmp_path / "geesync.service"
    runnable.write_text(UNIT.read_text().replace("/opt/geesync/bin/geesync", "/bin/true"))

    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", runnable],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (verified.returncode, verified.stderr) == (0, "")  # an unknown key is only told


def test_the_unit_does_not_restart_what_a_restart_cannot_mend() -> None:
    found = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)

    assert found
    assert {ExitCode(int(code)) for code in found[1].split()} == {
        ExitCode.USAGE,
        ExitCode.LEDGER,
        ExitCode.LOCKED,
        ExitCode.PERMISSION,
        ExitCode.CONFIG,
    }


def test_the_example_configuration_is_valid_with_its_comments_taken_away() -> None:
    example = (service_files() / "geesync.toml").read_text()
    all_set = re.sub(r"^# (\w+ = )", r"\1", example, flags=re.MULTILINE)

    config = Config.model_validate(tomllib.loads(all_set))

    assert config.bucket == "my-staging-bucket"


def test_installing_puts_every_file_in_its_place_with_this_program_and_this_mirror(
    tmp_path: Path,
) -> None:
    done = install(tmp_path, "--mirror", "/data/mirror")

    assert done.returncode == 0, done.stderr
    unit = (tmp_path / "etc/systemd/system/geesync.service").read_text()
    assert f"ExecStart={Path(sys.executable).with_name('geesync')} daemon" in unit
    assert "ReadWritePaths=/data/mirror\n" in unit
    assert "/data/mirror" in (tmp_path / "etc/tmpfiles.d/geesync.conf").read_text()
    assert 'mirror = "/data/mirror"' in (tmp_path / "etc/geesync/geesync.toml").read_text()
    assert (tmp_path / "etc/sysusers.d/geesync.conf").read_text().count("u geesync") == 1


def test_installing_again_changes_nothing_and_keeps_the_configuration(tmp_path: Path) -> None:
    install(tmp_path)
    config = tmp_path / "etc/geesync/geesync.toml"
    config.write_text("# mine\n")

    again = install(tmp_path)

    actions = [line.split()[0] for line in again.stdout.splitlines()[:4]]
    assert actions == ["same", "same", "same", "keep"]
    assert config.read_text() == "# mine\n"


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    done = install(tmp_path, "--dry-run")

    assert "write    " in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_whose_name_systemd_would_misread_is_refused(tmp_path: Path) -> None:
    done = install(tmp_path, "--mirror", "/data/my mirror")

    assert done.returncode == ExitCode.USAGE
    assert "my mirror" in done.stderr
