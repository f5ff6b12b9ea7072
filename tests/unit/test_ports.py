"""Ports that servers are started at, and started anew."""

import socket
from pathlib import Path

import pytest

from adapters.embedded import ports
from adapters.embedded.ports import HOST, free_port, is_free


@pytest.mark.parametrize("told", ["32768\t60999\n", "12000\t65535\n", None])
def test_no_outgoing_connection_is_given_a_free_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None
) -> None:
    file = tmp_path / "ip_local_port_range"
    if told is not None:
        file.write_text(told)
    monkeypatch.setattr(ports, "_OUTGOING", file)
    first = 49_152 if told is None else int(told.split()[0])
    assert all(free_port() < first for _ in range(200))


def test_where_outgoing_connections_are_given_all_ports_one_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ip_local_port_range"
    file.write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "_OUTGOING", file)
    assert is_free(free_port())


def test_a_port_that_is_listened_on_is_not_free() -> None:
    port = free_port()
    assert is_free(port)
    with socket.create_server((HOST, port)):
        assert not is_free(port)
