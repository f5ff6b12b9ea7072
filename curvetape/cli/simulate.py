"""`curvetape simulate`: a chain to read where there is no Yellowstone endpoint."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.server import ListenError, YellowstoneServer
from curvetape.cli.common import run, say
from curvetape.simulator.market import Market, OtherMarketError
from curvetape.simulator.production import Production
from curvetape.simulator.recorded_chain import RecordingsError, blocks

STATUS_WAIT_S = 5.0


EPILOG = """\b
Examples:
  curvetape simulate --rate 2000
  curvetape simulate --transactions recorded/ --listen 127.0.0.1:10000"""


@click.command(
    short_help="Serve a simulated or recorded chain over Yellowstone gRPC.", epilog=EPILOG
)
@click.option("--listen", default="127.0.0.1:10000", show_default=True, help="Address to serve.")
@click.option("--x-token", help="Token that clients have to send; without it all are let in.")
@click.option(
    "--transactions",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Serve the recorded JSON-RPC transactions of this folder instead of a market.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 50_000, min_open=True),
    default=200.0,
    show_default=True,
    help="Transactions per second of our programs.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--slots", type=click.IntRange(1), help="Stop producing after so many slots; keep serving."
)
@click.option(
    "--slot-ms",
    type=click.IntRange(1, 60_000),
    default=400,
    show_default=True,
    help="Length of a slot in milliseconds.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that keeps the market, so that the next start goes on; in memory without.",
)
@click.option(
    "--genesis-time",
    type=click.IntRange(0),
    help="Unix time in seconds of the first slot; now without.",
)
def command(
    listen: str,
    x_token: str | None,
    transactions: Path | None,
    rate: float,
    seed: int,
    slots: int | None,
    slot_ms: int,
    data: Path | None,
    genesis_time: int | None,
) -> None:
    """Serve a chain over Yellowstone gRPC: a generated market, or recorded transactions.

    The same seed and genesis time make the same chain, byte for byte. Serves until it is stopped,
    also after the last slot, and replays what was (`from_slot`).
    """
    if transactions is not None:
        run(lambda stop: _serve_recorded(transactions, listen, x_token, stop))
        return

    run(
        lambda stop: _serve_market(
            listen,
            x_token,
            stop,
            rate=rate,
            seed=seed,
            slots=slots,
            slot_ms=slot_ms,
            data=data,
            genesis_time=genesis_time,
        )
    )


async def _serve_market(
    listen: str,
    x_token: str | None,
    stop: asyncio.Event,
    *,
    rate: float,
    seed: int,
    slots: int | None,
    slot_ms: int,
    data: Path | None,
    genesis_time: int | None,
) -> None:
    try:
        market = Market.open(
            data, seed=seed, rate_per_s=rate, slot_ms=slot_ms, genesis_time_s=genesis_time
        )
    except OtherMarketError as error:
        raise click.ClickException(str(error)) from error
    # A market that ends is served whole, as far as memory allows.
    hub = Hub(retention=None if slots is None else Retention(slots_max=None, bytes_max=1 << 30))
    production = Production(market, hub, slot_ms=slot_ms, say=say)
    production.begin()
    await _serve(hub, listen, x_token, stop, lambda: production.run(slots_max=slots))
    market.save()


async def _serve_recorded(
    folder: Path, listen: str, x_token: str | None, stop: asyncio.Event
) -> None:
    hub = Hub(retention=Retention(slots_max=None, bytes_max=None))
    try:
        for block in blocks(folder, say):
            hub.publish(block)
    except RecordingsError as error:
        raise click.ClickException(str(error)) from error
    hub.settle()
    await _serve(hub, listen, x_token, stop, None)


async def _serve(
    hub: Hub,
    listen: str,
    x_token: str | None,
    stop: asyncio.Event,
    produce: Callable[[], Awaitable[None]] | None,
) -> None:
    """Serve until stopped, telling how it goes, while `produce` adds to the chain."""
    server = YellowstoneServer(hub, address=listen, x_token=x_token)
    try:
        await server.start()
    except ListenError as error:
        raise click.ClickException(str(error)) from error
    say(f"serving Yellowstone gRPC at {server.url}; Ctrl-C stops")
    telling = asyncio.create_task(_tell(hub))
    stopping = asyncio.create_task(stop.wait())
    tasks = {telling, stopping}
    if produce is not None:
        tasks.add(asyncio.create_task(_then_wait(produce, stop)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop()


async def _then_wait(produce: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    await produce()
    say("the last slot is out; serving what there is")
    await stop.wait()


async def _tell(hub: Hub) -> None:
    before, counted_s = hub.transactions, time.monotonic()
    while True:
        if (newest := hub.newest) is not None:
            now, now_s = hub.transactions, time.monotonic()
            rate = (now - before) / max(now_s - counted_s, 0.001)
            before, counted_s = now, now_s
            say(
                f"slot {newest.slot}: {rate:,.0f} transactions/s, {hub.transactions:,} so far, "
                f"{len(hub.followers)} subscribers"
            )
        await asyncio.sleep(STATUS_WAIT_S)
