"""`curvetape project`: from the log to the read models."""

import asyncio
from collections.abc import Iterable

import click
from prometheus_client.core import Metric

from curvetape.bootstrap import indexing, projecting
from curvetape.cli.common import beside, run, say, settings_or_exit, until_stopped
from curvetape.config import Settings
from curvetape.metric_families import of_projections
from curvetape.metrics import telling
from domain.log import LogError
from projections.runners import Runners

STATUS_WAIT_S = 5.0
LOG_WAIT_S_MAX = 2.0
"""Prometheus waits for ten seconds, and wants to know most when the log is away."""


@click.command(
    short_help="From the log to the read models.", epilog="Example: curvetape project --once"
)
@click.option("--once", is_flag=True, help="Stop at the end of the log instead of waiting there.")
def command(once: bool) -> None:
    """Keep the read models: candles, trades, tokens, search, and leaderboards with a Redis.

    Each goes on from its own checkpoint. One that cannot go on stops with its reason while the
    others continue; the exit code is then 1. The search index in Meilisearch, where there is one,
    follows search and holds up nobody.
    """
    settings = settings_or_exit()
    run(lambda stop: until_stopped(stop, _project(settings, follow=not once)))


async def _project(settings: Settings, *, follow: bool) -> None:
    async with (
        projecting(settings) as runners,
        indexing(settings) as indexer,
        telling(settings, lambda: _families(runners)),
        beside(_tell(runners)),
    ):
        if indexer is None:
            await runners.run(follow=follow)
        elif follow:
            async with asyncio.TaskGroup() as group:
                following = group.create_task(indexer.follow())
                await runners.run()
                following.cancel()
        else:
            await runners.run(follow=False)
            await indexer.catch_up()


async def _families(runners: Runners) -> Iterable[Metric]:
    try:
        async with asyncio.timeout(LOG_WAIT_S_MAX):
            statuses = await runners.status()
    except (LogError, TimeoutError):
        return of_projections(runners.standing(), log_reachable=False)
    return of_projections(statuses, log_reachable=True)


async def _tell(runners: Runners) -> None:
    while True:
        await asyncio.sleep(STATUS_WAIT_S)
        try:
            for status in await runners.status():
                say(status.line)
        except LogError as error:
            say(f"no status just now: {error}")
