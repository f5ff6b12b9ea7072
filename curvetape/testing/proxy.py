"""A bad line between a client and a real server: what comes back can be lost, the line cut."""

import asyncio
from types import TracebackType
from typing import Self

CHUNK_BYTES_MAX = 65_536
HOST = "127.0.0.1"


class BadLine:
    """Forwards a TCP port: `async with BadLine(port) as line`, and connect to `line.port`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.muted = False
        """While set, what the server sends is lost."""

    @property
    def port(self) -> int:
        """The port that stands for the server's own."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        assert isinstance(port, int)
        return port

    def cut(self) -> None:
        """Break all connections; new ones find the line as it was at first."""
        self.muted = False
        for writer in self._writers:
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, HOST, 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        for source, sink, from_server in ((reader, back, False), (there, writer, True)):
            task = asyncio.create_task(self._forward(source, sink, from_server=from_server))
            self._tasks.add(task)

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, from_server: bool
    ) -> None:
        try:
            while data := await source.read(CHUNK_BYTES_MAX):
                if not (from_server and self.muted):
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass  # the other side is gone, and so is this one below
        finally:
            sink.transport.abort()
