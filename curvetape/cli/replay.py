"""`curvetape replay`: the log's events once more, across archive and stream."""

import sys
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import click

from adapters.archive.columns import KINDS
from adapters.archive.output import PIPED, File, Format, Order, Output, Pipe
from adapters.archive.selection import Selection
from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from curvetape.cli.archive_option import archive_option, archive_or_exit
from curvetape.cli.common import run, say, settings_or_exit, until_stopped
from curvetape.replaying import Replay

EPILOG = """\b
Examples:
  curvetape replay --archive /srv/archive --mint 41QwCG7uZ6YSQ1go2n62cgPKWejuGLegd8C6QuJjpump
  curvetape replay --archive s3://bucket/curvetape --kind token.created --format csv
  curvetape replay --url nats://127.0.0.1:4222 --follow
  curvetape replay --archive s3://bucket --order chain --format parquet --output all.parquet

\b
Exit codes:
  0  all that was asked for was written
  1  it could not be read, or the archive is damaged"""


def _moment(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> int | None:
    """A moment as seconds since 1970."""
    if given is None:
        return None
    if given.isdecimal():
        return int(given)
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise click.BadParameter(
            f"{given!r} is no time; give one as in 2026-11-01T12:00:00Z, or seconds since 1970"
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@click.command(short_help="Events once more, across archive and stream.", epilog=EPILOG)
@archive_option
@click.option("--url", metavar="URL", help="The NATS server; CURVETAPE_NATS_URL where not given.")
@click.option("--mint", "mints", metavar="MINT", multiple=True, help="Only of this token.")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(sorted(KINDS)),
    metavar="KIND",
    multiple=True,
    help="Only of this kind, as in curve.traded.",
)
@click.option(
    "--wallet",
    "wallets",
    metavar="ADDRESS",
    multiple=True,
    help="Only what it signed or is named in as the user.",
)
@click.option("--from-slot", type=click.IntRange(0), default=0, metavar="SLOT")
@click.option("--to-slot", type=click.IntRange(0), metavar="SLOT", help="This one included.")
@click.option(
    "--until-time",
    metavar="TIME",
    callback=_moment,
    help="By the blocks' clock, this second included; ISO 8601 (UTC) or seconds since 1970.",
)
@click.option("--follow", is_flag=True, help="Go on with what comes.")
@click.option("--all", "uncounted", is_flag=True, help="Also what was taken back or is undecided.")
@click.option(
    "--order",
    type=click.Choice(get_args(Order)),
    default="log",
    show_default=True,
    help="As the log learnt it, or as the chain has it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    default="jsonl",
    show_default=True,
    help="JSON lines are the log's own messages, byte for byte.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output; needed for parquet.",
)
def command(
    *,
    address: str | None,
    url: str | None,
    order: Order,
    form: Format,
    output: Path | None,
    follow: bool,
    until_time: int | None,
    **given: object,
) -> None:
    """Write the log's events once more: those that count, or with --all every message.

    What is sealed is read from the archive, the rest from the stream, without a seam. Give both,
    or one of them.
    """
    settings = settings_or_exit(nats_url=url, archive_url=address)
    server, store = settings.nats_url, archive_or_exit(settings)
    if store is None and server is None:
        raise click.UsageError("give --archive, or --url, or both")
    if follow and (order == "chain" or form == "parquet" or server is None):
        raise click.UsageError("--follow needs a server, and neither --order chain nor parquet")
    if form == "parquet" and output is None:
        raise click.UsageError("parquet is written to a file; give --output")
    selection = Selection(until_time_s=until_time, **given)  # type: ignore[arg-type]  # by name

    async def work() -> None:
        async with AsyncExitStack() as stack:
            log = None
            if server is not None:
                opened = await Connection.open(server, name="curvetape replay")
                log = JetStreamLog(await stack.enter_async_context(opened))
            writer = _output(stack, form, order, output)
            replay = Replay(store, log, selection, writer, say)
            with suppress(BrokenPipeError):  # whoever read has enough
                await replay.run(order=order, follow=follow)
            say(f"replayed {replay.events:,} events")

    run(lambda stop: until_stopped(stop, work()))


def _output(stack: AsyncExitStack, form: Format, order: Order, path: Path | None) -> Output[Any]:
    if form == "parquet":
        assert path is not None, "the options were checked"
        return File(str(path), order)
    if path is None:
        return PIPED[form](Pipe(sys.stdout.fileno()), order)
    file = stack.enter_context(path.open("wb"))
    return PIPED[form](Pipe(file.fileno()), order)
