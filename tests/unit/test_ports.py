"""Ports that servers are started at, and started anew."""

import socket
from pathlib import Path

import pytest

from adapters.embedded.ports import HOST, free_port, is_free

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not RANGE.exists(), reason="only Linux tells which ports connections get")
def test_no_outgoing_connection_is_given_a_free_port() -> None:
    first, last = map(int, RANGE.read_text().split())
    assert not any(first <= free_port() <= last for _ in range(200))


def test_a_port_that_is_listened_on_is_not_free() -> None:
    port = free_port()
    assert is_free(port)
    with socket.create_server((HOST, port)):
        assert not is_free(port)
