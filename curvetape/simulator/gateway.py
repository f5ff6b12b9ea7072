"""A gateway to the simulated coins' documents, over HTTP on this machine."""

import asyncio
import re
from http import HTTPStatus

import msgspec

from curvetape.simulator.metadata import metadata

HEAD_BYTES_MAX = 16 * 1024
HEAD_WAIT_S_MAX = 10.0

_GET = re.compile(rb"GET /ipfs/([A-Za-z0-9]+)[ /?][^\r\n]*\r\n")


class Gateway(msgspec.Struct):
    """Answers each question on a connection of its own."""

    address: str
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """What goes before a content identifier."""
        assert self._server is not None, "start it first"
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/ipfs/"

    async def start(self) -> None:
        """Listen; `OSError` if the address is taken."""
        host, _, port = self.address.rpartition(":")
        self._server = await asyncio.start_server(
            _answer, host.strip("[]"), int(port), limit=HEAD_BYTES_MAX
        )

    async def stop(self) -> None:
        """Listen no more."""
        assert self._server is not None, "start it first"
        self._server.close()
        await self._server.wait_closed()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(HEAD_WAIT_S_MAX):
            head = await reader.readuntil(b"\r\n\r\n")
        asked = _GET.match(head)
        body = None if asked is None else metadata(asked[1].decode())
        status = HTTPStatus.NOT_FOUND if body is None else HTTPStatus.OK
        writer.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body or b'')}\r\n\r\n".encode()
            + (body or b"")
        )
        await writer.drain()
    except (ConnectionError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # the client went away, or is none
    finally:
        writer.close()
