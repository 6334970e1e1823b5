"""What the pages tell people to type is typed here, to the letter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.config import Config
from geesync.simulator.simulator import Simulator
from tests.docs.pages import blocks

from .machine import Machine

#: Each page is a life of its own: installed, started, mirrored.
pytestmark = pytest.mark.slow


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Simulator("small", speed=3600) as simulator:
        yield Machine(tmp_path, simulator)


def filled_in(machine: Machine, **more: str) -> dict[str, str]:
    return {"my-project": machine.simulator.project, "users/NAME": "users/demo", **more}


def config_of(machine: Machine) -> Config:
    written = (machine.folder / "etc/geesync/geesync.toml").read_text()
    return Config.model_validate(tomllib.loads(written))


def test_as_oneself_it_leads_from_nothing_to_a_mirror(machine: Machine) -> None:
    machine.said = filled_in(machine)
    project, oneself, *_ = blocks("real-account.md")

    done = machine.run(project, oneself)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "complete"
    assert (machine.home / "gee-mirror/users/demo/elevation/elevation.tif").exists()
    assert machine.simulator.audit.count("export") == 0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Yield a machine whose service has mirrored an account, with a key and without a bucket."""
    with Simulator("small", speed=3600) as simulator:
        machine = Machine(tmp_path_factory.mktemp("served"), simulator)
        machine.said = filled_in(machine)
        project, _, key, *_ = blocks("real-account.md")
        done = machine.run(project, key, blocks("service.md")[0])
        assert done.returncode == 0, done.stdout + done.stderr
        assert "complete" in done.stdout.splitlines()
        yield machine


def test_a_service_has_a_key_that_only_root_can_read(served: Machine) -> None:
    assert served.mode("etc/geesync/key.json") == "-rw-------"
    assert not (served.home / "key.json").exists()
    assert config_of(served).earth_engine.project == served.simulator.project
    assert served.simulator.audit.count("export") == 0
    assert "systemctl enable --now geesync" in served.done()


def test_a_bucket_is_added_to_what_runs(served: Machine) -> None:
    served.said = {"my-staging-bucket": served.simulator.bucket}

    done = served.run("PROJECT=demo-project; SA=geesync@p", blocks("real-account.md")[3])

    assert done.returncode == 0, done.stdout + done.stderr
    assert config_of(served).bucket == served.simulator.bucket
    assert "systemctl restart geesync" in served.done()


def test_what_was_made_is_removed_again(machine: Machine) -> None:
    stop, leave = blocks("real-account.md")[-2:]
    for place in ("etc/systemd/system", "etc/geesync", "opt/geesync"):
        (machine.folder / place).mkdir(parents=True)
    for file in ("etc/systemd/system/geesync.service", "usr/local/bin/geesync"):
        (machine.folder / file).touch()

    dequeue = 'sudo geesync dequeue "$ROOT"'
    assert dequeue in stop  # of a ledger that is not here
    done = machine.run("ROOT=r; PROJECT=p; SA=s; BUCKET=b", stop.replace(dequeue, ":"), leave)

    assert done.returncode == 0, done.stdout + done.stderr
    assert not (machine.folder / "etc/geesync").exists()


def test_assets_of_others_are_shared_as_the_page_says(machine: Machine) -> None:
    outside, share = blocks("real-account.md")[4:6]

    done = machine.run("SA=geesync@p.iam.gserviceaccount.com", outside, share)

    assert done.returncode == 0, done.stdout + done.stderr


def crash(machine: Machine) -> None:
    """Have a daemon die in the midst, with what it had not put into the ledger's file."""
    script = (
        "import sys, time; from geesync.store.file.database import open_current;"
        "from geesync.store.ledger.roots import Roots; from datetime import UTC, datetime;"
        "from pathlib import Path;"
        "Roots(open_current(Path(sys.argv[1]))).put('x', 'y', datetime.now(UTC));"
        "print('there', flush=True); time.sleep(60)"
    )
    ledger = machine.folder / "var/lib/geesync/geesync.db"
    with subprocess.Popen(
        [sys.executable, "-c", script, ledger], stdout=subprocess.PIPE, text=True
    ) as dying:
        assert dying.stdout is not None
        assert dying.stdout.readline()
        os.kill(dying.pid, signal.SIGKILL)
    assert Path(f"{ledger}-wal").stat().st_size


def test_a_backup_is_put_back_as_the_handbook_says(served: Machine) -> None:
    backup, put_back = blocks("operations.md", section="Backing up the ledger")[:2]
    (served.folder / "backup").mkdir()
    served.said = {}

    kept = served.run(backup)
    crash(served)
    back = served.run(put_back, "geesync check --read-data", "geesync status")

    assert kept.returncode == 0, kept.stderr
    assert back.returncode == 0, back.stdout + back.stderr
    assert back.stdout.splitlines()[-1] == "complete"
    assert "systemctl stop geesync" in served.done()


def test_a_lost_ledger_is_made_again_as_the_handbook_says(served: Machine) -> None:
    (recover,) = blocks("operations.md", section="When the ledger is lost")
    before = served.simulator.audit.count("compute_pixels")
    for file in (served.folder / "var/lib/geesync").glob("geesync.db*"):
        file.unlink()
    served.said = {"users/NAME": "users/demo"}

    done = served.run(recover, "geesync sync --once", "geesync status")

    assert done.returncode == 0, done.stdout + done.stderr
    assert served.simulator.audit.count("compute_pixels") == before
