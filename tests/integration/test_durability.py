"""The appender's start: it refuses a server or a stream that may lose what it acknowledged."""

from pathlib import Path

import pytest
from nats.js.api import PersistMode, StorageType, StreamConfig

from adapters.embedded.nats import NatsServer
from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from curvetape.definitions import definitions
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entry
from domain.log import LogError, NotDurableError


def unsynced(folder: Path) -> NatsServer:
    text = (definitions() / "server.conf").read_text()
    assert "sync_interval: always" in text
    config = folder / "server.conf"
    config.write_text(text.replace("sync_interval: always", "sync_interval: '2m'"))
    return NatsServer(folder / "nats", config=config)


async def test_a_server_that_syncs_later_is_refused_unless_that_is_allowed(
    server_folder: Path,
) -> None:
    async with (
        unsynced(server_folder) as server,
        await Connection.open(server.url) as connection,
    ):
        await apply(connection, load(definitions() / "streams.toml"))
        with pytest.raises(NotDurableError, match="set `sync_interval: always`"):
            await JetStreamAppender.open(connection, monitor_urls=server.monitor_url)
        allowed = await JetStreamAppender.open(connection, allow_unsynced=True)
        assert (await allowed.append([entry(curve_traded(1, "mint"))])).written == 1


async def test_a_server_without_monitoring_is_refused_and_the_setting_named(
    live_log: LiveLog,
) -> None:
    with pytest.raises(NotDurableError, match="set CURVETAPE_NATS_MONITOR_URL"):
        await JetStreamAppender.open(live_log.connection, monitor_urls="http://127.0.0.1:1")


async def test_an_address_that_is_no_monitoring_is_refused(live_log: LiveLog) -> None:
    with pytest.raises(NotDurableError, match="gave no answer of nats-server's monitoring"):
        await JetStreamAppender.open(
            live_log.connection, monitor_urls=f"http://127.0.0.1:{live_log.server.port}"
        )


async def test_the_monitoring_of_another_server_proves_nothing(
    live_log: LiveLog, nats_server: NatsServer
) -> None:
    with pytest.raises(NotDurableError, match="is not the monitoring of"):
        await JetStreamAppender.open(live_log.connection, monitor_urls=nats_server.monitor_url)
    both = f"{nats_server.monitor_url}, {live_log.server.monitor_url}"
    await JetStreamAppender.open(live_log.connection, monitor_urls=both)


@pytest.mark.parametrize(
    "config",
    [
        StreamConfig(name="WEAK", storage=StorageType.MEMORY),
        StreamConfig(name="WEAK", storage=StorageType.FILE, persist_mode=PersistMode.ASYNC),
    ],
)
async def test_a_stream_that_forgets_is_refused(live_log: LiveLog, config: StreamConfig) -> None:
    await live_log.connection.jetstream.add_stream(config, subjects=["weak.>"])
    with pytest.raises(NotDurableError, match="the stream WEAK was"):
        await JetStreamAppender.open(
            live_log.connection, stream="WEAK", monitor_urls=live_log.server.monitor_url
        )


async def test_a_missing_stream_or_one_without_batches_is_an_error(live_log: LiveLog) -> None:
    with pytest.raises(LogError, match="has no stream NOWHERE"):
        await JetStreamAppender.open(live_log.connection, stream="NOWHERE")
    await live_log.connection.jetstream.add_stream(name="PLAIN", subjects=["plain.>"])
    with pytest.raises(LogError, match="takes no atomic batches"):
        await JetStreamAppender.open(live_log.connection, stream="PLAIN")
