"""The source stays connected to a real server, misses nothing, and says what it could not get."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest

from adapters.yellowstone.backoff import Backoff
from adapters.yellowstone.client import YellowstoneSource
from adapters.yellowstone.endpoint import EndpointError
from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.wire import geyser_pb2 as pb
from curvetape.testing.proxy import BadLine
from curvetape.testing.waiting import until
from curvetape.testing.yellowstone import (
    BLOCK_TIME_S,
    GENESIS_SLOT,
    Block,
    block,
    blockhash,
    serving,
    touching,
    trades,
)
from domain.chain import BlockMeta, ChainUpdate, RawTransaction, SlotsMissed
from domain.programs import PROGRAMS, PUMP, USDC

WAIT_S_MAX = 15.0
ALL_KEPT = Retention(slots_max=None, bytes_max=None)


class Reader:
    """Reads a source in steps, and keeps what it said about interruptions."""

    def __init__(self, url: str, **options: Any) -> None:
        self.said: list[str] = []
        self.owed: int | None = options.pop("owed", None)
        options.setdefault("commitment", "processed")
        options.setdefault("backoff", Backoff(wait_s_min=0.01, wait_s_max=0.05))
        self.source = YellowstoneSource(
            url, from_slot=lambda: self.owed, say=self.said.append, **options
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
        """The updates up to a block's meta."""
        return await self.until(lambda each: isinstance(each, BlockMeta) and each.slot == slot)

    async def close(self) -> None:
        await self._batches.aclose()  # type: ignore[attr-defined]  # an async generator


@asynccontextmanager
async def reading(url: str, **options: Any) -> AsyncIterator[Reader]:
    reader = Reader(url, **options)
    try:
        yield reader
    finally:
        await reader.close()


def metas(updates: Iterable[ChainUpdate]) -> list[int]:
    return [each.slot for each in updates if isinstance(each, BlockMeta)]


def signatures(updates: Iterable[ChainUpdate]) -> list[tuple[int, int]]:
    """Slot and place of our test transactions."""
    numbers = [int.from_bytes(u.signature) for u in updates if isinstance(u, RawTransaction)]
    return [(number >> 16, number & 0xFFFF) for number in numbers]


def missed(updates: Iterable[ChainUpdate]) -> list[tuple[int, int]]:
    return [(u.from_slot, u.to_slot) for u in updates if isinstance(u, SlotsMissed)]


def chain(slots: Iterable[int], **options: Any) -> Hub:
    hub = Hub(**{"finalized_after_slots": 2, **options})
    for slot in slots:
        hub.publish(trades(slot, 3))
    return hub


async def test_our_programs_transactions_and_every_block_arrive_as_the_chain_has_them() -> None:
    hub = Hub()
    sent = block(
        GENESIS_SLOT,
        [
            *(touching(program, signature=7) for program in PROGRAMS),
            touching(USDC, signature=8),
            touching(PUMP, signature=9, failed=True),
            touching(PUMP, signature=10, vote=True),
            touching(USDC, signature=11, loaded=[PUMP]),
        ],
    )
    hub.publish(sent)
    async with serving(hub) as server, reading(server.url) as reader:
        received = await reader.until_slot(GENESIS_SLOT)
    transactions = [each for each in received if isinstance(each, RawTransaction)]
    assert [each.index for each in transactions] == [0, 1, 2, 6]
    assert {(each.slot, each.block_time_s) for each in transactions} == {
        (GENESIS_SLOT, BLOCK_TIME_S)
    }
    assert transactions[3].account_keys[1:] == transactions[0].account_keys
    assert received[-1] == BlockMeta(
        slot=GENESIS_SLOT,
        parent_slot=GENESIS_SLOT,
        blockhash=blockhash(GENESIS_SLOT),
        parent_blockhash=blockhash(GENESIS_SLOT),
        block_time_s=BLOCK_TIME_S,
        executed_transaction_count=7,
    )


async def test_when_nothing_is_owed_the_stream_starts_at_the_oldest_slot_there_is() -> None:
    hub = chain(
        range(GENESIS_SLOT, GENESIS_SLOT + 20), retention=Retention(slots_max=10, bytes_max=None)
    )
    async with serving(hub) as server, reading(server.url) as reader:
        received = await reader.until_slot(GENESIS_SLOT + 19)
    assert metas(received) == list(range(GENESIS_SLOT + 10, GENESIS_SLOT + 20))
    assert missed(received) == []


