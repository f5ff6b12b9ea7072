"""Blocks of the generated market for tests, with what the programs emitted in them."""

from collections.abc import Iterator
from functools import lru_cache

from adapters.yellowstone import frames
from adapters.yellowstone.wire import geyser_pb2
from curvetape.simulator.events import Emitted
from curvetape.simulator.market import Market
from domain.chain import RawTransaction

GENESIS_S = 1_793_000_000
SLOT_MS = 400

Block = geyser_pb2.SubscribeUpdateBlock
Info = geyser_pb2.SubscribeUpdateTransactionInfo


def new_market(*, seed: int = 7, rate_per_s: float = 100) -> Market:
    """A market in memory that begins at `GENESIS_S`."""
    return Market.open(
        None, seed=seed, rate_per_s=rate_per_s, slot_ms=SLOT_MS, genesis_time_s=GENESIS_S
    )


def produced(market: Market, count: int) -> Iterator[tuple[Block, list[Emitted]]]:
    """The market's next blocks, each with its ledger."""
    for _ in range(count):
        block = market.next_block()
        yield block, market.emitted


@lru_cache(maxsize=2)
def first_blocks(
    count: int, *, seed: int = 7, rate_per_s: float = 100
) -> tuple[tuple[Block, list[Emitted]], ...]:
    """The first blocks of a market; made once, so not to be changed."""
    return tuple(produced(new_market(seed=seed, rate_per_s=rate_per_s), count))


def views(block: Block) -> Iterator[RawTransaction]:
    """The block's transactions as the decoder reads them."""
    time_s = block.block_time.timestamp
    for info in block.transactions:
        yield frames.transaction(
            info, slot=block.slot, block_time_s=time_s, received_at_ns=time_s * 1_000_000_000
        )


def keys(info: Info) -> list[bytes]:
    """All accounts of a transaction in the order of their indexes."""
    meta = info.meta
    return [
        *info.transaction.message.account_keys,
        *meta.loaded_writable_addresses,
        *meta.loaded_readonly_addresses,
    ]
