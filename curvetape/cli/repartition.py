"""`curvetape projections repartition`: divide read models among another number of replicas."""

import click

from adapters.jetstream.connection import Connection
from adapters.postgres.generations import Generations
from curvetape.archives import log_of
from curvetape.bootstrap import NATS_URL, POSTGRES_DSN, read_models_of
from curvetape.cli.common import run, say, settings_or_exit, until_stopped
from curvetape.registered import RegistrationError
from curvetape.repartitioning import repartition
from curvetape.telling import Teller
from domain.partition import PARTS_MAX
from projections.leaderboards import Leaderboards

EPILOG = """\b
Examples:
  curvetape projections repartition candles --parts 4
  curvetape projections repartition candles trades tokens --parts 1"""


@click.command(short_help="Divide among another number of replicas.", epilog=EPILOG)
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--parts",
    type=click.IntRange(1, PARTS_MAX),
    required=True,
    help="Into how many parts; 1 for none.",
)
def command(names: tuple[str, ...], parts: int) -> None:
    """Divide the read models NAMES by mint, for so many runners of `curvetape project --part`.

    Stop all of their runners first. Parts that are behind are brought level with the furthest one,
    then each begins there. A rebuild is not needed, and no row changes.
    """
    settings = settings_or_exit()
    if Leaderboards.name in names:
        raise click.UsageError("leaderboards cannot be divided; part 1 hosts all of them")
    try:
        models = read_models_of(settings)
    except RegistrationError as error:
        raise click.ClickException(str(error)) from error

    async def work() -> None:
        url = settings.nats_url or NATS_URL
        async with await Connection.open(url, name="curvetape projections") as connection:
            teller = Teller(connection, settings)
            try:
                for name in names:
                    # Each has a connection of its own, with which its claim ends.
                    async with await Generations.open(
                        settings.postgres_dsn or POSTGRES_DSN
                    ) as generations:
                        sequence = await repartition(
                            log_of(settings, connection),
                            generations,
                            models,
                            name,
                            parts,
                            say,
                            batch_max=settings.project_batch_max,
                            tell=teller.tell,
                        )
                    say(f"{name}: {_divided(parts)} at sequence {sequence:,}")
            finally:
                teller.close()

    run(lambda stop: until_stopped(stop, work()))


def _divided(parts: int) -> str:
    return "one whole" if parts == 1 else f"{parts} parts, each"
