"""Commands that need one connection say why they have none."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapters.postgres import reaching
from adapters.postgres.compression import compress
from adapters.postgres.errors import DatabaseUnreachableError
from adapters.postgres.generations import Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.retention import trim
from adapters.postgres.scratch import Scratch


@pytest.fixture
async def silent_dsn(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Of a server that takes connections and says nothing."""
    monkeypatch.setattr(reaching, "CONNECT_TIMEOUT_S", 0.2)
    gone = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    yield f"postgresql://nobody@127.0.0.1:{server.sockets[0].getsockname()[1]}/none?sslmode=disable"
    gone.set()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "command",
    [
        migrate,
        lambda dsn: compress(dsn, older_than_days=7),
        lambda dsn: trim(dsn, "trades", older_than_days=7),
        lambda dsn: Scratch.open(dsn, application="test"),
        Generations.open,
    ],
    ids=["migrate", "compress", "trim", "audit models", "rebuild"],
)
async def test_a_database_that_does_not_answer_is_told_by_for_how_long_it_did_not(
    silent_dsn: str, command: Callable[[str], Awaitable[object]]
) -> None:
    with pytest.raises(DatabaseUnreachableError, match=r"no answer within 0\.2 s; check"):
        await command(silent_dsn)
