"""The benchmark of sockets tells when a client's socket had a trade from when it was read."""

import asyncio
import select
import socket
import time

from bench.sockets.stamped import Stamped

WAIT_S_MAX = 10.0


async def test_when_something_came_is_told_from_when_it_was_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    loop = asyncio.get_running_loop()
    read = asyncio.Event()
    taken: list[bytes] = []

    def take(data: bytes) -> None:
        taken.append(data)
        read.set()

    transport, _ = await loop.create_connection(asyncio.Protocol, sock=theirs)
    stamped = Stamped(transport, take)
    # The kernel begins to note times a moment after it was asked to.
    while not stamped.arrivals:
        ours.sendall(b"first")
        await asyncio.wait_for(read.wait(), WAIT_S_MAX)
        read.clear()
    stamped.arrivals.clear()
    taken.clear()

    before_ms = time.time_ns() / 1e6
    ours.sendall(b"trade")
    assert select.select([theirs], [], [], WAIT_S_MAX)[0], "it is there, and nobody has read it"
    after_ms = time.time_ns() / 1e6
    await asyncio.wait_for(read.wait(), WAIT_S_MAX)
    (arrival,) = stamped.close()
    assert taken == [arrival.data] == [b"trade"]
    assert before_ms <= arrival.arrived_ms <= after_ms <= arrival.read_ms
    transport.close()
    ours.close()
