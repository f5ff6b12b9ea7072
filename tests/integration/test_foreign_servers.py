"""`curvetape up` refuses servers on which it could not keep its promises, before all else."""

from pathlib import Path

import asyncpg
import pytest

from adapters.embedded.nats import NatsServer
from adapters.postgres.migrations import migrate
from curvetape.config import Settings
from curvetape.definitions import definitions
from curvetape.up import Up
from domain.log import LogShorterError, NotDurableError


def unsynced(folder: Path) -> NatsServer:
    """A server that acknowledges before it syncs, as nats-server does by default."""
    config = folder / "unsynced.conf"
    text = (definitions() / "server.conf").read_text()
    config.write_text(text.replace("sync_interval: always", ""))
    return NatsServer(folder / "nats", config=config)


async def test_a_log_server_that_does_not_sync_is_refused_at_once(
    server_folder: Path, postgres_dsn: str
) -> None:
    said: list[str] = []
    async with unsynced(server_folder) as server:
        settings = Settings(
            home=str(server_folder / "home"),
            nats_url=server.url,
            nats_monitor_url=server.monitor_url,
            postgres_dsn=postgres_dsn,
        )
        with pytest.raises(NotDurableError, match="CURVETAPE_ALLOW_UNSYNCED_LOG"):
            await Up(settings, said.append).run()
    assert not any("reading" in line for line in said)


async def test_read_models_of_another_log_are_refused_at_once(
    server_folder: Path, fresh_nats: NatsServer, postgres_dsn: str
) -> None:
    await migrate(postgres_dsn)
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("insert into checkpoints (name, version, sequence) values ('x', 1, 7)")
    await connection.close()
    settings = Settings(
        home=str(server_folder / "home"),
        nats_url=fresh_nats.url,
        nats_monitor_url=fresh_nats.monitor_url,
        postgres_dsn=postgres_dsn,
    )
    with pytest.raises(LogShorterError, match="sequence 7, but the log ends at 0"):
        await Up(settings, lambda _: None).run()
