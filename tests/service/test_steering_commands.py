"""The commands that steer, as a person gives them."""

from __future__ import annotations

import json

from geesync.errors import ExitCode

from .daemon_process import Manager, Place, eventually


def test_a_pause_is_told_by_status_and_outlives_commands(place: Place) -> None:
    place.geesync("enqueue", "users/demo")

    place.geesync("pause")
    place.geesync("sync", "--once", code=ExitCode.INCOMPLETE)

    told = json.loads(place.geesync("status", "--json", "--exit-zero"))
    assert told["paused"]
    assert told["roots"][0]["counts"]["verified"] == 0
    assert "everything; geesync resume" in place.geesync("status", "--exit-zero")

    place.geesync("resume")
    place.geesync("sync", "--once")


def test_a_priority_and_a_cancellation_name_what_they_touch(place: Place) -> None:
    place.geesync("enqueue", "users/demo")
    place.geesync("sync", "--once")

    assert place.geesync("priority", "users/demo", "5") == "10 assets have priority 5\n"
    assert place.geesync("cancel", "users/demo") == "nothing of users/demo is on its way\n"
    place.geesync("cancel", "users/nobody", code=ExitCode.USAGE)


def test_a_running_daemon_does_what_is_cancelled(place: Place, manager: Manager) -> None:
    place.geesync("enqueue", "users/demo")
    place.simulator.faults.add("status", path="image:export", status=503, count=None)
    with place.daemon(NOTIFY_SOCKET=manager.address):
        eventually(lambda: place.logged("scan_finished"))

        assert "the daemon cancels" in place.geesync("cancel", "users/demo")
