"""What a faulty endpoint does is noticed, said, and outlived."""

import asyncio

import grpc
import pytest

from adapters.yellowstone.backoff import Backoff
from adapters.yellowstone.endpoint import EndpointError
from adapters.yellowstone.limits import Limits
from adapters.yellowstone.wire import geyser_pb2 as pb
from curvetape.testing.endpoints import (
    Context,
    answering,
    block_update,
    given,
    reading,
    saying,
    slots,
    transaction_updates,
)
from curvetape.testing.waiting import until
from curvetape.testing.yellowstone import GENESIS_SLOT, block, touching, trades
from domain.programs import PROGRAMS, PUMP, PYTH_SOL_USD

FIRST = GENESIS_SLOT + 50
PING = pb.SubscribeUpdate(ping=pb.SubscribeUpdatePing()).SerializeToString()
DAMAGED = b"\x22\xff\xff" + bytes(100)
"""A transaction that says it is longer than the update is."""


async def test_pings_are_answered_on_both_streams() -> None:
    async with (
        answering(saying([PING, *given([FIRST])], [PING])) as server,
        reading(server.url, owed=FIRST) as reader,
    ):
        await reader.until_slot(FIRST)

        async def answered() -> bool:
            return server.pings == 2

        await until(answered)
    assert [each.commitment for each in server.requests] == [pb.CONFIRMED, pb.PROCESSED]


async def test_what_is_asked_for_is_our_programs_and_the_price_of_sol() -> None:
    async with (
        answering(saying(given([FIRST]))) as server,
        reading(server.url, owed=FIRST) as reader,
    ):
        await reader.until_slot(FIRST)

        async def both() -> bool:
            return len(server.requests) == 2

        await until(both)
    truth, early_ones = server.requests
    assert truth.from_slot == FIRST
    assert tuple(truth.blocks["programs"].account_include) == PROGRAMS
    assert tuple(truth.accounts["accounts"].account) == PYTH_SOL_USD
    assert not truth.transactions
    assert not early_ones.HasField("from_slot")
    wanted = early_ones.transactions["programs"]
    assert (wanted.vote, wanted.failed, tuple(wanted.account_include)) == (False, False, PROGRAMS)


async def test_a_server_that_does_not_replay_is_told_of_once() -> None:
    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        if request.commitment == pb.CONFIRMED:
            await context.write(block_update(trades(FIRST)))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")

    async with (
        answering(subscribe) as server,
        reading(server.url, owed=GENESIS_SLOT + 10) as reader,
    ):
        for _ in range(3):
            assert slots(await reader.until_slot(FIRST)) == [FIRST]
    told = [said for said in reader.said if "it accepted from_slot" in said]
    [sentence] = told
    assert f"from_slot {GENESIS_SLOT + 10} and began with slot {FIRST}" in sentence


async def test_skipped_slots_are_not_taken_for_missed_ones() -> None:
    after_skips = block(FIRST, parent=GENESIS_SLOT + 9)
    async with (
        answering(saying([block_update(after_skips)])) as server,
        reading(server.url, owed=GENESIS_SLOT + 10) as reader,
    ):
        await reader.until_slot(FIRST)
    assert reader.said == []


async def test_a_server_that_refuses_every_start_is_read_from_its_head() -> None:
    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        if request.HasField("from_slot"):
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "not available")
        await saying(given([FIRST]))(request, context)

    async with (
        answering(subscribe) as server,
        reading(server.url, owed=GENESIS_SLOT + 10) as reader,
    ):
        server.first_available = GENESIS_SLOT + 20
        await reader.until_slot(FIRST)
    starts = [each.from_slot for each in server.truths]
    assert starts == [GENESIS_SLOT + 10, GENESIS_SLOT + 20, GENESIS_SLOT + 20, 0]
    assert "the stream begins at the head of the chain" in reader.said[-1]


async def test_the_truth_goes_on_while_early_transactions_fail() -> None:
    tries = asyncio.Event()
    goes_on = asyncio.Event()
    failures = 3

    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        nonlocal failures
        if request.commitment == pb.CONFIRMED:
            await context.write(block_update(trades(FIRST)))
            await goes_on.wait()
            await context.write(block_update(trades(FIRST + 1)))
        elif failures:
            failures -= 1
            await context.abort(grpc.StatusCode.INTERNAL, "lagged to send an update")
        else:
            await context.write(transaction_updates(trades(FIRST + 2))[0])
            tries.set()

    async with answering(subscribe) as server, reading(server.url, owed=FIRST) as reader:
        received = await reader.until_early(FIRST + 2)
        await tries.wait()
        goes_on.set()
        received += await reader.until_slot(FIRST + 1)
        assert reader.source.health.reconnects == 0
    assert slots(received) == [FIRST, FIRST + 1]
    assert len(reader.said) == 3
    assert all("early transactions ended (INTERNAL: lagged" in said for said in reader.said)


