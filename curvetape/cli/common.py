"""What several commands share: reading settings, saying things, ending with a clear sentence."""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import click
import uvloop

from adapters.embedded.errors import EmbeddedServerError
from adapters.postgres.migrations import SchemaError
from curvetape.config import Settings, SettingsError, load, replaced
from curvetape.home import HomeInUseError, OtherChainError
from domain.log import LogError
from ingest.source import SourceError
from projections.projection import ProjectionError
from projections.runner import ProjectionsStoppedError

SPOKEN = (
    LogError,
    SourceError,
    ProjectionError,
    ProjectionsStoppedError,
    SchemaError,
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
    """Run `work` with an event that Ctrl-C or SIGTERM sets; turn spoken errors into exit code 1."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await work(stop)

    try:
        uvloop.run(main())
    except SPOKEN as error:
        raise click.ClickException(str(error) or type(error).__name__) from error
    except BaseExceptionGroup as group:
        leaves = _leaves(group)
        if not all(isinstance(leaf, SPOKEN) for leaf in leaves):
            raise
        sentences = dict.fromkeys(str(leaf) or type(leaf).__name__ for leaf in leaves)
        raise click.ClickException("; ".join(sentences)) from group


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
