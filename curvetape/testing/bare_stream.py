"""What a bare client is sent by a faulty endpoint, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache

import grpc

from adapters.yellowstone.encoding import pong
from adapters.yellowstone.wire import geyser_pb2 as pb
from curvetape.simulator.endpoint import FaultyEndpoint
from curvetape.simulator.faults import Fault
from curvetape.simulator.forked_chain import ForkedChain
from curvetape.simulator.stage import play
from domain.programs import PROGRAMS, PYTH_SOL_USD

WAIT_S_MAX = 10.0
QUIET_S = 0.1
REFUSED_WAIT_S = 1.0
PONG = pong(7)


def asked(
    commitment: str = "CONFIRMED",
    *,
    from_slot: int | None = None,
    blocks: bool = False,
    transactions: bool = False,
    metas: bool = False,
    accounts: bool = False,
) -> pb.SubscribeRequest:
    """A request for what concerns our programs, of each kind that is named."""
    request = pb.SubscribeRequest(
        from_slot=from_slot, commitment=pb.CommitmentLevel.Value(commitment)
    )
    if blocks:
        request.blocks["blocks"].account_include.extend(PROGRAMS)
    if transactions:
        request.transactions["transactions"].account_include.extend(PROGRAMS)
    if metas:
        request.blocks_meta["metas"].SetInParent()
    if accounts:
        request.accounts["accounts"].account.extend(PYTH_SOL_USD)
    return request


class Stream:
    """What a bare client was sent, as bytes, and how its stream ended."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.end: tuple[grpc.StatusCode, str] | None = None

    @property
    def updates(self) -> list[pb.SubscribeUpdate]:
        """All of them, read."""
        return [pb.SubscribeUpdate.FromString(payload) for payload in self.payloads]

    @property
    def blocks(self) -> list[pb.SubscribeUpdateBlock]:
        """The whole blocks."""
        return [update.block for update in self.updates if update.HasField("block")]

    @property
    def transactions(self) -> list[tuple[int, int]]:
        """Slot and index of each single transaction."""
        return [
            (update.transaction.slot, update.transaction.transaction.index)
            for update in self.updates
            if update.HasField("transaction")
        ]


@asynccontextmanager
async def reading(
    endpoint: FaultyEndpoint,
    request: pb.SubscribeRequest,
    *,
    x_token: str | None = None,
    refused: bool = False,
) -> AsyncIterator[Stream]:
    """A stream that is read while the block runs, which begins when the server has the request.

    One that is to be `refused` ends before. It writes nothing more than it has to: a write that
    comes too late would replace the server's reason by one of the client's own.
    """
    stream, begun = Stream(), asyncio.Event()
    metadata = None if x_token is None else (("x-token", x_token),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{endpoint.port}") as channel:
        method: grpc.aio.StreamStreamMultiCallable[pb.SubscribeRequest, bytes]
        method = channel.stream_stream(
            "/geyser.Geyser/Subscribe", request_serializer=pb.SubscribeRequest.SerializeToString
        )
        call = method(metadata=metadata)

        async def read() -> None:
            try:
                if refused:
                    code = asyncio.ensure_future(call.code())
                    await asyncio.wait({code}, timeout=REFUSED_WAIT_S)
                await call.write(request)
                if not refused:
                    await call.write(pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=7)))
                while (payload := await call.read()) is not grpc.aio.EOF:
                    assert isinstance(payload, bytes)
                    begun.set()
                    if payload != PONG:
                        stream.payloads.append(payload)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                pass  # how it ended is asked below
            stream.end = (await call.code(), await call.details())
            begun.set()

        task = asyncio.create_task(read())
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                await begun.wait()
            yield stream
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def quiet(stream: Stream) -> None:
    """Wait until nothing more comes."""
    async with asyncio.timeout(WAIT_S_MAX):
        while True:
            count = len(stream.payloads)
            await asyncio.sleep(QUIET_S)
            if len(stream.payloads) == count:
                return


@cache
def short_chain() -> ForkedChain:
    """A chain of 24 living blocks with several forks; made once, so not to be changed."""
    return ForkedChain(5, slots=24, fork_share=0.3, equivocation_share=0.1)


@asynccontextmanager
async def faulty(*faults: Fault, x_token: str | None = None) -> AsyncIterator[FaultyEndpoint]:
    """An endpoint with faults over the short chain, which has not begun yet."""
    endpoint = FaultyEndpoint(short_chain(), faults, seed=3, x_token=x_token)
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.stop()


async def seen(
    request: pb.SubscribeRequest, *faults: Fault, slot_s: float = 0.002, recover: bool = True
) -> Stream:
    """All that a client that was there from the beginning was sent, until its stream ended."""
    async with faulty(*faults) as endpoint, reading(endpoint, request) as stream:
        await play(short_chain(), [endpoint], slot_s=slot_s, recover=recover)
        await quiet(stream)
    return stream


async def replayed(endpoint: FaultyEndpoint, from_slot: int) -> Stream:
    """All blocks that a new stream from the slot on is sent."""
    async with reading(endpoint, asked(blocks=True, from_slot=from_slot)) as stream:
        await quiet(stream)
    return stream


def whole(blocks: Sequence[pb.SubscribeUpdateBlock]) -> list[tuple[str, list[int]]]:
    """Blockhash and indexes of the transactions of each block."""
    return [(block.blockhash, [info.index for info in block.transactions]) for block in blocks]
