"""The server keeps a validator's promises: what is sent, when, to whom, and how a stream ends."""

import asyncio
from collections.abc import Sequence

import grpc
import pytest
from solders.signature import Signature

from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.server import ListenError, YellowstoneServer
from adapters.yellowstone.wire import geyser_pb2 as pb
from curvetape.testing.yellowstone import (
    GENESIS_SLOT,
    Call,
    block,
    serving,
    subscribed,
    touching,
    trades,
)
from domain.programs import PUMP, PUMP_AMM, PUMP_FEES, USDC, WRAPPED_SOL

ALL_KEPT = Retention(slots_max=None, bytes_max=None)
WAIT_S_MAX = 10.0


def request(
    *, from_slot: int | None = GENESIS_SLOT, commitment: str = "PROCESSED", metas: bool = False
) -> pb.SubscribeRequest:
    asked = pb.SubscribeRequest(
        from_slot=from_slot, commitment=pb.CommitmentLevel.Value(commitment)
    )
    if metas:
        asked.blocks_meta["m"].SetInParent()
    return asked


async def read(call: Call, count: int) -> list[pb.SubscribeUpdate]:
    updates: list[pb.SubscribeUpdate] = []
    async with asyncio.timeout(WAIT_S_MAX):
        while len(updates) < count:
            update = await call.read()
            assert isinstance(update, pb.SubscribeUpdate), "the stream has ended"
            updates.append(update)
    return updates


async def ending(call: Call) -> tuple[grpc.StatusCode, str]:
    """How the stream ends, whatever still comes before it."""
    async with asyncio.timeout(WAIT_S_MAX):
        try:
            while await call.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details() or ""
    return await call.code(), await call.details()


def metas(updates: Sequence[pb.SubscribeUpdate]) -> list[int]:
    return [each.block_meta.slot for each in updates if each.HasField("block_meta")]


FILTERED = {
    "vote": (pb.SubscribeRequestFilterTransactions(vote=True), [1]),
    "not failed": (pb.SubscribeRequestFilterTransactions(failed=False), [0, 1, 3, 4]),
    "signature": (
        pb.SubscribeRequestFilterTransactions(signature=str(Signature((13).to_bytes(64, "big")))),
        [3],
    ),
    "include": (pb.SubscribeRequestFilterTransactions(account_include=[PUMP, USDC]), [0, 2, 3]),
    "include by lookup": (
        pb.SubscribeRequestFilterTransactions(account_include=[WRAPPED_SOL]),
        [4],
    ),
    "exclude": (pb.SubscribeRequestFilterTransactions(account_exclude=[PUMP_AMM]), [0, 1, 2]),
    "required": (pb.SubscribeRequestFilterTransactions(account_required=[PUMP, PUMP_AMM]), [3]),
    "nothing": (pb.SubscribeRequestFilterTransactions(), [0, 1, 2, 3, 4]),
    "everything at once": (
        pb.SubscribeRequestFilterTransactions(
            vote=False, failed=False, account_include=[PUMP, PUMP_FEES], account_exclude=[PUMP_AMM]
        ),
        [0],
    ),
}


@pytest.mark.parametrize("name", FILTERED)
@pytest.mark.parametrize("kept_as", ["messages", "bytes"])
async def test_a_filter_lets_through_what_it_names_and_nothing_else(
    name: str, kept_as: str
) -> None:
    """Also in slots that are old enough to be kept as bytes only."""
    asked, expected = FILTERED[name]
    hub = Hub(retention=ALL_KEPT)
    hub.publish(
        block(
            GENESIS_SLOT,
            [
                touching(PUMP, signature=10),
                touching(PUMP_FEES, signature=11, vote=True),
                touching(USDC, signature=12, failed=True),
                touching(PUMP, PUMP_AMM, signature=13),
                touching(PUMP_AMM, signature=14, loaded=[WRAPPED_SOL]),
            ],
        )
    )
    later = 1 if kept_as == "messages" else 20
    for slot in range(GENESIS_SLOT + 1, GENESIS_SLOT + 1 + later):
        hub.publish(block(slot))
    subscription = request(metas=True)
    subscription.transactions["t"].CopyFrom(asked)
    async with serving(hub) as server, subscribed(server, subscription) as call:
        received = await read(call, len(expected) + 1)
    assert metas(received) == [GENESIS_SLOT]
    assert [u.transaction.transaction.index for u in received[:-1]] == expected


