"""What several commands share: reading settings, saying things, ending with a clear sentence."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import click
import uvloop

from adapters.embedded.errors import EmbeddedServerError
from adapters.postgres.errors import DatabaseUnreachableError
from adapters.postgres.migrations import SchemaError
from adapters.valkey.errors import ServerAddressError, ServerUnreachableError
from curvetape.config import Settings, SettingsError, load, replaced
from curvetape.home import HomeInUseError, OtherChainError
from domain.log import LogError
from ingest.source import SourceError
from projections.generation import GenerationError
from projections.indexing import SearchIndexError
from projections.partitioning import UnpartitionedError
from projections.projection import ProjectionError
from projections.reads import ReadsUnavailableError
from projections.runner import ProjectionsStoppedError

SECOND_AFTER_S = 1.0
"""What comes sooner is the first signal again, through a shell or a wrapper on its way."""
EXIT_INTERRUPTED = 130

SPOKEN = (
    SearchIndexError,
    ReadsUnavailableError,
    LogError,
    SourceError,
    ProjectionError,
    ProjectionsStoppedError,
    SchemaError,
    DatabaseUnreachableError,
    ServerAddressError,
    ServerUnreachableError,
    GenerationError,
    UnpartitionedError,
    EmbeddedServerError,
    HomeInUseError,
    OtherChainError,
    asyncpg.PostgresError,
    OSError,
)
"""Errors whose own sentence says what was wrong and what to do; all others are bugs."""


def settings_or_exit(**overrides: Any) -> Settings:
    """The settings, with those options that were given on the command line put over them."""
    given = {field: value for field, value in overrides.items() if value is not None}
    try:
        return replaced(load(), given)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def say(line: str) -> None:
    """One line for the person who watches, on standard error, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def run(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `work` with an event that Ctrl-C or SIGTERM sets; turn spoken errors into exit code 1.

    Whoever asks once more after `SECOND_AFTER_S` does not want to wait: the work is cancelled
    wherever it is, and the exit code is 130.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        working = asyncio.current_task()
        assert working is not None, "a coroutine runs in a task"
        first_s = 0.0

        def asked() -> None:
            nonlocal first_s
            if not stop.is_set():
                first_s = loop.time()
                stop.set()
            elif loop.time() - first_s >= SECOND_AFTER_S:
                working.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked)
        await work(stop)

    try:
        uvloop.run(main())
    except asyncio.CancelledError as error:
        raise SystemExit(EXIT_INTERRUPTED) from error
    except SPOKEN as error:
        raise click.ClickException(str(error) or type(error).__name__) from error
    except BaseExceptionGroup as group:
        leaves = _leaves(group)
        if not all(isinstance(leaf, SPOKEN) for leaf in leaves):
            raise
        sentences = dict.fromkeys(str(leaf) or type(leaf).__name__ for leaf in leaves)
        raise click.ClickException("; ".join(sentences)) from group


async def until_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Await work that cleans up after itself, and cancel it once `stop` is set.

    From its first line on: a start that waits for a server can be stopped, too.
    """
    working = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        stopped.cancel()
        await asyncio.gather(working, stopped, return_exceptions=True)
    if working in done:
        working.result()


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have `work` done for as long as the block runs."""
    working = asyncio.create_task(work)
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
