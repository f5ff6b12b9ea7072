"""`curvetape project`: from the log to the read models."""

import asyncio

import click

from curvetape.bootstrap import projecting
from curvetape.cli.common import run, say, settings_or_exit
from curvetape.config import Settings
from projections.runner import Runner

STATUS_WAIT_S = 5.0


@click.command(
    short_help="From the log to the read models.", epilog="Example: curvetape project --once"
)
@click.option("--once", is_flag=True, help="Stop at the end of the log instead of waiting there.")
def command(once: bool) -> None:
    """Keep the read models: candles, trades and tokens.

    Each goes on from its own checkpoint. One that cannot go on stops with its reason while the
    others continue; the exit code is then 1.
    """
    settings = settings_or_exit()
    run(lambda stop: _project(settings, stop, follow=not once))


async def _project(settings: Settings, stop: asyncio.Event, *, follow: bool) -> None:
    async with projecting(settings) as runner:
        work = asyncio.create_task(runner.run(follow=follow))
        status = asyncio.create_task(_tell(runner))
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, status, stopped):
            task.cancel()
        await asyncio.gather(work, status, stopped, return_exceptions=True)
        if work in done:
            work.result()


async def _tell(runner: Runner) -> None:
    while True:
        await asyncio.sleep(STATUS_WAIT_S)
        for status in await runner.status():
            say(status.line)
