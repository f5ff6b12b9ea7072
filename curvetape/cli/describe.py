"""`curvetape describe`: what is behind the tokens' uris, read once and kept in the log."""

import asyncio

import click

from curvetape.cli.common import beside, run, say, settings_or_exit, until_stopped
from curvetape.config import Settings, SettingsError
from curvetape.describing import Describing, describing

STATUS_WAIT_S = 5.0

EPILOG = """\b
Examples:
  curvetape describe
  CURVETAPE_IPFS_GATEWAYS=https://gateway.example/ipfs/ curvetape describe --once"""


@click.command(short_help="Read the tokens' metadata into the log.", epilog=EPILOG)
@click.option("--once", is_flag=True, help="Stop once all that is due now has been asked for.")
def command(once: bool) -> None:
    """Read the JSON document behind each new token's uri, and append what it says to the log.

    The log says what was described already and where to go on. Documents are asked for over http,
    https and IPFS gateways, at public addresses only; what fails and may pass is asked for again
    later. One such process is enough; a second one does no harm.
    """
    settings = settings_or_exit()
    run(lambda stop: until_stopped(stop, _describe(settings, follow=not once)))


async def _describe(settings: Settings, *, follow: bool) -> None:
    try:
        async with describing(settings, say=say) as it:
            say(f"describing tokens that were created after sequence {it.after:,}")
            async with beside(_tell(it)):
                await it.run(follow=follow)
            say(_line(it))
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


async def _tell(it: Describing) -> None:
    told = ""
    while True:
        await asyncio.sleep(STATUS_WAIT_S)
        if (line := _line(it)) != told:
            say(line)
            told = line


def _line(it: Describing) -> str:
    progress, waiting = it.resolver.progress, it.resolver.backlog.waiting
    return (
        f"{progress.described:,} tokens described, {progress.failed:,} attempts failed, "
        f"{progress.given_up:,} tokens given up, {waiting:,} still without a last word"
    )