async def test_after_a_server_was_away_the_stream_goes_on_from_what_is_owed() -> None:
    hub = chain(range(GENESIS_SLOT, GENESIS_SLOT + 5))
    async with AsyncExitStack() as stack:
        away = await stack.enter_async_context(AsyncExitStack())
        server = await away.enter_async_context(serving(hub))
        reader = await stack.enter_async_context(reading(server.url, owed=GENESIS_SLOT + 2))
        before = await reader.until_slot(GENESIS_SLOT + 4)
        address = f"127.0.0.1:{server.port}"
        await away.aclose()
        reader.owed = GENESIS_SLOT + 4
        hub.publish(trades(GENESIS_SLOT + 5, 3))
        await stack.enter_async_context(serving(hub, address=address))
        after = await reader.until_slot(GENESIS_SLOT + 5)
    assert metas(before) == [GENESIS_SLOT + 2, GENESIS_SLOT + 3, GENESIS_SLOT + 4]
    assert metas(after) == [GENESIS_SLOT + 4, GENESIS_SLOT + 5]
    assert missed([*before, *after]) == []
    assert reader.said
    assert all(address in said and "connecting again in" in said for said in reader.said)


async def test_a_line_that_breaks_again_and_again_loses_nothing() -> None:
    hub = chain([GENESIS_SLOT], retention=ALL_KEPT)
    last = GENESIS_SLOT + 60
    received: list[ChainUpdate] = []
    async with (
        serving(hub) as server,
        BadLine(server.port) as line,
        reading(f"http://127.0.0.1:{line.port}", owed=GENESIS_SLOT) as reader,
    ):
        for slot in range(GENESIS_SLOT + 1, last + 1):
            hub.publish(trades(slot, 3))
            if slot % 20 == 0:
                received += await reader.until_slot(slot)
                reader.owed = slot
                line.cut()
        received += await reader.until_slot(last)
    expected = {(slot, place) for slot in range(GENESIS_SLOT, last + 1) for place in range(3)}
    assert set(signatures(received)) == expected
    assert missed(received) == []


async def test_slots_that_are_gone_are_said_before_anything_newer() -> None:
    hub = chain(
        range(GENESIS_SLOT, GENESIS_SLOT + 20), retention=Retention(slots_max=10, bytes_max=None)
    )
    async with serving(hub) as server, reading(server.url, owed=GENESIS_SLOT + 3) as reader:
        received = await reader.until_slot(GENESIS_SLOT + 19)
    first = received[0]
    assert isinstance(first, SlotsMissed)
    assert (first.from_slot, first.to_slot) == (GENESIS_SLOT + 3, GENESIS_SLOT + 9)
    assert "is not available, last available" in first.reason
    assert missed(received[1:]) == []
    assert metas(received) == list(range(GENESIS_SLOT + 10, GENESIS_SLOT + 20))


async def test_a_first_block_whose_parent_never_came_shows_that_nothing_was_replayed() -> None:
    """A server may accept `from_slot` and start at the head all the same."""
    async with (
        answering([trades(GENESIS_SLOT + 50)]) as url,
        reading(url, owed=GENESIS_SLOT + 10) as reader,
    ):
        received = await reader.until_slot(GENESIS_SLOT + 50)
    assert missed(received) == [(GENESIS_SLOT + 10, GENESIS_SLOT + 49)]


async def test_skipped_slots_are_not_taken_for_missed_ones() -> None:
    after_skips = trades(GENESIS_SLOT + 50)
    after_skips.parent_slot = GENESIS_SLOT + 9
    async with answering([after_skips]) as url, reading(url, owed=GENESIS_SLOT + 10) as reader:
        received = await reader.until_slot(GENESIS_SLOT + 50)
    assert missed(received) == []


async def test_a_server_that_refuses_every_start_is_read_from_its_head_with_the_gap_said() -> None:
    async with (
        answering([trades(GENESIS_SLOT + 50)], refusing=True) as url,
        reading(url, owed=GENESIS_SLOT + 10) as reader,
    ):
        received = await reader.until_slot(GENESIS_SLOT + 50)
    assert missed(received) == [(GENESIS_SLOT + 10, GENESIS_SLOT + 50)]
    assert len(reader.said) == 3


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://127.0.0.1", "not http://host:port or https://host"),
        ("127.0.0.1:10000", "not http://host:port or https://host"),
    ],
)
def test_an_address_of_another_form_is_refused_at_once(url: str, words: str) -> None:
    with pytest.raises(EndpointError, match=words):
        Reader(url)


async def test_a_wrong_token_ends_the_source_with_a_sentence_for_a_person() -> None:
    async with (
        serving(chain([GENESIS_SLOT]), x_token="right") as server,
        reading(server.url, owed=0, x_token="wrong") as reader,
    ):
        with pytest.raises(EndpointError) as caught:
            await reader.until_slot(GENESIS_SLOT)
    assert server.url in str(caught.value)
    assert "refuses the token" in str(caught.value)


async def test_the_right_token_opens_the_stream() -> None:
    async with (
        serving(chain([GENESIS_SLOT]), x_token="right") as server,
        reading(server.url, x_token="right") as reader,
    ):
        assert metas(await reader.until_slot(GENESIS_SLOT)) == [GENESIS_SLOT]


async def test_a_server_of_another_kind_ends_the_source() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with reading(f"http://127.0.0.1:{port}", owed=0) as reader:
            with pytest.raises(EndpointError, match="does not speak Yellowstone"):
                await reader.until_slot(GENESIS_SLOT)
    finally:
        await server.stop(None)


