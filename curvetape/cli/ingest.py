"""`curvetape ingest`: from the chain to the log."""

import asyncio
from collections.abc import Iterable, Sequence

import click
from prometheus_client.core import Metric

from adapters.yellowstone.health import Health
from curvetape.cli.common import beside, run, say, settings_or_exit, until_stopped
from curvetape.config import Settings
from curvetape.ingesting import Ingest, ingesting
from curvetape.metric_families import of_ingest
from curvetape.metrics import telling
from ingest.plan import Planner
from ingest.progress import Progress

STATUS_WAIT_S = 5.0

EPILOG = """\b
Examples:
  CURVETAPE_YELLOWSTONE_URL='https://host:443?token=…' curvetape ingest
  curvetape ingest --yellowstone-url 'https://one?token=…,https://two?token=…&blocks=no' \\
      --rpc-url https://node/

An address may say in its query what is special about its provider: token=…, blocks=no for one
without filtered blocks, compression=none or gzip. In a token & is written %26 and a comma %2C."""


@click.command(short_help="From the chain to the log.", epilog=EPILOG)
@click.option(
    "--yellowstone-url",
    help="The endpoints to read, by commas; else CURVETAPE_YELLOWSTONE_URL.",
)
@click.option(
    "--rpc-url", help="A JSON-RPC node for what no endpoint sent; else CURVETAPE_RPC_URL."
)
@click.option("--workers", type=int, help="Processes that decode; else CURVETAPE_INGEST_WORKERS.")
def command(yellowstone_url: str | None, rpc_url: str | None, workers: int | None) -> None:
    """Read Yellowstone endpoints, decode what our programs did and append it to the log.

    All endpoints are read at once and the first copy of a transaction is taken. Confirmed blocks
    decide what counts: each slot is sealed with a certificate, what died with a fork is taken
    back, and what no source could give is a recorded gap that is tried again. Starts where the
    log ends and never reports an event before it is on disk.
    """
    settings = settings_or_exit(
        yellowstone_url=yellowstone_url, rpc_url=rpc_url, ingest_workers=workers
    )
    if settings.yellowstone_url is None:
        raise click.UsageError(
            "no endpoint to read; set CURVETAPE_YELLOWSTONE_URL, or let `curvetape up` start a "
            "simulated chain"
        )
    run(lambda stop: until_stopped(stop, _ingest(settings)))


async def _ingest(settings: Settings) -> None:
    async with ingesting(settings, say=say) as ingest:
        owed = ingest.pipeline.planner.slots.owed()
        start = "the oldest slot that there is" if owed is None else f"slot {owed}"
        names = ", ".join(health.name for health in ingest.health)
        say(f"reading {names} from {start} on")

        async def families() -> Iterable[Metric]:
            return of_ingest(ingest.pipeline.progress, ingest.health)

        async with telling(settings, families), beside(_tell(ingest)):
            await ingest.run()


async def _tell(ingest: Ingest) -> None:
    progress, told = ingest.pipeline.progress, _Told()
    before = 0
    while True:
        await asyncio.sleep(STATUS_WAIT_S)
        rate = (progress.transactions - before) / STATUS_WAIT_S
        before = progress.transactions
        for alarm in told.alarms(progress, ingest.pipeline.planner):
            say(f"ALARM: {alarm}")
        say(line(progress, rate))
        if len(ingest.health) > 1 or not all(health.connected for health in ingest.health):
            for text in lines(ingest.health):
                say(text)


def line(progress: Progress, rate: float) -> str:
    """How ingest is doing, in one line."""
    missing = sum(last - first + 1 for first, last in progress.gaps)
    return (
        f"slot {progress.slot}, sealed up to {progress.sealed_slot}: {rate:,.0f} transactions/s, "
        f"{progress.events:,} events appended, {progress.retracted:,} taken back with "
        f"{progress.abandoned:,} slots, {missing:,} slots missing, {progress.dead:,} dead letters"
    )


def lines(healths: Sequence[Health]) -> list[str]:
    """How each endpoint is doing, a line each."""
    return [
        f"  {health.name}: "
        + (
            f"slot {health.slot}, {max(0, health.newest_slot - health.slot)} behind its newest, "
            f"reads {'blocks' if health.mode == 'blocks' else 'metas and transactions'}"
            + (", catching up" if health.catching_up else "")
            if health.connected
            else f"away: {health.last_error or 'not connected yet'}"
        )
        + f", {health.reconnects} reconnections"
        for health in healths
    ]


class _Told:
    """What was alarmed about already."""

    def __init__(self) -> None:
        self._tails: set[str] = set()
        self._dead = 0
        self._gaps: set[tuple[int, int]] = set()
        self._contradictions: dict[str, int] = {}
        self._astray: set[str] = set()

    def alarms(self, progress: Progress, planner: Planner) -> list[str]:
        """What somebody should know of and does not yet."""
        found = [
            f"{kind} has grown by bytes that no known layout accounts for; they are kept"
            for kind in sorted(progress.tails.keys() - self._tails)
        ]
        self._tails |= progress.tails.keys()
        if progress.dead > self._dead:
            found.append(
                f"{progress.dead - self._dead:,} events of our programs went to DEAD, unread; "
                "`curvetape dead list` shows them"
            )
            self._dead = progress.dead
        hint = "" if self._gaps else " (set CURVETAPE_RPC_URL to a node that has them)"
        found += [
            f"slots {first} to {last} could not be had; they are a recorded gap and tried again"
            + hint
            for first, last in sorted(set(progress.gaps) - self._gaps)
        ]
        self._gaps |= set(progress.gaps)
        for source, count in progress.contradictions.items():
            if count > self._contradictions.get(source, 0):
                found.append(
                    f"{source} has confirmed another block than the one that was sealed, "
                    f"{count} times; it is on a fork, and its blocks are not believed"
                )
        self._contradictions = dict(progress.contradictions)
        for source in sorted(planner.astray.keys() - self._astray):
            found.append(
                f"{source} serves another network: its slots are around "
                f"{planner.astray[source]}; check its address, nothing of it is taken"
            )
        self._astray |= planner.astray.keys()
        return found
