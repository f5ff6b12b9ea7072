"""TCP ports of this machine that nobody listens on."""

import socket

HOST = "127.0.0.1"
"""The only address that an embedded server listens on."""


def free_port() -> int:
    """A port that the kernel says is free now.

    Somebody may take it before the server does; the server's start then tries another one.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def is_free(port: int) -> bool:
    """Whether the port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
