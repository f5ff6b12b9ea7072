"""When what a connection brought had arrived at its socket, as the kernel notes it, and was read.

A process with a thousand connections reads one after the other: what is read last has waited for
the others. What the kernel notes is when it could have been read.
"""

import asyncio
import os
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

SO_TIMESTAMPNS = 35
"""Linux's, which Python has no name for."""
READ_BYTES_MAX = 1 << 18
_TIMESPEC = struct.Struct("@ll")


class Arrival(NamedTuple):
    """Some bytes; of several packets that are read at once, when the last one of them arrived."""

    arrived_ms: float
    read_ms: float
    data: bytes


class Stamped:
    """Reads a connection in its transport's stead, until it is closed."""

    def __init__(self, transport: asyncio.Transport, take: Callable[[bytes], None]) -> None:
        """`take` is given all that is read, as the transport would give it."""
        self.arrivals: list[Arrival] = []
        self._take = take
        self._transport = transport
        transport.pause_reading()
        of_transport = transport.get_extra_info("socket")
        # A number of its own, for the event loop lets nobody else watch the transport's.
        self._socket = socket.socket(fileno=os.dup(of_transport.fileno()))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> Sequence[Arrival]:
        """Let the transport read on; what came until now."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 0)
        self._socket.close()
        self._transport.resume_reading()
        return self.arrivals

    def _read(self) -> None:
        try:
            data, notes, _, _ = self._socket.recvmsg(READ_BYTES_MAX, 64)
        except BlockingIOError:
            return
        read_ms = time.time_ns() / 1e6
        if not data:
            raise ConnectionError("the server has ended a connection that is sampled")
        stamps = [_TIMESPEC.unpack(it[2]) for it in notes if it[1] == SO_TIMESTAMPNS]
        if stamps:  # else it came before the kernel was asked to note it
            ((seconds, nanoseconds),) = stamps
            self.arrivals.append(Arrival(seconds * 1e3 + nanoseconds / 1e6, read_ms, data))
        self._take(data)
