"""`curvetape projections compress`: what is old in the largest read models takes less room."""

import click
import msgspec

from adapters.postgres.compression import Compressed, CompressionError, compress
from curvetape.bootstrap import POSTGRES_DSN
from curvetape.cli.common import run, settings_or_exit, until_stopped

OLDER_THAN_DAYS = 7
EXIT_CANNOT = 3


@click.command(short_help="Compress what is old, with TimescaleDB.")
@click.option(
    "--older-than-days",
    type=click.IntRange(min=1),
    default=OLDER_THAN_DAYS,
    show_default=True,
    help="Leave alone what is nearer than this to the newest row.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(older_than_days: int, *, as_json: bool) -> None:
    """Compress the old parts of candles and trades, where the server has TimescaleDB.

    Whoever reads or writes them sees no difference, also where rows come late. Call it again now
    and then, as by a timer, and after a rebuild. Exit code 3 where the server cannot compress.
    """
    settings = settings_or_exit()
    found: list[Compressed] = []
    refused: list[str] = []

    async def work() -> None:
        try:
            found.extend(
                await compress(
                    settings.postgres_dsn or POSTGRES_DSN, older_than_days=older_than_days
                )
            )
        except CompressionError as error:
            refused.append(str(error))

    run(lambda stop: until_stopped(stop, work()))
    for reason in refused:
        click.echo(reason, err=True)
        raise SystemExit(EXIT_CANNOT)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for each in found:
        click.echo(
            f"{each.table}: {each.chunks:,} parts are compressed, from {each.bytes_before:,} to "
            f"{each.bytes_after:,} bytes"
        )