async def test_an_update_names_every_filter_that_it_answers_and_is_sent_once() -> None:
    hub = Hub()
    hub.publish(block(GENESIS_SLOT, [touching(PUMP), touching(PUMP, PUMP_AMM)]))
    asked = request()
    asked.transactions["curve"].account_include.append(PUMP)
    asked.transactions["amm"].account_include.append(PUMP_AMM)
    async with serving(hub) as server, subscribed(server, asked) as call:
        received = await read(call, 2)
    assert [list(update.filters) for update in received] == [["curve"], ["amm", "curve"]]


@pytest.mark.parametrize(
    ("commitment", "behind"), [("PROCESSED", 0), ("CONFIRMED", 2), ("FINALIZED", 5)]
)
async def test_a_slot_is_sent_once_it_has_reached_the_commitment(
    commitment: str, behind: int
) -> None:
    hub = Hub(confirmed_after_slots=2, finalized_after_slots=5)
    asked = request(commitment=commitment, metas=True)
    async with serving(hub) as server, subscribed(server, asked) as call:
        for slot in range(GENESIS_SLOT, GENESIS_SLOT + 8):
            hub.publish(trades(slot))
        newest = GENESIS_SLOT + 7 - behind
        received = await read(call, newest - GENESIS_SLOT + 1)
        assert metas(received) == list(range(GENESIS_SLOT, newest + 1))
        hub.settle()
        rest = await read(call, behind)
    assert metas(rest) == list(range(newest + 1, GENESIS_SLOT + 8))


async def test_replay_and_live_stream_meet_without_gap_or_repetition() -> None:
    hub = Hub()
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 10):
        hub.publish(trades(slot, 3))
    async with (
        serving(hub) as server,
        subscribed(server, request(from_slot=GENESIS_SLOT + 4, metas=True)) as call,
    ):
        received = await read(call, 1)
        for slot in range(GENESIS_SLOT + 10, GENESIS_SLOT + 20):
            hub.publish(trades(slot, 3))
            await asyncio.sleep(0)
        received += await read(call, 15)
    assert metas(received) == list(range(GENESIS_SLOT + 4, GENESIS_SLOT + 20))


async def test_a_stream_without_from_slot_starts_with_the_next_slot() -> None:
    hub = Hub()
    hub.publish(trades(GENESIS_SLOT))
    ping = pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=1))
    asked = request(from_slot=None, metas=True)
    async with serving(hub) as server, subscribed(server, asked, ping) as call:
        await read(call, 1)
        hub.publish(trades(GENESIS_SLOT + 1))
        assert metas(await read(call, 1)) == [GENESIS_SLOT + 1]


async def test_a_second_request_replaces_the_filters_of_the_first() -> None:
    hub = Hub()
    async with (
        serving(hub) as server,
        subscribed(server, request(from_slot=None, metas=True)) as call,
    ):
        await call.write(pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=1)))
        await read(call, 1)
        hub.publish(trades(GENESIS_SLOT))
        first = await read(call, 1)
        replacing = request(from_slot=None)
        replacing.transactions["t"].failed = False
        await call.write(replacing)
        await call.write(pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=2)))
        await read(call, 1)
        hub.publish(trades(GENESIS_SLOT + 1))
        second = await read(call, 1)
    assert metas(first) == [GENESIS_SLOT]
    assert second[0].transaction.slot == GENESIS_SLOT + 1


