"""`curvetape serve`: the API over the read models."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click
import uvicorn

from adapters.embedded.ports import is_free
from api.server import server_config
from curvetape.bootstrap import serving
from curvetape.cli.common import run, say, settings_or_exit
from curvetape.config import Settings

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers: the command has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@click.command(
    short_help="Serve the API.",
    epilog="Example: CURVETAPE_POSTGRES_DSN=postgresql://… curvetape serve --port 9000",
)
@click.option("--host", help="Address to listen on; else CURVETAPE_API_HOST, 127.0.0.1.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port; else CURVETAPE_API_PORT, 8080.")
def command(host: str | None, port: int | None) -> None:
    """Serve the API: tokens, charts and trades, described by /openapi.json."""
    settings = settings_or_exit(api_host=host, api_port=port)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    if not is_free(settings.api_port):
        raise click.ClickException(port_taken(settings.api_port))
    run(lambda stop: _serve(settings, stop))


def port_taken(port: int) -> str:
    """What to say of a port that somebody else has."""
    return f"port {port} is taken; choose another with --port or CURVETAPE_API_PORT"


async def _serve(settings: Settings, stop: asyncio.Event) -> None:
    async with serving(settings) as served:
        server = _Server(server_config(served.app, host=settings.api_host, port=settings.api_port))
        say(f"listening on http://{settings.api_host}:{settings.api_port}")
        serve = asyncio.create_task(server.serve())
        feed = asyncio.create_task(served.feed())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({serve, feed, stopped}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopped.cancel()
        feed.cancel()
        await serve
        await asyncio.wait({feed})
        if not feed.cancelled():
            feed.result()
