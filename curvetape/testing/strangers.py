"""A stranger's web server, on this machine and as bad as tests want it."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeAlias

Answering: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]

HOST = "stranger.example"
"""A name that no resolver knows; the tests' own look-up leads it here."""


def said(
    body: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answering:
    """A plain answer."""
    lines = [f"HTTP/1.1 {status} Status", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    head = "\r\n".join((*lines, "", "")).encode()

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)

    return answer


def moved(to: str, *, status: int = 302) -> Answering:
    """A redirect."""
    return said(status=status, headers={"location": to})


class Stranger:
    """Answers by path; each path's answers come in their order, the last one for ever."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.asked: Counter[str] = Counter()
        self.heads: list[str] = []
        self._answers: dict[str, list[Answering]] = {}
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "start it first"
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """What goes before a path."""
        return f"{'http' if self._tls is None else 'https'}://{HOST}:{self.port}"

    def answer(self, path: str, *answers: Answering) -> str:
        """Have a path answered; returns its address."""
        self._answers[path] = list(answers)
        return self.url + path

    async def look_up(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name, for whoever asks here instead of a resolver."""
        if host != HOST:
            raise OSError(f"nobody knows {host}")
        return ["127.0.0.1"]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None, "start it first"
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None, "a connection is served by a task"
        self._connections.add(connection)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ")[1]
                self.asked[path] += 1
                self.heads.append(head)
                answers = self._answers.get(path, [said(status=404)])
                answering = answers.pop(0) if len(answers) > 1 else answers[0]
                await answering(writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the server was stopped
        finally:
            self._connections.discard(connection)
            writer.close()
