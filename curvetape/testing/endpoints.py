"""Endpoints with faults of their own, and a source that is read step by step."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc

from adapters.yellowstone.backoff import Backoff
from adapters.yellowstone.client import YellowstoneSource
from adapters.yellowstone.endpoint import Endpoint
from adapters.yellowstone.wire import geyser_pb2 as pb
from curvetape.testing.yellowstone import trades
from domain.chain import Block, ChainUpdate, RawTransaction

WAIT_S_MAX = 15.0

Context: TypeAlias = grpc.aio.ServicerContext[Any, bytes]
Subscribe: TypeAlias = Callable[[pb.SubscribeRequest, Context], Awaitable[None]]


class Reader:
    """Reads a source in steps, and keeps what it said about interruptions."""

    def __init__(self, endpoint: Endpoint | str, **options: Any) -> None:
        """`owed` is the slot that is owed, as a number; the rest goes to the source."""
        self.said: list[str] = []
        self.owed: int | None = options.pop("owed", None)
        options.setdefault("backoff", Backoff(wait_s_min=0.01, wait_s_max=0.05))
        endpoint = Endpoint(endpoint) if isinstance(endpoint, str) else endpoint
        self.source = YellowstoneSource(
            endpoint, owed=lambda: self.owed, say=self.said.append, **options
        )
        self._batches = self.source.batches()
        self.sizes: list[int] = []

    async def until(self, enough: Callable[[ChainUpdate], bool]) -> list[ChainUpdate]:
        """The updates up to the first batch with one that is enough."""
        read: list[ChainUpdate] = []
        async with asyncio.timeout(WAIT_S_MAX):
            while not any(map(enough, read)):
                batch = await anext(self._batches)
                self.sizes.append(len(batch))
                read += batch
        return read

    async def until_slot(self, slot: int) -> list[ChainUpdate]:
        """The updates up to a confirmed block."""
        return await self.until(lambda each: isinstance(each, Block) and each.slot == slot)

    async def until_early(self, slot: int) -> list[ChainUpdate]:
        """The updates up to an early transaction of a slot."""
        return await self.until(lambda each: isinstance(each, RawTransaction) and each.slot == slot)

    async def close(self) -> None:
        """End the source."""
        await self._batches.aclose()  # type: ignore[attr-defined]  # an async generator


@asynccontextmanager
async def reading(endpoint: Endpoint | str, **options: Any) -> AsyncIterator[Reader]:
    """A reader for as long as the block runs."""
    reader = Reader(endpoint, **options)
    try:
        yield reader
    finally:
        await reader.close()


def blocks(updates: Iterable[ChainUpdate]) -> list[Block]:
    """The confirmed blocks among updates."""
    return [each for each in updates if isinstance(each, Block)]


def slots(updates: Iterable[ChainUpdate]) -> list[int]:
    """Their slots."""
    return [each.slot for each in blocks(updates)]


def early(updates: Iterable[ChainUpdate]) -> list[RawTransaction]:
    """The transactions that came before their blocks."""
    return [each for each in updates if isinstance(each, RawTransaction)]


def places(transactions: Iterable[RawTransaction]) -> list[tuple[int, int]]:
    """Slot and place of transactions whose signatures tell them, as `trades` makes them."""
    numbers = [int.from_bytes(tx.signature) for tx in transactions]
    return [(number >> 16, number & 0xFFFF) for number in numbers]


def confirmed(updates: Iterable[ChainUpdate]) -> list[tuple[int, int]]:
    """Slot and place of the transactions in confirmed blocks."""
    return places(tx for block in blocks(updates) for tx in block.transactions)


def block_update(block: pb.SubscribeUpdateBlock) -> bytes:
    """A block as its own update."""
    return pb.SubscribeUpdate(block=block).SerializeToString()


def meta_update(block: pb.SubscribeUpdateBlock) -> bytes:
    """A block's meta as an update."""
    meta = pb.SubscribeUpdateBlockMeta(
        slot=block.slot,
        parent_slot=block.parent_slot,
        blockhash=block.blockhash,
        parent_blockhash=block.parent_blockhash,
        block_time=block.block_time,
        executed_transaction_count=block.executed_transaction_count,
    )
    return pb.SubscribeUpdate(block_meta=meta).SerializeToString()


def transaction_updates(block: pb.SubscribeUpdateBlock) -> list[bytes]:
    """A block's transactions, each as an update."""
    return [
        pb.SubscribeUpdate(
            transaction=pb.SubscribeUpdateTransaction(transaction=info, slot=block.slot)
        ).SerializeToString()
        for info in block.transactions
    ]


class Answering:
    """A server whose streams do what a test says; it keeps the requests that it was sent."""

    def __init__(self, subscribe: Subscribe) -> None:
        self._subscribe = subscribe
        self.newest: int | None = None
        """What it says is its newest slot; None for nothing."""
        self.first_available: int | None = None
        self.requests: list[pb.SubscribeRequest] = []
        """What each stream was opened with."""
        self.pings = 0
        self.url = ""

    @property
    def truths(self) -> list[pb.SubscribeRequest]:
        """The requests for confirmed updates."""
        return [each for each in self.requests if each.commitment == pb.CONFIRMED]

    async def stream(self, asked: AsyncIterator[pb.SubscribeRequest], context: Context) -> None:
        """Serve one stream, and keep it open until its client leaves."""
        request = await anext(asked)
        self.requests.append(request)
        await self._subscribe(request, context)
        async for more in asked:
            self.pings += more.HasField("ping")

    async def replay_info(self, _: object, _context: object) -> pb.SubscribeReplayInfoResponse:
        """The oldest slot, if there is one."""
        return pb.SubscribeReplayInfoResponse(first_available=self.first_available)

    async def slot(self, _: object, context: Context) -> pb.GetSlotResponse:
        """The newest slot, if there is one."""
        if self.newest is None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no slots")
        return pb.GetSlotResponse(slot=self.newest)


@asynccontextmanager
async def answering(
    subscribe: Subscribe, *, compression: grpc.Compression | None = None
) -> AsyncIterator[Answering]:
    """A server with faults of its own, for as long as the block runs."""
    answers = Answering(subscribe)
    server = grpc.aio.server(compression=compression)
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Subscribe": grpc.stream_stream_rpc_method_handler(
            answers.stream, request_deserializer=pb.SubscribeRequest.FromString
        ),
        "SubscribeReplayInfo": grpc.unary_unary_rpc_method_handler(
            answers.replay_info,
            request_deserializer=pb.SubscribeReplayInfoRequest.FromString,
            response_serializer=pb.SubscribeReplayInfoResponse.SerializeToString,
        ),
        "GetSlot": grpc.unary_unary_rpc_method_handler(
            answers.slot,
            request_deserializer=pb.GetSlotRequest.FromString,
            response_serializer=pb.GetSlotResponse.SerializeToString,
        ),
    }
    handler = grpc.method_handlers_generic_handler("geyser.Geyser", methods)
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    answers.url = f"http://127.0.0.1:{port}"
    try:
        yield answers
    finally:
        await server.stop(None)


def saying(truth: Iterable[bytes], early: Iterable[bytes] = ()) -> Subscribe:
    """Streams that bring the same, whatever was asked for, and rest."""

    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        for update in truth if request.commitment == pb.CONFIRMED else early:
            await context.write(update)

    return subscribe


def given(numbers: Iterable[int], count: int = 3) -> list[bytes]:
    """Updates of blocks with so many trades each."""
    return [block_update(trades(slot, count)) for slot in numbers]
