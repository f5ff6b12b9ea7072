"""A server that has died is given its time to come up again."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from adapters.embedded.server import EmbeddedServer
from curvetape import servers
from curvetape.config import Settings
from curvetape.home import Home
from curvetape.servers import Servers
from curvetape.testing.waiting import until

RECOVERY_S = 0.5
HEALTH_WAIT_S = 0.02


class Recovering(EmbeddedServer):
    """A process that says for a while that it is not well yet, as a log server with a long log."""

    name: ClassVar[str] = "recovering"
    url = "none"
    since_s = 0.0

    def _command(self) -> Sequence[str]:
        self.since_s = time.monotonic()
        return ["sleep", "60"]

    async def ailing(self) -> str | None:
        early = time.monotonic() - self.since_s < RECOVERY_S
        return "it still reads its log" if early else None

    async def _answers(self) -> bool:
        return await self.ailing() is None


async def test_a_server_that_still_recovers_is_not_ended_for_it(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "HEALTH_WAIT_S", HEALTH_WAIT_S)
    said: list[str] = []
    server = Recovering(server_folder)
    watched = Servers(Settings(), Home(server_folder, "live"), said.append)
    watched._embedded = [server]
    await server.start()
    watching = asyncio.create_task(watched.keep_running())
    try:
        for _ in range(2):
            server.kill()
            first = server.since_s

            async def came_up(first: float = first) -> bool:
                return server.since_s != first and await server.ailing() is None

            await until(came_up, wait_s_max=30)
            await asyncio.sleep(5 * HEALTH_WAIT_S)
            assert server.running
            assert not watching.done()
        assert [line.split(";")[0] for line in said] == ["recovering has died"] * 2
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await server.stop()
