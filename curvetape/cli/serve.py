"""`curvetape serve`: the API over the read models."""

import asyncio
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import uvicorn

from adapters.embedded.ports import is_free
from api.server import server_config
from curvetape.bootstrap import serving
from curvetape.cli.common import run, say, settings_or_exit
from curvetape.config import Settings, SettingsError, environment
from curvetape.fronting import identities_of
from curvetape.workers import WORKERS_MAX, Workers, listening_on

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
@click.option(
    "--workers",
    type=click.IntRange(1, WORKERS_MAX),
    help="Processes that answer; else CURVETAPE_API_WORKERS, 1.",
)
@click.option("--listening", type=int, hidden=True)  # a worker's: the socket that it inherits
def command(host: str | None, port: int | None, workers: int | None, listening: int | None) -> None:
    """Serve the API: REST, GraphQL, Socket.IO, and the shapes of others.

    / lists what can be asked, /openapi.json describes it. docs/serving.md says what is kept, how
    often callers may ask, and how several processes share the work.
    """
    settings = settings_or_exit(api_host=host, api_port=port, api_workers=workers)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    try:
        identities_of(settings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    if listening is not None:
        run(lambda stop: _work(settings, stop, listening))
        return
    if not is_free(settings.api_port):
        raise click.ClickException(port_taken(settings.api_port))
    if settings.api_workers > 1:
        run(lambda stop: _share(settings, stop))
    else:
        run(lambda stop: _serve(settings, stop))


def port_taken(port: int) -> str:
    """What to say of a port that somebody else has."""
    return f"port {port} is taken; choose another with --port or CURVETAPE_API_PORT"


async def _share(settings: Settings, stop: asyncio.Event) -> None:
    try:
        shared = listening_on(settings.api_host, settings.api_port)
    except OSError as error:
        raise click.ClickException(
            f"{settings.api_host}:{settings.api_port} cannot be listened on: {error}; choose "
            "another with --host or CURVETAPE_API_HOST"
        ) from error
    with shared:
        say(
            f"listening on http://{settings.api_host}:{settings.api_port} with "
            f"{settings.api_workers} workers"
        )
        await Workers(settings.api_workers, shared, environment(settings), say).run(stop)


async def _work(settings: Settings, stop: asyncio.Event, inherited: int) -> None:
    """As one of several, until whoever started it is gone."""
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    with socket.socket(fileno=inherited) as shared:
        await _serve(settings, stop, shared)


async def _serve(
    settings: Settings, stop: asyncio.Event, shared: socket.socket | None = None
) -> None:
    async with serving(settings) as served:
        server = _Server(server_config(served.app, host=settings.api_host, port=settings.api_port))
        if shared is None:
            say(f"listening on http://{settings.api_host}:{settings.api_port}")
        sockets = None if shared is None else [shared]
        serve = asyncio.create_task(server.serve(sockets))
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
