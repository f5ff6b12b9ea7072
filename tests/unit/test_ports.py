"""Ports that servers are started at, and started anew."""

import socket
from pathlib import Path

from adapters.embedded.ports import HOST, free_port, is_free

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_no_outgoing_connection_is_given_a_free_port() -> None:
    told = RANGE.read_text() if RANGE.exists() else "49152 65535"  # IANA's, as others use them
    first, last = map(int, told.split())
    assert not any(first <= free_port() <= last for _ in range(200))


def test_a_port_that_is_listened_on_is_not_free() -> None:
    port = free_port()
    assert is_free(port)
    with socket.create_server((HOST, port)):
        assert not is_free(port)
