"""The proof that an acknowledgement means that the events are on disk."""

import nats.errors
from nats.js.api import PersistMode, StorageType
from nats.js.errors import APIError, NotFoundError

from adapters.jetstream.connection import Connection
from adapters.jetstream.monitoring import MonitoringError, varz
from domain.log import LogError, LogUnavailableError, NotDurableError

MONITOR_PORT = 8222
"""Where nats-server's monitoring usually is."""

_WAIVE = "or set CURVETAPE_ALLOW_UNSYNCED_LOG=1 to risk acknowledged events in a power failure"


async def prove_synced(connection: Connection, monitor_urls: str | None) -> None:
    """Raise `NotDurableError` unless each server syncs every write before its acknowledgement.

    `monitor_urls` are the monitoring addresses of all servers of the cluster, by commas; without
    them the usual port on the connected host is asked. The server connected to has to be one of
    them, else the proof would be about somebody else's server.
    """
    urls = monitor_urls or f"http://{connection.host}:{MONITOR_PORT}"
    seen = set()
    for url in (part.strip() for part in urls.split(",")):
        try:
            found = await varz(url)
        except MonitoringError as error:
            raise NotDurableError(
                f"{error}; set CURVETAPE_NATS_MONITOR_URL to where {connection.url} serves its "
                f"monitoring, {_WAIVE}"
            ) from error
        config = found.jetstream.config
        if config is None or not config.sync_always:
            raise NotDurableError(
                f"{url} says that its JetStream acknowledges writes before they are on disk; set "
                f"`sync_interval: always` in the `jetstream` block of its configuration, {_WAIVE}"
            )
        seen.add(found.server_id)
    if connection.server_id not in seen:
        raise NotDurableError(
            f"{urls} is not the monitoring of {connection.url}; set CURVETAPE_NATS_MONITOR_URL "
            f"to that of each of its servers, by commas, {_WAIVE}"
        )


async def prove_stored(connection: Connection, stream: str) -> None:
    """Raise `NotDurableError` for a stream in memory or with asynchronous writes.

    A stream that is missing or takes no atomic batches is a `LogError`.
    """
    try:
        config = (await connection.jetstream.stream_info(stream)).config
    except NotFoundError as error:
        raise LogError(
            f"{connection.url} has no stream {stream}; create it with `curvetape streams apply`"
        ) from error
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"{connection.url} gave no stream {stream}: {error}") from error
    if config.storage != StorageType.FILE or config.persist_mode == PersistMode.ASYNC:
        raise NotDurableError(
            f"the stream {stream} was {config.storage} with persist_mode {config.persist_mode}; "
            f"`curvetape streams diff` shows what to change"
        )
    if not config.allow_atomic:
        raise LogError(
            f"the stream {stream} takes no atomic batches; `curvetape streams apply` lets it"
        )
