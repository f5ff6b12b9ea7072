"""TCP ports of this machine that nobody listens on."""

import random
import socket

HOST = "127.0.0.1"
"""The only address that an embedded server listens on."""

_PORTS = range(10_000, 32_768)
"""Below the ports that Linux gives to outgoing connections unless told otherwise.

A port that the kernel picks is one that it may give to anybody's connection a moment later, and a
role that is started anew at the same address would not get it back while that connection lasts.
"""
_TRIES = 100


def free_port() -> int:
    """A port that can be listened on now, and that no outgoing connection will take meanwhile.

    Another server may take it first; an embedded server's start then tries another one.
    """
    for _ in range(_TRIES):
        port = random.choice(_PORTS)  # noqa: S311 - no secret
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
