"""Ports of loopback: kept for the server that they are meant for, and given to nobody else."""

from __future__ import annotations

import errno
import socket
from contextlib import closing

import pytest

from geesync.simulator.clock import SimClock
from geesync.simulator.storage.bucket import CloudStorage
from geesync.simulator.wire.audit import Audit
from geesync.simulator.wire.faults import Faults
from geesync.simulator.wire.serving import LoopbackServer, reserve_port


def test_a_reserved_port_is_refused_to_whoever_takes_any_but_not_to_the_server_it_is_for() -> None:
    with closing(reserve_port()) as reserved, closing(socket.socket()) as other:
        address = reserved.getsockname()

        with pytest.raises(OSError, match="in use") as refusal:
            other.bind(address)

        assert refusal.value.errno == errno.EADDRINUSE
        with (
            closing(socket.create_server(address)),  # with SO_REUSEADDR
            closing(socket.create_connection(address)) as client,
        ):
            assert client.getpeername() == address


def test_the_port_of_a_bucket_is_its_own_before_it_is_there() -> None:
    cloud = CloudStorage(Faults(), Audit(SimClock()))
    with closing(socket.socket()) as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", cloud.backend_port))  # as a client would that connects

    with cloud:
        cloud.create_bucket("bkt")


def test_a_server_that_never_ran_leaves_nothing_open() -> None:
    server = LoopbackServer(lambda *_: None)  # type: ignore[arg-type] # never asked

    server.stop()

    assert server._loop.is_closed()
