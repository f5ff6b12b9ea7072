"""`curvetape explain`: one transaction, from its place on the chain to what it moved."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime

import click
import msgspec
from solders.signature import Signature

from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from curvetape.bootstrap import reading
from curvetape.cli.archive_option import archive_option, archive_or_exit
from curvetape.cli.common import run, settings_or_exit, until_stopped
from curvetape.explaining import Explained, Explaining, Explanation, UnknownTransactionError
from domain.archive import ArchiveError
from projections.reads import ReadsUnavailableError

EXIT_UNKNOWN = 3

EPILOG = """\b
Examples:
  curvetape explain --archive /srv/archive 3n3RAAUvWHYS…
  curvetape explain --url nats://127.0.0.1:4222 --postgres postgresql://127.0.0.1/curvetape 3n3RA…
  curvetape explain --archive s3://bucket/curvetape 3n3RAAUvWHYS… --json | jq .certificate.hash

\b
Exit codes:
  0  it is explained
  3  the log has no event of it
  1  something could not be read"""


def _signature(_ctx: click.Context, _parameter: click.Parameter, given: str) -> str:
    try:
        return str(Signature.from_string(given))
    except ValueError as error:
        raise click.BadParameter(f"{given!r} is no signature; one is 64 bytes in base58") from error


@click.command(short_help="What became of one transaction.", epilog=EPILOG)
@click.argument("signature", callback=_signature)
@archive_option
@click.option("--url", metavar="URL", help="The NATS server; CURVETAPE_NATS_URL where not given.")
@click.option(
    "--postgres",
    "dsn",
    metavar="DSN",
    help="The read models; CURVETAPE_POSTGRES_DSN where not given, and none without.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    signature: str, address: str | None, url: str | None, dsn: str | None, *, as_json: bool
) -> None:
    """Say where a transaction is on the chain, which events it made, and what they moved.

    An archive is searched segment by segment, and a stream from the archive's end on. What was
    taken back is shown, too, and said to be.
    """
    settings = settings_or_exit(archive_url=address, nats_url=url, postgres_dsn=dsn)
    store = archive_or_exit(settings)
    if store is None and settings.nats_url is None:
        raise click.UsageError("give --archive, or --url, or both")
    made: list[Explanation] = []

    async def work() -> None:
        async with AsyncExitStack() as stack:
            log = reads = None
            if settings.nats_url is not None:
                opened = await Connection.open(settings.nats_url, name="curvetape explain")
                log = JetStreamLog(await stack.enter_async_context(opened))
            if settings.postgres_dsn is not None:
                entering = reading(settings, application="curvetape explain")
                reads = await stack.enter_async_context(entering)
            made.append(await Explaining(store, log, reads).explain(signature))

    async def spoken() -> None:
        try:
            await work()
        except UnknownTransactionError as error:
            click.echo(str(error), err=True)
            raise SystemExit(EXIT_UNKNOWN) from error
        except ReadsUnavailableError as error:
            raise ArchiveError(str(error)) from error

    run(lambda stop: until_stopped(stop, spoken()))
    for explanation in made:
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(explanation)))
        else:
            _print(explanation)


def _print(it: Explanation) -> None:
    place = it.place
    when = datetime.fromtimestamp(place.block_time_s, UTC).isoformat().replace("+00:00", "Z")
    click.echo(f"transaction {it.signature}")
    click.echo(f"  slot {place.slot}, index {place.index} in its block, {when}")
    click.echo(f"  signed by {place.signer}")
    for explained in it.events:
        _print_event(explained)
    if it.certificate is None:
        click.echo("certificate: none yet")
    else:
        click.echo(f"certificate {it.certificate.hash}")
        click.echo(
            f"  sequence {it.certificate_sequence:,}, block {it.certificate.blockhash}, "
            f"{it.certificate.decoded} events of {it.certificate.ours} transactions"
        )
    for candle in it.candles:
        click.echo(f"candle of {candle.mint}, {candle.interval_s} s from {candle.start_s}")
        if candle.now is not None:
            now = candle.now
            click.echo(
                f"  now open {now.open:g} high {now.high:g} low {now.low:g} close {now.close:g}"
            )
    for token in it.tokens:
        ranked = ", ".join(
            name if value is None else f"{name} {value:g}"
            for name, value in token.ranked_by.items()
        )
        click.echo(f"token {token.mint}" + (f", ranked by {ranked}" if ranked else ""))
    if not it.asked:
        click.echo("read models were not asked; give --postgres")


def _print_event(explained: Explained) -> None:
    event = explained.event
    price = "" if explained.price is None else f", price {explained.price:g}"
    click.echo(
        f"event {event.kind} at {event.pos.outer}.{event.pos.inner}, {explained.state}{price}"
    )
    click.echo(f"  sequence {explained.sequence:,}, in {explained.found_in}")
