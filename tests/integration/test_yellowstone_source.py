"""The source stays connected to a real server, and misses nothing that the server has."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from solders.pubkey import Pubkey

from adapters.yellowstone.endpoint import Endpoint, EndpointError
from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.limits import Limits
from curvetape.testing.endpoints import blocks, confirmed, early, places, reading, slots
from curvetape.testing.proxy import BadLine
from curvetape.testing.waiting import until
from curvetape.testing.yellowstone import (
    BLOCK_TIME_S,
    GENESIS_SLOT,
    block,
    blockhash,
    serving,
    touching,
    trades,
)
from domain.chain import AccountWritten, BlockMeta, ChainUpdate
from domain.programs import PROGRAMS, PUMP, PYTH_RECEIVERS, PYTH_SOL_USD, USDC

ALL_KEPT = Retention(slots_max=None, bytes_max=None)
TEN_KEPT = Retention(slots_max=10, bytes_max=None)


def chain(numbers: Iterable[int], **options: Any) -> Hub:
    """Blocks of three trades; each is confirmed with the one behind it."""
    hub = Hub(**{"confirmed_after_slots": 1, "finalized_after_slots": 2, **options})
    for slot in numbers:
        hub.publish(trades(slot, 3))
    return hub


async def test_confirmed_blocks_arrive_with_our_programs_transactions_the_failed_ones_too() -> None:
    hub = chain([])
    hub.publish(
        block(
            GENESIS_SLOT,
            [
                *(touching(program, signature=7) for program in PROGRAMS),
                touching(USDC, signature=8),
                touching(PUMP, signature=9, failed=True),
                touching(USDC, signature=11, loaded=[PUMP]),
            ],
        )
    )
    hub.publish(trades(GENESIS_SLOT + 1))
    async with serving(hub) as server, reading(server.url) as reader:
        [received] = blocks(await reader.until_slot(GENESIS_SLOT))
    assert received.evidence == "block"
    assert received.meta == BlockMeta(
        slot=GENESIS_SLOT,
        parent_slot=GENESIS_SLOT,
        blockhash=blockhash(GENESIS_SLOT),
        parent_blockhash=blockhash(GENESIS_SLOT),
        block_time_s=BLOCK_TIME_S,
        executed_transaction_count=6,
    )
    transactions = received.transactions
    assert [(tx.index, tx.failed) for tx in transactions] == [
        (0, False),
        (1, False),
        (2, False),
        (4, True),
        (5, False),
    ]
    assert {(tx.slot, tx.block_time_s) for tx in transactions} == {(GENESIS_SLOT, BLOCK_TIME_S)}
    assert transactions[4].account_keys[1:] == transactions[0].account_keys


async def test_transactions_arrive_before_their_block_is_confirmed() -> None:
    hub = chain([GENESIS_SLOT, GENESIS_SLOT + 1])
    async with serving(hub) as server, reading(server.url) as reader:
        await reader.until_slot(GENESIS_SLOT)
        received: list[ChainUpdate] = []
        slot = GENESIS_SLOT + 1
        while not early(received):  # the stream of early ones begins at the head
            slot += 1
            hub.publish(trades(slot, 3))
            received += await reader.until_slot(slot - 1)
        hub.publish(
            block(
                slot + 1,
                [
                    touching(PUMP, signature=(slot + 1) << 16),
                    touching(PUMP, signature=2, failed=True),
                    touching(PUMP, signature=3, vote=True),
                    touching(USDC, signature=4),
                ],
            )
        )
        received = await reader.until_early(slot + 1)
    assert places(early(received))[-1] == (slot + 1, 0)
    assert slot + 1 not in slots(received)


async def test_the_price_of_sol_comes_before_the_block_in_which_it_was_written() -> None:
    hub = chain([])
    priced = trades(GENESIS_SLOT)
    for address, owner in zip(PYTH_SOL_USD, PYTH_RECEIVERS, strict=True):
        priced.accounts.add(
            pubkey=bytes(Pubkey.from_string(address)),
            owner=bytes(Pubkey.from_string(owner)),
            data=b"price",
        )
    priced.accounts.add(pubkey=bytes(Pubkey.from_string(USDC)), owner=bytes(32))
    hub.publish(priced)
    hub.publish(trades(GENESIS_SLOT + 1))
    async with serving(hub) as server, reading(server.url) as reader:
        received = await reader.until_slot(GENESIS_SLOT)
    written = received[:2]
    assert all(isinstance(each, AccountWritten) for each in written)
    assert {
        (each.account, each.owner, each.data, each.slot)
        for each in written
        if isinstance(each, AccountWritten)
    } == {
        (address, owner, b"price", GENESIS_SLOT)
        for address, owner in zip(PYTH_SOL_USD, PYTH_RECEIVERS, strict=True)
    }
    assert slots(received[2:3]) == [GENESIS_SLOT]


async def test_when_nothing_is_owed_the_stream_starts_at_the_oldest_slot_there_is() -> None:
    hub = chain(range(GENESIS_SLOT, GENESIS_SLOT + 20), retention=TEN_KEPT)
    async with serving(hub) as server, reading(server.url) as reader:
        received = await reader.until_slot(GENESIS_SLOT + 18)
    assert slots(received) == list(range(GENESIS_SLOT + 10, GENESIS_SLOT + 19))
    assert reader.said == []


async def test_after_a_server_was_away_the_stream_goes_on_from_what_is_owed() -> None:
    hub = chain(range(GENESIS_SLOT, GENESIS_SLOT + 6))
    async with AsyncExitStack() as stack:
        away = await stack.enter_async_context(AsyncExitStack())
        server = await away.enter_async_context(serving(hub))
        reader = await stack.enter_async_context(reading(server.url, owed=GENESIS_SLOT + 2))
        before = await reader.until_slot(GENESIS_SLOT + 4)
        assert reader.source.health.connected
        address = f"127.0.0.1:{server.port}"
        await away.aclose()
        reader.owed = GENESIS_SLOT + 4
        hub.publish(trades(GENESIS_SLOT + 6, 3))
        await stack.enter_async_context(serving(hub, address=address))
        after = await reader.until_slot(GENESIS_SLOT + 5)
    assert slots(before) == [GENESIS_SLOT + 2, GENESIS_SLOT + 3, GENESIS_SLOT + 4]
    assert slots(after) == [GENESIS_SLOT + 4, GENESIS_SLOT + 5]
    interruptions = [said for said in reader.said if "connecting again in" in said]
    assert interruptions
    assert all(address in said for said in reader.said)
    assert reader.source.health.reconnects == len(interruptions)
    assert reader.source.health.last_error


async def test_a_line_that_breaks_again_and_again_loses_nothing() -> None:
    hub = chain([GENESIS_SLOT], retention=ALL_KEPT)
    last = GENESIS_SLOT + 60
    received: list[ChainUpdate] = []
    async with (
        serving(hub) as server,
        BadLine(server.port) as line,
        reading(f"http://127.0.0.1:{line.port}", owed=GENESIS_SLOT) as reader,
    ):
        for slot in range(GENESIS_SLOT + 1, last + 2):
            hub.publish(trades(slot, 3))
            if slot % 20 == 0:
                received += await reader.until_slot(slot - 1)
                reader.owed = slot
                line.cut()
        received += await reader.until_slot(last)
    expected = [(slot, place) for slot in range(GENESIS_SLOT, last + 1) for place in range(3)]
    assert sorted(set(confirmed(received))) == expected


async def test_slots_that_are_gone_are_said_and_the_stream_begins_at_the_oldest_one() -> None:
    hub = chain(range(GENESIS_SLOT, GENESIS_SLOT + 20), retention=TEN_KEPT)
    async with serving(hub) as server, reading(server.url, owed=GENESIS_SLOT + 3) as reader:
        received = await reader.until_slot(GENESIS_SLOT + 18)
    assert slots(received) == list(range(GENESIS_SLOT + 10, GENESIS_SLOT + 19))
    assert any("is not available, last available" in said for said in reader.said)
    assert any(
        f"slot {GENESIS_SLOT + 3} is owed and cannot be replayed, so the stream begins with slot "
        f"{GENESIS_SLOT + 10}" in said
        for said in reader.said
    )


async def test_far_behind_only_blocks_are_read_and_near_the_head_transactions_again() -> None:
    hub = chain(range(GENESIS_SLOT, GENESIS_SLOT + 40), retention=ALL_KEPT)
    limits = Limits(catch_up_slots=20, live_slots=5, observe_s=0.02)
    async with (
        serving(hub) as server,
        reading(server.url, owed=GENESIS_SLOT, limits=limits, batch_max=1) as reader,
    ):
        received = await reader.until_slot(GENESIS_SLOT)
        assert reader.source.health.catching_up
        received += await reader.until_slot(GENESIS_SLOT + 38)
        assert early(received) == []
        assert not reader.source.health.catching_up
        slot = GENESIS_SLOT + 39
        while not early(received):
            slot += 1
            hub.publish(trades(slot, 3))
            received += await reader.until_slot(slot - 1)
        # Far more than the source reads at once: it falls behind, and is told so by the server.
        for _ in range(60):
            slot += 1
            hub.publish(trades(slot, 3))
        fallen = await reader.until_slot(GENESIS_SLOT + 45)
        await asyncio.sleep(0.1)
        fallen += await reader.until_slot(GENESIS_SLOT + 46)
        assert reader.source.health.catching_up
        await reader.until_slot(slot - 1)
        assert not reader.source.health.catching_up
    assert reader.said == []


async def test_health_says_how_the_endpoint_is_doing() -> None:
    hub = chain(range(GENESIS_SLOT, GENESIS_SLOT + 5))
    async with serving(hub) as server, reading(server.url) as reader:
        health = reader.source.health
        assert (health.name, health.connected, health.slot) == (server.url, False, 0)
        assert reader.source.name == server.url
        received = await reader.until_slot(GENESIS_SLOT + 3)
        assert health.connected
        assert (health.mode, health.slot, health.blocks) == ("blocks", GENESIS_SLOT + 3, 4)
        assert health.newest_slot >= GENESIS_SLOT + 3
        assert health.updates >= 4
        [*_, last] = blocks(received)
        assert health.lag_s == pytest.approx(
            max(0.0, last.received_at_ns / 1e9 - (BLOCK_TIME_S + 3))
        )
    assert not health.connected


async def test_a_wrong_token_ends_the_source_with_a_sentence_for_a_person() -> None:
    async with serving(chain([GENESIS_SLOT]), x_token="right") as server:
        endpoint = Endpoint.parse(f"{server.url}?token=wr0ng-token")
        async with reading(endpoint, owed=0) as reader:
            with pytest.raises(EndpointError) as caught:
                await reader.until_slot(GENESIS_SLOT)
    assert server.url in str(caught.value)
    assert "refuses the token" in str(caught.value)
    assert "refuses the token" in reader.source.health.last_error
    assert "wr0ng" not in " ".join([str(caught.value), reader.source.name, *reader.said])


async def test_the_right_token_opens_both_streams() -> None:
    hub = chain([GENESIS_SLOT, GENESIS_SLOT + 1])
    async with (
        serving(hub, x_token="right") as server,
        reading(Endpoint.parse(f"{server.url}?token=right")) as reader,
    ):
        assert slots(await reader.until_slot(GENESIS_SLOT)) == [GENESIS_SLOT]
        received: list[ChainUpdate] = []
        for slot in range(GENESIS_SLOT + 2, GENESIS_SLOT + 20):
            hub.publish(trades(slot, 3))
            received += await reader.until_slot(slot - 1)
        assert early(received)
    assert reader.said == []


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
    hub = chain([GENESIS_SLOT, GENESIS_SLOT + 1], retention=ALL_KEPT)
    async with serving(hub) as server, BadLine(server.port) as line:
        url = f"http://127.0.0.1:{line.port}"
        async with reading(url, owed=GENESIS_SLOT, limits=Limits(silence_s_max=0.3)) as reader:
            await reader.until_slot(GENESIS_SLOT)
            line.muted = True
            reader.owed = GENESIS_SLOT + 1
            hub.publish(trades(GENESIS_SLOT + 2, 3))

            async def noticed() -> bool:
                return bool(reader.said)

            waiting = asyncio.create_task(reader.until_slot(GENESIS_SLOT + 1))
            await asyncio.sleep(0.5)
            line.muted = False
            received = await waiting
            await until(noticed)
    assert any("no update for" in said for said in reader.said)
    assert GENESIS_SLOT + 1 in slots(received)


async def test_a_chain_that_rests_is_not_taken_for_a_dead_stream() -> None:
    """Not even when nothing that is owed has been made yet."""
    hub = chain([GENESIS_SLOT, GENESIS_SLOT + 1])
    async with (
        serving(hub) as server,
        reading(server.url, owed=GENESIS_SLOT + 1, limits=Limits(silence_s_max=0.1)) as reader,
    ):
        waiting = asyncio.create_task(reader.until_slot(GENESIS_SLOT + 1))
        await asyncio.sleep(0.5)
        assert reader.said == []
        hub.publish(trades(GENESIS_SLOT + 2))
        await waiting


async def test_what_arrives_together_is_handed_over_together() -> None:
    hub = chain(range(GENESIS_SLOT, GENESIS_SLOT + 201), retention=ALL_KEPT)
    async with (
        serving(hub) as server,
        reading(server.url, owed=0, batch_max=50) as reader,
    ):
        received = await reader.until_slot(GENESIS_SLOT + 199)
    assert slots(received) == list(range(GENESIS_SLOT, GENESIS_SLOT + 200))
    assert max(reader.sizes) <= 50
    assert len(reader.sizes) < 150


async def test_a_reader_that_is_busy_bounds_what_is_held_and_misses_nothing() -> None:
    hub = chain([], retention=ALL_KEPT)
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 31):
        hub.publish(trades(slot, 100, padding=5_000))
    async with (
        serving(hub) as server,
        reading(server.url, owed=0, bytes_max=1_000_000, batch_max=1) as reader,
    ):
        first = await reader.until_slot(GENESIS_SLOT)
        await asyncio.sleep(0.3)
        assert not hub.followed
        rest = await reader.until_slot(GENESIS_SLOT + 29)
    assert len(confirmed([*first, *rest])) == 3_000
