"""The embedded Valkey server."""

import asyncio
from collections.abc import Sequence

from adapters.embedded import wheels
from adapters.embedded.ports import HOST
from adapters.embedded.server import EmbeddedServer

ANSWER_WAIT_S_MAX = 1.0


class ValkeyServer(EmbeddedServer):
    """valkey-server from its wheel, with an append-only file; see `EmbeddedServer` for the rest.

    What it holds can all be built again from the log, so a second's writes may be lost.
    """

    name = "valkey"

    @property
    def url(self) -> str:
        """Where clients connect to, as in `redis://127.0.0.1:6379/0`."""
        return f"redis://{HOST}:{self.port}/0"

    def _command(self) -> Sequence[str]:
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "save": "",
            "daemonize": "no",
        }
        flags = [part for key, value in settings.items() for part in (f"--{key}", value)]
        return [str(wheels.valkey_server()), *flags]

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_WAIT_S_MAX):
                reader, writer = await asyncio.open_connection(HOST, self.port)
                try:
                    writer.write(b"PING\r\n")
                    return await reader.readline() == b"+PONG\r\n"
                finally:
                    writer.close()
                    await writer.wait_closed()
        except (OSError, TimeoutError):
            return False
