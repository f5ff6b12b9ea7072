"""A chain of our own making and a real server over it, for tests of whoever reads one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
from solders.hash import Hash
from solders.pubkey import Pubkey

from adapters.yellowstone.hub import Hub
from adapters.yellowstone.server import YellowstoneServer
from adapters.yellowstone.wire import geyser_pb2
from domain.programs import PUMP

GENESIS_SLOT = 1_000
BLOCK_TIME_S = 1_792_857_598
READ_S_MAX = 10.0

Info = geyser_pb2.SubscribeUpdateTransactionInfo
Block = geyser_pb2.SubscribeUpdateBlock


def touching(
    *addresses: str,
    signature: int = 1,
    failed: bool = False,
    vote: bool = False,
    loaded: Sequence[str] = (),
    padding: int = 0,
) -> Info:
    """A transaction that has these addresses among its accounts, the last ones by lookup."""
    info = Info(signature=signature.to_bytes(64, "big"), is_vote=vote)
    info.transaction.signatures.append(info.signature)
    message = info.transaction.message
    message.account_keys.extend(bytes(Pubkey.from_string(each)) for each in addresses)
    info.meta.loaded_readonly_addresses.extend(bytes(Pubkey.from_string(each)) for each in loaded)
    info.meta.log_messages.append("x" * padding)
    if failed:
        info.meta.err.err = b"\x01"
    return info


def block(slot: int, transactions: Sequence[Info] = (), *, parent: int | None = None) -> Block:
    """A block of these transactions; its parent is the slot before, in genesis itself."""
    parent = (slot if slot == GENESIS_SLOT else slot - 1) if parent is None else parent
    made = Block(
        slot=slot,
        blockhash=blockhash(slot),
        parent_slot=parent,
        parent_blockhash=blockhash(parent),
        executed_transaction_count=len(transactions),
        transactions=transactions,
    )
    made.block_time.timestamp = BLOCK_TIME_S + slot - GENESIS_SLOT
    made.block_height.block_height = slot - GENESIS_SLOT
    for index, info in enumerate(made.transactions):
        info.index = index
    return made


def trades(slot: int, count: int = 1, *, padding: int = 0) -> Block:
    """A block of transactions of the bonding-curve program; signatures tell slot and place."""
    return block(
        slot,
        [touching(PUMP, signature=slot << 16 | place, padding=padding) for place in range(count)],
    )


def dead_block(slot: int, count: int = 1, *, parent: int | None = None) -> Block:
    """A block like `trades` that lives on a fork: its hash and signatures are of its own."""
    made = block(
        slot,
        [touching(PUMP, signature=1 << 64 | slot << 16 | place) for place in range(count)],
        parent=parent,
    )
    made.blockhash = blockhash(slot | 1 << 64)
    return made


def everything(commitment: str, *, from_slot: int | None = None) -> geyser_pb2.SubscribeRequest:
    """A request for transactions and blocks of the bonding-curve program, metas and statuses."""
    request = geyser_pb2.SubscribeRequest(
        from_slot=from_slot, commitment=geyser_pb2.CommitmentLevel.Value(commitment)
    )
    request.transactions["transactions"].account_include.append(PUMP)
    request.blocks["blocks"].account_include.append(PUMP)
    request.blocks_meta["metas"].SetInParent()
    request.slots["slots"].interslot_updates = True
    return request


def blockhash(slot: int) -> str:
    """The made-up hash of a slot's block."""
    return str(Hash(slot.to_bytes(32, "big")))


@asynccontextmanager
async def serving(
    hub: Hub,
    *,
    address: str = "127.0.0.1:0",
    x_token: str | None = None,
    ping_interval_s: float = 15.0,
    lag_transactions_max: int = 100_000,
) -> AsyncIterator[YellowstoneServer]:
    """A server over the hub for as long as the block runs."""
    server = YellowstoneServer(
        hub,
        address=address,
        x_token=x_token,
        ping_interval_s=ping_interval_s,
        lag_transactions_max=lag_transactions_max,
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


Call = grpc.aio.StreamStreamCall[geyser_pb2.SubscribeRequest, geyser_pb2.SubscribeUpdate]


@asynccontextmanager
async def subscribed(
    server: YellowstoneServer, *requests: geyser_pb2.SubscribeRequest
) -> AsyncIterator[Call]:
    """A bare stream of the server's updates, with nothing of our client around it."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        method: grpc.aio.StreamStreamMultiCallable[
            geyser_pb2.SubscribeRequest, geyser_pb2.SubscribeUpdate
        ] = channel.stream_stream(
            "/geyser.Geyser/Subscribe",
            request_serializer=geyser_pb2.SubscribeRequest.SerializeToString,
            response_deserializer=geyser_pb2.SubscribeUpdate.FromString,
        )
        call = method()
        for request in requests:
            await call.write(request)
        yield call
        call.cancel()


async def read_updates(call: Call, count: int) -> list[geyser_pb2.SubscribeUpdate]:
    """The next updates; `TimeoutError` when they do not come."""
    updates: list[geyser_pb2.SubscribeUpdate] = []
    async with asyncio.timeout(READ_S_MAX):
        while len(updates) < count:
            update = await call.read()
            assert isinstance(update, geyser_pb2.SubscribeUpdate), "the stream has ended"
            updates.append(update)
    return updates
