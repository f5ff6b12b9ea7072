"""A faulty endpoint interrupts, refuses and spoils streams as its faults say."""

import asyncio
from itertools import pairwise

import grpc
import pytest
from google.protobuf.message import DecodeError

from adapters.yellowstone.wire import geyser_pb2 as pb
from curvetape.simulator.endpoint import GARBAGE, FaultyEndpoint
from curvetape.simulator.faults import (
    Disconnect,
    Down,
    Malformed,
    Silence,
    Slow,
    TokenRefused,
)
from curvetape.simulator.stage import play
from curvetape.testing.bare_stream import (
    asked,
    faulty,
    quiet,
    reading,
    replayed,
    seen,
    short_chain,
    whole,
)

SLOTS = len(short_chain().blocks)


def expected() -> list[tuple[str, list[int]]]:
    return whole(short_chain().blocks)


async def newest(endpoint: FaultyEndpoint) -> int:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{endpoint.port}") as channel:
        get_slot: grpc.aio.UnaryUnaryMultiCallable[pb.GetSlotRequest, pb.GetSlotResponse]
        get_slot = channel.unary_unary(
            "/geyser.Geyser/GetSlot",
            request_serializer=pb.GetSlotRequest.SerializeToString,
            response_deserializer=pb.GetSlotResponse.FromString,
        )
        return (await get_slot(pb.GetSlotRequest(commitment=pb.PROCESSED))).slot


async def test_without_faults_everything_comes_in_order() -> None:
    stream = await seen(asked(blocks=True))
    assert whole(stream.blocks) == expected()


async def test_dead_blocks_are_seen_at_processed_and_never_confirmed() -> None:
    fast = await seen(asked("PROCESSED", transactions=True, blocks=True))
    settled = await seen(asked("CONFIRMED", transactions=True, blocks=True))
    order = [step.block.blockhash for step in short_chain().steps]
    assert [block.blockhash for block in fast.blocks] == order
    dead = {block.slot for block in short_chain().dead_blocks} - set(short_chain().slots)
    assert dead
    assert dead <= {slot for slot, _ in fast.transactions}
    assert whole(settled.blocks) == expected()
    assert {slot for slot, _ in settled.transactions} <= set(short_chain().slots)


async def test_prices_come_before_the_block_of_their_slot() -> None:
    stream = await seen(asked(blocks=True, accounts=True))
    written = {block.slot for block in short_chain().blocks if block.accounts}
    told: set[int] = set()
    for update in stream.updates:
        if update.HasField("account"):
            told.add(update.account.slot)
        elif update.HasField("block"):
            assert not update.block.accounts
            assert (update.block.slot in told) == (update.block.slot in written)
    assert told == written


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INTERNAL", "DATA_LOSS"])
async def test_a_disconnected_stream_ends_with_the_status_and_a_new_one_replays(
    code: str,
) -> None:
    cut = Disconnect(at=8, code=code, details="lagged to send an update")  # type: ignore[arg-type]  # one of the names
    async with faulty(cut) as endpoint:
        async with reading(endpoint, asked(blocks=True)) as stream:
            await play(short_chain(), [endpoint], slot_s=0.002)
            await quiet(stream)
        assert stream.end == (grpc.StatusCode[code], "lagged to send an update")
        have = [block.slot for block in stream.blocks]
        assert have == short_chain().slots[: len(have)]
        assert 3 <= len(have) <= 6
        rest = await replayed(endpoint, have[-1] + 1)
    assert whole(rest.blocks) == expected()[len(have) :]


async def test_an_endpoint_that_is_down_refuses_and_comes_back_on_the_same_port() -> None:
    async with faulty(Down(at=5, steps=8)) as endpoint:
        port = endpoint.port
        states: list[bool] = []

        async def look(_: object) -> None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                states.append(False)
            else:
                states.append(True)
                writer.close()

        async with reading(endpoint, asked(blocks=True)) as stream:
            await play(short_chain(), [endpoint], slot_s=0.002, after=look)
        assert stream.end is not None
        assert stream.end[0] in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        changes = [later for earlier, later in pairwise(states) if earlier != later]
        assert changes == [False, True]
        assert endpoint.port == port
        assert whole((await replayed(endpoint, 0)).blocks) == expected()


async def test_a_silent_stream_stays_open_while_the_chain_goes_on() -> None:
    async with faulty(Silence(at=6, steps=6)) as endpoint:
        async with reading(endpoint, asked(blocks=True)) as stream:
            await play(short_chain(), [endpoint], slot_s=0.005)
            await quiet(stream)
            assert stream.end is None
            assert len(stream.blocks) <= 4
            assert await newest(endpoint) == short_chain().slots[-1]
        assert whole((await replayed(endpoint, 0)).blocks) == expected()


async def test_a_slow_stream_comes_late_and_whole() -> None:
    async with (
        faulty(Slow(delay_s=0.01)) as endpoint,
        reading(endpoint, asked(blocks=True)) as stream,
    ):
        await play(short_chain(), [endpoint], slot_s=0.0, recover=False)
        assert len(stream.blocks) < SLOTS // 2
        await quiet(stream)
    assert whole(stream.blocks) == expected()


async def test_a_withdrawn_token_is_refused_until_it_is_given_back() -> None:
    async with faulty(TokenRefused(at=5, steps=6), x_token="secret") as endpoint:
        async with reading(endpoint, asked(blocks=True), x_token="secret") as stream:
            for step in short_chain().steps[:12]:
                await endpoint.publish(step)
            assert 5 <= endpoint.now < 11
            await quiet(stream)
        async with reading(endpoint, asked(blocks=True), x_token="secret", refused=True) as refused:
            await quiet(refused)
        for step in short_chain().steps[12:]:
            await endpoint.publish(step)
        async with reading(endpoint, asked(blocks=True, from_slot=0), x_token="secret") as again:
            await quiet(again)
    assert stream.end == (grpc.StatusCode.UNAVAILABLE, "the token was withdrawn")
    assert refused.end is not None
    assert refused.end[0] is grpc.StatusCode.UNAUTHENTICATED
    assert again.blocks


async def test_a_malformed_update_is_no_protobuf_and_happens_as_often_as_it_says() -> None:
    stream = await seen(asked(blocks=True), Malformed(at=5, times=2))
    assert stream.payloads.count(GARBAGE) == 2
    with pytest.raises(DecodeError):
        pb.SubscribeUpdate.FromString(GARBAGE)
    assert len(stream.payloads) == SLOTS
