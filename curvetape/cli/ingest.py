"""`curvetape ingest`: from the chain to the log."""

import asyncio

import click

from curvetape.bootstrap import ingesting
from curvetape.cli.common import beside, run, say, settings_or_exit, until_stopped
from curvetape.config import Settings
from ingest.pipeline import Progress

STATUS_WAIT_S = 5.0


@click.command(
    short_help="From the chain to the log.",
    epilog="Example: CURVETAPE_YELLOWSTONE_URL=https://host:443 CURVETAPE_YELLOWSTONE_TOKEN=… "
    "curvetape ingest",
)
@click.option("--yellowstone-url", help="The endpoint to read; else CURVETAPE_YELLOWSTONE_URL.")
def command(yellowstone_url: str | None) -> None:
    """Read a Yellowstone endpoint, decode what our programs did and append it to the log.

    Starts where the log ends and never reports an event before it is on disk.
    """
    settings = settings_or_exit(yellowstone_url=yellowstone_url)
    if settings.yellowstone_url is None:
        raise click.UsageError(
            "no endpoint to read; set CURVETAPE_YELLOWSTONE_URL, or let `curvetape up` start a "
            "simulated chain"
        )
    run(lambda stop: until_stopped(stop, _ingest(settings)))


async def _ingest(settings: Settings) -> None:
    async with ingesting(settings) as (pipeline, source):
        slot = pipeline.resume_slot()
        start = "the oldest slot that it has" if slot is None else f"slot {slot}"
        say(f"reading {settings.yellowstone_url} from {start} on")
        async with beside(_tell(pipeline.progress)):
            await pipeline.run(source)


async def _tell(progress: Progress) -> None:
    before, dead = 0, 0
    tails: set[str] = set()
    while True:
        await asyncio.sleep(STATUS_WAIT_S)
        rate = (progress.transactions - before) / STATUS_WAIT_S
        before = progress.transactions
        for kind in sorted(progress.tails.keys() - tails):
            tails.add(kind)
            say(
                f"ALARM: {kind} has grown by bytes that no known layout accounts for; they are kept"
            )
        if progress.dead > dead:
            say(f"ALARM: {progress.dead - dead:,} events of our programs went to DEAD, unread")
            dead = progress.dead
        say(
            f"slot {progress.slot}: {rate:,.0f} transactions/s, {progress.events:,} events "
            f"appended, {progress.duplicates:,} known already, {progress.dead:,} dead letters"
        )
