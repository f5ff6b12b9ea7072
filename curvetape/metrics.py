"""What Prometheus is told: a small server for `/metrics`, asked a few times a minute."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from curvetape.config import Settings

PORT_MAX = 65_535
STOP_WAIT_S_MAX = 1

Families = Callable[[], Awaitable[Iterable[Metric]]]
"""What there is to tell right now."""


class _Told(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers: the command has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def rendered(families: Families) -> bytes:
    """The text that Prometheus reads, with the process's memory and processor time."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(await families()))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


@asynccontextmanager
async def telling(settings: Settings, families: Families) -> AsyncIterator[None]:
    """Answer `/metrics` for as long as the block runs, where an address is set.

    Raises `OSError` where the address is taken, or is none.
    """
    if settings.metrics_listen is None:
        yield
        return
    host, port = address_of(settings.metrics_listen)
    # Bound here, since uvicorn would end the whole process where it cannot bind.
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise OSError(f"cannot answer /metrics at {settings.metrics_listen}: {error}") from error
    with listener:
        config = uvicorn.Config(
            _app(families),
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=STOP_WAIT_S_MAX,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)


def address_of(listen: str) -> tuple[str, int]:
    """Host and port of `host:port`; raises `OSError` for a port that is none."""
    host, _, port = listen.rpartition(":")
    if int(port) > PORT_MAX:
        raise OSError(f"CURVETAPE_METRICS_LISTEN was {listen!r}: ports end at {PORT_MAX}")
    return host, int(port)


def _app(families: Families) -> Callable[..., Awaitable[None]]:
    async def app(scope: dict[str, Any], _receive: object, send: Callable[..., Any]) -> None:
        assert scope["type"] == "http", "nothing else is switched on"
        known = scope["path"] == "/metrics" and scope["method"] in {"GET", "HEAD"}
        status, kind, body = 404, "text/plain; charset=utf-8", b"there is /metrics only\n"
        if known:
            status, kind, body = 200, CONTENT_TYPE_LATEST, await rendered(families)
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        content = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": content})

    return app
