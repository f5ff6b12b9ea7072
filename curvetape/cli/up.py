"""`curvetape up`: the whole product with one command."""

import click

from adapters.embedded.ports import is_free
from curvetape.cli.archive_option import archive_or_exit
from curvetape.cli.common import run, say, settings_or_exit, until_stopped
from curvetape.cli.serve import port_taken
from curvetape.up import Up

EPILOG = """\b
Examples:
  curvetape up
  curvetape up --rate 2000 --seed 7
  curvetape up --transactions recorded/"""


@click.command(short_help="The whole product with one command.", epilog=EPILOG)
@click.option("--home", help="Folder of all data and logs; else CURVETAPE_HOME, .curvetape.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port of the API; else 8080.")
@click.option("--rate", type=float, help="Transactions per second of the simulated chain.")
@click.option("--seed", type=int, help="Seed of the simulated chain.")
@click.option("--slots", type=int, help="Slots after which the simulated chain stops.")
@click.option("--genesis-time", type=int, help="Unix time of the simulated chain's first slot.")
@click.option(
    "--transactions",
    type=click.Path(exists=True, file_okay=False),
    help="Serve recorded JSON-RPC transactions of this folder instead of a generated market.",
)
def command(
    home: str | None,
    port: int | None,
    rate: float | None,
    seed: int | None,
    slots: int | None,
    genesis_time: int | None,
    transactions: str | None,
) -> None:
    """Run everything: servers, chain, ingest, read models and the API.

    Servers whose address is configured are used; for the others an embedded one is started. The
    chain is simulated unless CURVETAPE_YELLOWSTONE_URL names an endpoint. What has died is
    started again. Ctrl-C stops everything; the next start goes on from the same log.
    """
    settings = settings_or_exit(
        home=home,
        api_port=port,
        simulate_rate=rate,
        simulate_seed=seed,
        simulate_slots=slots,
        simulate_genesis_time_s=genesis_time,
        simulate_transactions=transactions,
    )
    archive_or_exit(settings)  # refused here, not by each start of `project`
    if not is_free(settings.api_port):
        raise click.ClickException(port_taken(settings.api_port))
    run(lambda stop: until_stopped(stop, Up(settings, say).run()))
