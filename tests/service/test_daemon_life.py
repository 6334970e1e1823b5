"""How the daemon starts, lives and ends, as the service manager sees it."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from geesync.adapters.host.systemd import Systemd
from geesync.simulator.simulator import Simulator

from .daemon_process import Manager, Place, eventually, terminate


def test_the_daemon_is_ready_before_it_asks_the_network_anything(
    place: Place, manager: Manager, busy_account: Simulator
) -> None:
    place.geesync("enqueue", "users/demo")
    asked_before = len(busy_account.audit.records())
    busy_account.faults.add("delay", server="earth_engine", count=None, seconds=600)

    with place.daemon(NOTIFY_SOCKET=manager.address) as process:
        manager.hear("READY=1")

        assert len(busy_account.audit.records()) == asked_before
        assert any("checking the ledger" in line for line in manager.heard)
        assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in manager.heard)
        assert terminate(process) < 20


@pytest.mark.slow  # it waits for the next line, which comes every ten seconds
def test_systemctl_status_shows_one_line_of_truth(place: Place, manager: Manager) -> None:
    place.geesync("enqueue", "users/demo")

    with place.daemon(real=True, NOTIFY_SOCKET=manager.address) as process:
        line = manager.hear("STATUS=10 of 10 assets verified")
        terminate(process)

    assert line == "STATUS=10 of 10 assets verified"
    assert manager.hear("STOPPING=1")


@pytest.mark.slow  # likewise
def test_a_sigterm_ends_the_daemon_though_a_download_hangs(
    place: Place, manager: Manager, busy_account: Simulator
) -> None:
    hang = busy_account.faults.add(
        "stall", server="storage", method="GET", path="alt=media", count=None, seconds=600
    )
    place.geesync("enqueue", "users/demo")

    with place.daemon(NOTIFY_SOCKET=manager.address) as process:
        eventually(lambda: hang.fired > 0)

        assert terminate(process) < 20

    busy_account.faults.clear()
    with place.daemon(NOTIFY_SOCKET=manager.address):
        manager.forget()
        assert manager.hear("10 of 10 assets verified")


def test_a_sigterm_ends_the_daemon_while_downloads_wait_for_their_share_of_the_bandwidth(
    place: Place, manager: Manager
) -> None:
    place.write_config(throttle='bandwidth = "1B"')
    place.geesync("enqueue", "users/demo")

    with place.daemon(NOTIFY_SOCKET=manager.address) as process:
        manager.hear("READY=1")
        eventually(lambda: any(place.mirror.rglob("*.part")))

        terminate(process)

    assert '"left": null' in place.log.read_text()


def test_a_working_daemon_feeds_the_watchdog_and_a_hanging_one_does_not(
    place: Place, manager: Manager, busy_account: Simulator
) -> None:
    place.write_config(earth_engine="timeout_s = 600")
    place.geesync("enqueue", "users/demo")
    busy_account.faults.add("delay", server="earth_engine", skip=5, count=None, seconds=600)

    with place.daemon(NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="2000000") as process:
        manager.hear("WATCHDOG=1")
        eventually(lambda: place.logged("step_stalled"))
        manager.forget()
        process.send_signal(signal.SIGHUP)  # it is otherwise well, and answers
        manager.hear("READY=1")

        assert "WATCHDOG=1" not in manager.heard


def test_a_sighup_takes_over_what_can_change_and_names_what_needs_a_restart(
    place: Place, manager: Manager
) -> None:
    place.geesync("enqueue", "users/demo/empty")
    with place.daemon(NOTIFY_SOCKET=manager.address) as process:
        manager.hear("READY=1")
        place.write_config(throttle="max_operations = 7\ndownloads = 3", log='level = "debug"')

        process.send_signal(signal.SIGHUP)

        manager.hear("RELOADING=1")
        manager.hear("READY=1")
        log = place.log.read_text()
        assert '"needs_restart": ["throttle.downloads"]' in log


def test_a_broken_configuration_is_refused_at_a_sighup_and_the_daemon_lives_on(
    place: Place, manager: Manager
) -> None:
    place.geesync("enqueue", "users/demo/empty")
    with place.daemon(NOTIFY_SOCKET=manager.address) as process:
        manager.hear("READY=1")
        place.config.write_text("no_such_key = 1")

        process.send_signal(signal.SIGHUP)

        manager.hear("READY=1")
        eventually(lambda: place.logged("reload_refused"))
        assert process.poll() is None


def test_a_message_reaches_an_abstract_socket_in_any_script() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0geesync-test-abstract")

        Systemd("@geesync-test-abstract").status("users/höhe is 完了\nsoon")

        assert listening.recv(4096).decode() == "STATUS=users/höhe is 完了 soon"


def test_a_service_manager_that_is_away_stops_nothing(tmp_path: Path) -> None:
    systemd = Systemd(str(tmp_path / "nobody"))

    systemd.ready("up")
    systemd.alive()