async def test_a_stream_that_falls_silent_is_replaced() -> None:
    """The line swallows what the server says, and nobody ever sees an error."""
    hub = chain([GENESIS_SLOT], retention=ALL_KEPT)
    async with serving(hub) as server, BadLine(server.port) as line:
        url = f"http://127.0.0.1:{line.port}"
        async with reading(url, owed=GENESIS_SLOT, silence_s_max=0.3) as reader:
            await reader.until_slot(GENESIS_SLOT)
            line.muted = True
            hub.publish(trades(GENESIS_SLOT + 1, 3))

            async def noticed() -> bool:
                return bool(reader.said)

            waiting = asyncio.create_task(reader.until_slot(GENESIS_SLOT + 1))
            await asyncio.sleep(0.5)
            line.muted = False
            received = await waiting
            await until(noticed)
    assert any("no update for" in said for said in reader.said)
    assert GENESIS_SLOT + 1 in metas(received)


async def test_a_chain_that_rests_is_not_taken_for_a_dead_stream() -> None:
    hub = chain([GENESIS_SLOT])
    async with serving(hub) as server, reading(server.url, owed=0, silence_s_max=0.1) as reader:
        await reader.until_slot(GENESIS_SLOT)
        waiting = asyncio.create_task(reader.until_slot(GENESIS_SLOT + 1))
        await asyncio.sleep(0.5)
        assert reader.said == []
        hub.publish(trades(GENESIS_SLOT + 1))
        await waiting


async def test_pings_of_the_server_are_answered() -> None:
    requests: list[pb.SubscribeRequest] = []
    ping = pb.SubscribeUpdate(ping=pb.SubscribeUpdatePing())
    async with (
        answering([trades(GENESIS_SLOT)], first=[ping], requests=requests) as url,
        reading(url, owed=0) as reader,
    ):
        await reader.until_slot(GENESIS_SLOT)

        async def answered() -> bool:
            return any(request.HasField("ping") for request in requests)

        await until(answered)


async def test_what_arrives_together_is_handed_over_together() -> None:
    hub = chain([])
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 10):
        hub.publish(trades(slot, 200))
    async with serving(hub) as server, reading(server.url, owed=0, batch_max=150) as reader:
        received = await reader.until_slot(GENESIS_SLOT + 9)
    assert len(signatures(received)) == 2_000
    assert max(reader.sizes) <= 150
    assert len(reader.sizes) < 1_000


async def test_a_reader_that_is_busy_bounds_what_is_held_and_misses_nothing() -> None:
    hub = chain([], retention=ALL_KEPT)
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 20):
        hub.publish(trades(slot, 100, padding=5_000))
    async with (
        serving(hub) as server,
        reading(server.url, owed=0, bytes_max=100_000, batch_max=10) as reader,
    ):
        first = await reader.until(lambda each: isinstance(each, RawTransaction))
        await asyncio.sleep(0.3)
        assert not hub.followed
        rest = await reader.until_slot(GENESIS_SLOT + 19)
    assert len(signatures([*first, *rest])) == 2_000


@asynccontextmanager
async def answering(
    blocks: Sequence[Block],
    *,
    first: Sequence[pb.SubscribeUpdate] = (),
    refusing: bool = False,
    requests: list[pb.SubscribeRequest] | None = None,
) -> AsyncIterator[str]:
    """A server with faults of its own: it sends these blocks' metas, whatever it was asked for.

    With `refusing` it takes no `from_slot` at all, and knows of no slot that it would take.
    """

    async def subscribe(asked: AsyncIterator[pb.SubscribeRequest], context: Any) -> None:
        request = await anext(asked)
        if refusing and request.HasField("from_slot"):
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "not available")
        for update in first:
            await context.write(update)
        for each in blocks:
            update = pb.SubscribeUpdate()
            update.block_meta.slot = each.slot
            update.block_meta.parent_slot = each.parent_slot
            update.block_meta.blockhash = each.blockhash * 2  # longer than any ping
            await context.write(update)
        async for request in asked:
            if requests is not None:
                requests.append(request)

    async def replay_info(_: object, context: Any) -> pb.SubscribeReplayInfoResponse:
        return pb.SubscribeReplayInfoResponse(first_available=1 if refusing else None)

    server = grpc.aio.server()
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Subscribe": grpc.stream_stream_rpc_method_handler(
            subscribe,
            request_deserializer=pb.SubscribeRequest.FromString,
            response_serializer=pb.SubscribeUpdate.SerializeToString,
        ),
        "SubscribeReplayInfo": grpc.unary_unary_rpc_method_handler(
            replay_info,
            request_deserializer=pb.SubscribeReplayInfoRequest.FromString,
            response_serializer=pb.SubscribeReplayInfoResponse.SerializeToString,
        ),
    }
    handler = grpc.method_handlers_generic_handler("geyser.Geyser", methods)
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop(None)