async def test_slots_before_the_oldest_retained_one_are_refused_by_name() -> None:
    hub = Hub(finalized_after_slots=2, retention=Retention(slots_max=5, bytes_max=None))
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 10):
        hub.publish(trades(slot))
    async with serving(hub) as server, subscribed(server, request(metas=True)) as call:
        assert await ending(call) == (
            grpc.StatusCode.OUT_OF_RANGE,
            f"broadcast from {GENESIS_SLOT} is not available, last available: {GENESIS_SLOT + 5}",
        )


async def test_a_chain_is_bounded_in_bytes_as_well() -> None:
    hub = Hub(finalized_after_slots=2, retention=Retention(slots_max=None, bytes_max=50_000))
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 30):
        hub.publish(trades(slot, padding=10_000))
    assert hub.first_available == GENESIS_SLOT + 26


async def test_a_chain_known_from_its_genesis_replays_from_any_earlier_slot() -> None:
    hub = Hub()
    hub.publish(trades(GENESIS_SLOT))
    async with serving(hub) as server, subscribed(server, request(from_slot=0, metas=True)) as call:
        assert metas(await read(call, 1)) == [GENESIS_SLOT]


async def test_a_client_that_does_not_read_is_cut_and_holds_nobody_up() -> None:
    hub = Hub(retention=ALL_KEPT)
    asked = request(from_slot=None, metas=True)
    asked.transactions["t"].failed = False
    ping = pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=1))
    async with (
        serving(hub, lag_transactions_max=1_000) as server,
        subscribed(server, asked, ping) as slow,
        subscribed(server, asked, ping) as fast,
    ):
        await read(slow, 1)
        await read(fast, 1)
        for slot in range(GENESIS_SLOT, GENESIS_SLOT + 30):
            hub.publish(trades(slot, 100, padding=3_000))
            assert len(await read(fast, 101)) == 101
        assert await ending(slow) == (grpc.StatusCode.INTERNAL, "lagged to send an update")


async def test_a_replay_that_is_overtaken_by_the_end_of_what_is_kept_is_cut() -> None:
    hub = Hub(finalized_after_slots=2, retention=Retention(slots_max=10, bytes_max=None))
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 10):
        hub.publish(trades(slot, 100, padding=3_000))
    asked = request()
    asked.transactions["t"].failed = False
    async with serving(hub) as server, subscribed(server, asked) as call:
        await read(call, 1)
        for slot in range(GENESIS_SLOT + 10, GENESIS_SLOT + 40):
            hub.publish(trades(slot))
        assert await ending(call) == (
            grpc.StatusCode.INTERNAL,
            "lagged to receive geyser messages",
        )


async def test_what_the_server_does_not_know_is_refused_and_never_ignored() -> None:
    asked = request()
    # Field 7, a probabilistic filter, as newer clients send it.
    asked.transactions["t"].MergeFromString(b"\x3a\x02\x08\x01")
    async with serving(Hub()) as server, subscribed(server, asked) as call:
        assert await ending(call) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            (
                "failed to create filter: field 7 of SubscribeRequestFilterTransactions "
                "is not served here"
            ),
        )


async def test_a_second_server_on_one_address_says_so() -> None:
    async with serving(Hub()) as server:
        second = YellowstoneServer(Hub(), address=f"127.0.0.1:{server.port}")
        with pytest.raises(ListenError, match="is another server there"):
            await second.start()


async def test_a_client_that_compresses_its_requests_is_understood() -> None:
    hub = Hub()
    hub.publish(trades(GENESIS_SLOT))
    async with (
        serving(hub) as server,
        grpc.aio.insecure_channel(
            f"127.0.0.1:{server.port}", compression=grpc.Compression.Gzip
        ) as channel,
    ):
        get_slot: grpc.aio.UnaryUnaryMultiCallable[pb.GetSlotRequest, pb.GetSlotResponse]
        get_slot = channel.unary_unary(
            "/geyser.Geyser/GetSlot",
            request_serializer=pb.GetSlotRequest.SerializeToString,
            response_deserializer=pb.GetSlotResponse.FromString,
        )
        assert (await get_slot(pb.GetSlotRequest())).slot == GENESIS_SLOT
