"""Where a provider has no filtered blocks, they are put together from their parts."""

import asyncio
import itertools

import grpc
import pytest

from adapters.yellowstone.endpoint import Endpoint
from adapters.yellowstone.limits import Limits
from adapters.yellowstone.wire import geyser_pb2 as pb
from curvetape.testing.endpoints import (
    Context,
    answering,
    block_update,
    blocks,
    confirmed,
    meta_update,
    places,
    reading,
    saying,
    slots,
    transaction_updates,
)
from curvetape.testing.yellowstone import GENESIS_SLOT, trades
from domain.chain import Block

FIRST = GENESIS_SLOT + 50


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "failed to create filter: blocks: only 0 allowed"),
        (grpc.StatusCode.UNIMPLEMENTED, "Block subscriptions are not supported"),
        (grpc.StatusCode.PERMISSION_DENIED, "your plan has no access to blocks"),
    ],
)
async def test_without_filtered_blocks_they_are_put_together(
    code: grpc.StatusCode, words: str
) -> None:
    """The transactions come before, behind and long after their block's meta."""
    sent = {slot: trades(slot, 3) for slot in range(FIRST, FIRST + 4)}
    first, second = transaction_updates(sent[FIRST]), transaction_updates(sent[FIRST + 1])
    mixed = [
        first[2],
        meta_update(sent[FIRST]),
        second[0],
        meta_update(sent[FIRST + 1]),
        first[0],
        *second[1:],
        meta_update(sent[FIRST + 2]),
        first[1],
        meta_update(sent[FIRST + 3]),
    ]

    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        if request.blocks:
            await context.abort(code, words)
        await saying(mixed)(request, context)

    async with (
        answering(subscribe) as server,
        reading(server.url, owed=FIRST, limits=Limits(settle_s=0.2)) as reader,
    ):
        server.newest = FIRST + 3
        received = await reader.until_slot(FIRST + 3)
        assert reader.source.health.mode == "meta"
    assert slots(received) == [FIRST, FIRST, FIRST + 1, FIRST + 2, FIRST + 3]
    incomplete, whole, *_ = blocks(received)
    assert places(incomplete.transactions) == [(FIRST, 0), (FIRST, 2)]
    assert places(whole.transactions) == [(FIRST, 0), (FIRST, 1), (FIRST, 2)]
    assert {each.evidence for each in blocks(received)} == {"meta"}
    assert (whole.meta.slot, whole.meta.executed_transaction_count) == (FIRST, 3)
    [told] = reader.said
    assert "does not give filtered blocks" in told
    assert words in told
    assert server.truths[1].from_slot == FIRST


async def test_an_endpoint_that_is_known_to_have_no_blocks_is_not_asked_for_them() -> None:
    sent = trades(FIRST)
    async with answering(saying([meta_update(sent), *transaction_updates(sent)])) as server:
        server.newest = FIRST
        endpoint = Endpoint.parse(f"{server.url}?blocks=no")
        async with reading(endpoint, owed=FIRST, limits=Limits(settle_s=0.1)) as reader:
            received = await reader.until_slot(FIRST)
    assert confirmed(received) == [(FIRST, 0)]
    assert not server.truths[0].blocks
    assert reader.said == []


async def test_blocks_that_come_later_and_later_are_given_up_for_their_parts() -> None:
    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        if request.commitment == pb.CONFIRMED:
            # Without an end, for a client on a busy machine takes its time to see a lag.
            for slot in itertools.count(FIRST):
                sent = trades(slot)
                await asyncio.sleep(0.02)
                if request.blocks:
                    await context.write(block_update(sent))
                    server.newest = (server.newest or 0) + 10
                else:
                    await context.write(transaction_updates(sent)[0])
                    await context.write(meta_update(sent))

    limits = Limits(lag_slots_max=30, lag_growth_slots=20, lag_watch_s=0.2, observe_s=0.02)
    async with answering(subscribe) as server, reading(server.url, limits=limits) as reader:
        server.newest = FIRST
        reader.owed = FIRST
        received = await reader.until(
            lambda each: isinstance(each, Block) and each.evidence == "meta"
        )
        assert reader.source.health.mode == "meta"
    assert {each.evidence for each in blocks(received)} == {"block", "meta"}
    assert any("slots late and later all the time" in said for said in reader.said)


async def test_late_transactions_beyond_all_patience_are_said() -> None:
    sent = {slot: trades(slot, 2) for slot in range(FIRST, FIRST + 80)}
    updates = [meta_update(each) for each in sent.values()]
    updates += [transaction_updates(sent[FIRST])[0], block_update(sent[FIRST])]
    async with answering(saying(updates)) as server:
        server.newest = FIRST + 79
        endpoint = Endpoint.parse(f"{server.url}?blocks=no")
        async with reading(endpoint, owed=FIRST, limits=Limits(settle_s=0.1)) as reader:
            await reader.until_slot(FIRST + 79)
    assert any("1 confirmed transactions came too late" in said for said in reader.said)


async def test_a_stream_that_falls_silent_in_the_middle_of_a_block_gives_out_no_part_of_it() -> (
    None
):
    sent = trades(FIRST, 2)
    part = [meta_update(sent), transaction_updates(sent)[0]]
    async with answering(saying(part)) as server:
        server.newest = FIRST + 1
        endpoint = Endpoint.parse(f"{server.url}?blocks=no")
        async with reading(endpoint, owed=FIRST, limits=Limits(settle_s=0.05)) as reader:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.6):
                    await reader.until_slot(FIRST)
            assert reader.source.health.confirmed_slot == FIRST + 1
