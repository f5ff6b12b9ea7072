"""`curvetape project`: from the log to the read models."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import nullcontext

import click
from prometheus_client.core import Metric

from adapters.postgres.pool import NO_CONNECTIONS
from curvetape.bootstrap import indexing, partition_of, projecting, read_models_of
from curvetape.cli.common import beside, run, say, settings_or_exit, until_stopped
from curvetape.config import Settings
from curvetape.garbage import seldom_collecting
from curvetape.metric_families import of_projections
from curvetape.metrics import telling
from curvetape.rebuilding import UnknownProjectionError
from curvetape.registered import RegistrationError
from domain.log import LogError
from domain.partition import PartitionError
from projections.leaderboards import Leaderboards
from projections.runners import Runners
from projections.search import Search

STATUS_WAIT_S = 5.0
LOG_WAIT_S_MAX = 2.0
"""Prometheus waits for ten seconds, and wants to know most when the log is away."""


EPILOG = """\b
Examples:
  curvetape project --once
  curvetape project --part 2/4
  curvetape project --only candles --only trades"""


@click.command(short_help="From the log to the read models.", epilog=EPILOG)
@click.option("--once", is_flag=True, help="Stop at the end of the log instead of waiting there.")
@click.option(
    "--part",
    metavar="PART/PARTS",
    help="Take one part of the tokens, as in 2/4, where several runners share the work.",
)
@click.option(
    "--only", multiple=True, metavar="NAME", help="Keep this read model; may be repeated."
)
def command(once: bool, part: str | None, only: Sequence[str]) -> None:
    """Keep the read models, all of them in one process or a share of the work.

    They are candles, trades, tokens, portfolios, search, holders, SOL's prices and slots, and
    leaderboards with a Redis or Valkey.

    Each goes on from its own checkpoint. One that cannot go on stops with its reason while the
    others continue; the exit code is then 1. The search index in Meilisearch, where there is one,
    follows search and holds up nobody.

    With --part, or CURVETAPE_PROJECT_PART, it applies only what is about that part of the tokens;
    what cannot be divided so is kept by part 1. docs/projections.md says how to scale out.
    """
    settings = settings_or_exit(project_part=part)
    try:
        partition = partition_of(settings)
        names = [it.projection.name for it in read_models_of(settings)(NO_CONNECTIONS)]
    except PartitionError as error:
        raise click.UsageError(str(error)) from error
    except RegistrationError as error:
        raise click.ClickException(str(error)) from error
    known = [*names, Leaderboards.name]
    for name in only:
        if name not in known:
            raise click.UsageError(str(UnknownProjectionError(name, known)))
    indexed = (partition is None or partition.part == 1) and (not only or Search.name in only)
    with seldom_collecting():
        run(lambda stop: until_stopped(stop, _project(settings, only, indexed, follow=not once)))


async def _project(settings: Settings, only: Sequence[str], indexed: bool, *, follow: bool) -> None:
    async with (
        projecting(settings, only) as runners,
        indexing(settings) if indexed else nullcontext() as indexer,
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