async def test_a_provider_without_early_transactions_is_not_asked_again() -> None:
    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        if request.commitment == pb.PROCESSED:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not in your plan")
        await context.write(block_update(trades(FIRST)))

    async with answering(subscribe) as server, reading(server.url, owed=FIRST) as reader:
        await reader.until_slot(FIRST)

        async def told() -> bool:
            return bool(reader.said)

        await until(told)
        await asyncio.sleep(0.2)
    assert len(server.requests) == 2
    assert reader.said == [
        f"{server.url}: early transactions are not to be had: PERMISSION_DENIED: not in your plan"
    ]


async def test_early_transactions_that_stay_away_are_asked_for_again() -> None:
    """The stream is open and silent, while confirmed blocks show that it had something to say."""

    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        if request.commitment == pb.CONFIRMED:
            for slot in range(FIRST, FIRST + 100):
                await context.write(block_update(trades(slot)))
                await asyncio.sleep(0.02)

    async with (
        answering(subscribe) as server,
        reading(server.url, owed=FIRST, limits=Limits(silence_s_max=0.3)) as reader,
    ):
        await reader.until_slot(FIRST + 40)
        assert reader.source.health.reconnects == 0
    assert len([each for each in server.requests if each.commitment == pb.PROCESSED]) >= 2
    assert any("is confirmed with transactions" in said for said in reader.said)


async def test_no_early_transactions_are_missed_where_only_failed_ones_are_confirmed() -> None:
    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        if request.commitment == pb.CONFIRMED:
            for slot in range(FIRST, FIRST + 40):
                failed = block(slot, [touching(PUMP, failed=True)])
                await context.write(block_update(failed))
                await asyncio.sleep(0.02)

    async with (
        answering(subscribe) as server,
        reading(server.url, owed=FIRST, limits=Limits(silence_s_max=0.2)) as reader,
    ):
        await reader.until_slot(FIRST + 39)
    assert reader.said == []


async def test_a_silent_stream_whose_server_has_something_newer_is_replaced() -> None:
    opened = 0

    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        nonlocal opened
        opened += 1
        if opened > 1:
            await saying(given([FIRST]))(request, context)

    async with (
        answering(subscribe) as server,
        reading(server.url, owed=FIRST, limits=Limits(silence_s_max=0.1)) as reader,
    ):
        server.newest = FIRST
        await reader.until_slot(FIRST)
    assert any(
        f"no update for 0 s, and the server is at slot {FIRST}" in said for said in reader.said
    )


async def test_one_damaged_update_ends_its_stream_and_nothing_is_lost() -> None:
    opened = 0

    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        nonlocal opened
        if request.commitment == pb.CONFIRMED:
            opened += 1
            whole = given(range(FIRST, FIRST + 4))
            if opened == 1:
                whole[2] = whole[2][:-1] + b"\xff"
            await saying(whole)(request, context)

    async with answering(subscribe) as server, reading(server.url, owed=FIRST) as reader:
        received = await reader.until_slot(FIRST + 3)
    assert slots(received) == [FIRST, FIRST + 1, FIRST, FIRST + 1, FIRST + 2, FIRST + 3]
    assert f"no Yellowstone update behind slot {FIRST + 1}" in reader.said[0]
    assert "what it sent was damaged; connecting again" in reader.said[1]
    assert len(reader.said) == 2


@pytest.mark.parametrize("ends", [False, True])
async def test_damage_at_the_same_place_again_and_again_is_for_a_person(ends: bool) -> None:
    async def subscribe(request: pb.SubscribeRequest, context: Context) -> None:
        await saying([*given([FIRST]), DAMAGED])(request, context)
        if ends:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")

    async with answering(subscribe) as server, reading(server.url, owed=FIRST) as reader:
        with pytest.raises(EndpointError) as caught:
            await reader.until_slot(FIRST + 1)
    assert f"{server.url}: it sent bytes that are no Yellowstone update" in str(caught.value)
    assert "seen 3 times in a row" in str(caught.value)
    assert len(server.truths) == 3


async def test_damaged_early_transactions_are_no_reason_to_give_up() -> None:
    async with (
        answering(saying(given([FIRST]), [DAMAGED])) as server,
        reading(server.url, owed=FIRST) as reader,
    ):
        await reader.until_slot(FIRST)

        async def reading_on() -> None:
            await reader.until_slot(FIRST + 1)

        going_on = asyncio.create_task(reading_on())

        async def tried() -> bool:
            return len(server.requests) > 6

        await until(tried)
        assert not going_on.done()
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)
    assert len(server.truths) == 1


async def test_a_server_that_fails_at_once_is_not_stormed() -> None:
    async def subscribe(_: pb.SubscribeRequest, context: Context) -> None:
        await context.abort(grpc.StatusCode.INTERNAL, "replay failed")

    async def read(url: str) -> None:
        backoff = Backoff(wait_s_min=0.05, wait_s_max=10.0)
        async with reading(url, owed=FIRST, backoff=backoff) as reader:
            await reader.until_slot(FIRST)

    async with answering(subscribe) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await read(server.url)
    # At most after 0, 0.025, 0.075, 0.175, 0.375 and 0.775 seconds.
    assert 2 <= len(server.requests) <= 6
