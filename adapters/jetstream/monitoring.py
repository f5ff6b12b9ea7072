"""What nats-server says about itself on its monitoring port."""

import asyncio
import http.client
from urllib.parse import urlsplit

import msgspec

ANSWER_WAIT_S_MAX = 3.0
ANSWER_BYTES_MAX = 4 * 1024 * 1024


class MonitoringError(Exception):
    """The monitoring port did not answer, or not as nats-server does."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} gave no answer of nats-server's monitoring: {reason}")
        self.url = url


class JetStreamConfig(msgspec.Struct, frozen=True):
    """The part of `/varz` that says how JetStream stores; see nats-server's monitor.go."""

    store_dir: str = ""
    sync_interval: int = 0
    """Nanoseconds; it reads two minutes even where `sync_always` holds."""
    sync_always: bool = False


class JetStream(msgspec.Struct, frozen=True):
    """JetStream's part of `/varz`; without a `config` JetStream is off."""

    config: JetStreamConfig | None = None


class Varz(msgspec.Struct, frozen=True):
    """What `/varz` tells about a server, as far as it matters here."""

    server_id: str
    version: str
    jetstream: JetStream = JetStream()


async def varz(monitor_url: str) -> Varz:
    """Read `/varz`; raises `MonitoringError`."""
    status, body = await asyncio.to_thread(_get, monitor_url, "/varz")
    if status != 200:
        raise MonitoringError(monitor_url, f"/varz had status {status}")
    try:
        return msgspec.json.decode(body, type=Varz)
    except msgspec.DecodeError as error:
        raise MonitoringError(monitor_url, str(error)) from error


class _Health(msgspec.Struct, frozen=True):
    status: str = ""
    error: str = ""


async def ailment(monitor_url: str) -> str | None:
    """What the server says is wrong with it or its streams, None where nothing is.

    Raises `MonitoringError` for a server that does not answer.
    """
    status, body = await asyncio.to_thread(_get, monitor_url, "/healthz")
    if status == 200:
        return None
    try:
        return msgspec.json.decode(body, type=_Health).error or f"status {status}"
    except msgspec.DecodeError:
        return f"status {status}"


def _get(monitor_url: str, path: str) -> tuple[int, bytes]:
    parts = urlsplit(monitor_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise MonitoringError(monitor_url, "expected http://host:port")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=ANSWER_WAIT_S_MAX)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise MonitoringError(monitor_url, str(error) or type(error).__name__) from error
    finally:
        connection.close()
