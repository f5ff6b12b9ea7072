"""TCP ports of this machine that nobody listens on."""

import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
"""The only address that an embedded server listens on."""

_PORTS = range(10_000, 32_768)
"""Of these, the ones below those that the machine gives to outgoing connections.

A port that the kernel picks is one that it may give to anybody's connection a moment later, and a
role that is started anew at the same address would not get it back while that connection lasts.
"""
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Where Linux tells the first and the last of those; it is 32768 and up unless told otherwise."""
_OUTGOING_FROM = 49_152
"""The first one where nothing tells: IANA's, as others use it."""
_TRIES = 100


def free_port() -> int:
    """A port that can be listened on now, and that no outgoing connection will take meanwhile.

    Another server may take it first; an embedded server's start then tries another one. Where
    outgoing connections are given all ports, one of them may take it as well.
    """
    first = int(_OUTGOING.read_text().split()[0]) if _OUTGOING.exists() else _OUTGOING_FROM
    ports = _PORTS[: max(first - _PORTS.start, 0)]
    for _ in range(_TRIES if ports else 0):
        port = random.choice(ports)  # noqa: S311 - no secret
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        picked = probe.getsockname()[1]
        assert isinstance(picked, int)
        return picked


def is_free(port: int) -> bool:
    """Whether the port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
