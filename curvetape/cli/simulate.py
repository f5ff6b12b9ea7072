"""`curvetape simulate`: a chain to read where there is no Yellowstone endpoint."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import msgspec

from adapters.solana_rpc.server import RpcServer
from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.server import ListenError, YellowstoneServer
from curvetape.cli.common import run, say
from curvetape.simulator.gateway import Gateway
from curvetape.simulator.market import Market, OtherMarketError
from curvetape.simulator.production import Production
from curvetape.simulator.recorded_chain import RecordingsError, blocks
from curvetape.simulator.rpc_chain import ConfirmedBlocks

STATUS_WAIT_S = 5.0


EPILOG = """\b
Examples:
  curvetape simulate --rate 2000
  curvetape simulate --forks 0.2 --slot-ms 100
  curvetape simulate --transactions recorded/ --listen 127.0.0.1:10000"""


class _At(msgspec.Struct, frozen=True):
    """Where to serve, and whom."""

    listen: str
    rpc_listen: str | None
    x_token: str | None
    metadata_listen: str | None = None


@click.command(
    short_help="Serve a simulated or recorded chain over Yellowstone gRPC.", epilog=EPILOG
)
@click.option("--listen", default="127.0.0.1:10000", show_default=True, help="Address to serve.")
@click.option("--rpc-listen", help="Address to answer JSON-RPC on; not without.")
@click.option("--metadata-listen", help="Address to serve the coins' metadata on; not without.")
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
    "--forks",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="Share of the blocks before which a fork is processed and dies.",
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
    rpc_listen: str | None,
    metadata_listen: str | None,
    x_token: str | None,
    transactions: Path | None,
    rate: float,
    seed: int,
    slots: int | None,
    slot_ms: int,
    forks: float,
    data: Path | None,
    genesis_time: int | None,
) -> None:
    """Serve a chain over Yellowstone gRPC: a generated market, or recorded transactions.

    The same seed and genesis time make the same chain, byte for byte. Serves until it is stopped,
    also after the last slot, and replays what was (`from_slot`). As on the real chain, some blocks
    are on forks that die: they are seen at `processed` only, and change nothing in the market.
    """
    at = _At(listen, rpc_listen, x_token, metadata_listen)
    if transactions is not None:
        run(lambda stop: _serve_recorded(transactions, at, stop))
        return

    run(
        lambda stop: _serve_market(
            at,
            stop,
            rate=rate,
            seed=seed,
            slots=slots,
            slot_ms=slot_ms,
            forks=forks,
            data=data,
            genesis_time=genesis_time,
        )
    )


async def _serve_market(
    at: _At,
    stop: asyncio.Event,
    *,
    rate: float,
    seed: int,
    slots: int | None,
    slot_ms: int,
    forks: float,
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
    production = Production(market, hub, slot_ms=slot_ms, say=say, forks_share=forks)
    production.begin()
    await _serve(hub, at, stop, lambda: production.run(slots_max=slots))
    market.save()


async def _serve_recorded(folder: Path, at: _At, stop: asyncio.Event) -> None:
    hub = Hub(retention=Retention(slots_max=None, bytes_max=None))
    try:
        for block in blocks(folder, say):
            hub.publish(block)
    except RecordingsError as error:
        raise click.ClickException(str(error)) from error
    hub.settle()
    await _serve(hub, at, stop, None)


async def _serve(
    hub: Hub,
    at: _At,
    stop: asyncio.Event,
    produce: Callable[[], Awaitable[None]] | None,
) -> None:
    """Serve until stopped, telling how it goes, while `produce` adds to the chain."""
    server = YellowstoneServer(hub, address=at.listen, x_token=at.x_token)
    try:
        await server.start()
    except ListenError as error:
        raise click.ClickException(str(error)) from error
    node = await _answering(hub, at.rpc_listen)
    gateway = await _showing(at.metadata_listen)
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
        if node is not None:
            await node.stop()
        if gateway is not None:
            await gateway.stop()


async def _answering(hub: Hub, address: str | None) -> RpcServer | None:
    """A JSON-RPC server over the chain, where one is asked for."""
    if address is None:
        return None
    node = RpcServer(ConfirmedBlocks(hub), address)
    try:
        await node.start()
    except (OSError, ValueError) as error:
        raise click.ClickException(
            f"cannot answer JSON-RPC on {address}: {error}; give host:port with a free port"
        ) from error
    say(f"answering JSON-RPC at {node.url}")
    return node


async def _showing(address: str | None) -> Gateway | None:
    """A gateway to the coins' metadata, where one is asked for."""
    if address is None:
        return None
    gateway = Gateway(address)
    try:
        await gateway.start()
    except (OSError, ValueError) as error:
        raise click.ClickException(
            f"cannot serve metadata on {address}: {error}; give host:port with a free port"
        ) from error
    say(f"serving the coins' metadata at {gateway.url}")
    return gateway


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
