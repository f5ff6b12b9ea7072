"""A faulty endpoint leaves out, delays, repeats and makes up what its faults say."""

from itertools import pairwise

import grpc
import pytest

from curvetape.simulator.faults import (
    BlockIncomplete,
    BlockMissing,
    BlocksLag,
    BlocksOutOfOrder,
    BlocksRefused,
    Duplicates,
    Forked,
    MetaFirst,
    OtherNetwork,
    Reordered,
    ReplayAhead,
    ReplayIgnored,
    ReplayRefused,
    TransactionsLate,
    TransactionsMissing,
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


async def test_duplicates_are_the_same_bytes_twice() -> None:
    stream = await seen(asked("PROCESSED", transactions=True, blocks=True), Duplicates())
    assert stream.payloads[::2] == stream.payloads[1::2]
    assert len(stream.payloads) > 200


async def test_transactions_are_reordered_within_their_slot_only() -> None:
    straight = await seen(asked("PROCESSED", transactions=True))
    mixed = await seen(asked("PROCESSED", transactions=True), Reordered())
    assert mixed.transactions != straight.transactions
    assert sorted(mixed.transactions) == sorted(straight.transactions)
    assert [slot for slot, _ in mixed.transactions] == [slot for slot, _ in straight.transactions]


async def test_a_share_of_the_processed_transactions_never_comes_but_is_confirmed() -> None:
    everything = await seen(asked("PROCESSED", transactions=True))
    fast = await seen(asked("PROCESSED", transactions=True), TransactionsMissing(share=0.3))
    missing = len(everything.transactions) - len(fast.transactions)
    assert 0.2 < missing / len(everything.transactions) < 0.4
    settled = await seen(asked(blocks=True), TransactionsMissing(share=0.3))
    assert whole(settled.blocks) == expected()


async def test_a_meta_can_come_before_its_transactions_and_they_a_block_later() -> None:
    request = asked(metas=True, transactions=True)
    everything = await seen(request)
    early = await seen(request, MetaFirst(), TransactionsLate(share=0.4, steps=1))
    assert sorted(early.transactions) == sorted(everything.transactions)
    slot_of_meta, late = 0, 0
    for update in early.updates:
        if update.HasField("block_meta"):
            slot_of_meta = update.block_meta.slot
        else:
            assert update.transaction.slot <= slot_of_meta
            late += update.transaction.slot < slot_of_meta
    assert 0.2 < late / len(everything.transactions) < 0.6


async def test_blocks_come_out_of_order_by_so_many_places_and_all_of_them() -> None:
    stream = await seen(asked(blocks=True), BlocksOutOfOrder(by=3))
    slots = [block.slot for block in stream.blocks]
    assert slots != short_chain().slots
    assert sorted(slots) == short_chain().slots
    for place, slot in enumerate(slots):
        assert abs(short_chain().slots.index(slot) - place) <= 3


async def test_whole_blocks_fall_behind_what_else_there_is() -> None:
    stream = await seen(asked(blocks=True, metas=True), BlocksLag(at=4, every=2, lag_max=8))
    assert whole(stream.blocks) == expected()
    distances: list[int] = []
    newest_meta = 0
    for update in stream.updates:
        if update.HasField("block_meta"):
            newest_meta = short_chain().slots.index(update.block_meta.slot)
        else:
            distances.append(newest_meta - short_chain().slots.index(update.block.slot))
    assert max(distances[:4]) <= 0
    assert max(distances) >= 5


@pytest.mark.parametrize("times", [1, None])
async def test_a_missing_block_does_not_come_though_its_child_names_it(times: int | None) -> None:
    gone = short_chain().slots[9]
    async with faulty(BlockMissing(slot=gone, times=times)) as endpoint:
        async with reading(endpoint, asked(blocks=True)) as stream:
            await play(short_chain(), [endpoint], slot_s=0.001)
            await quiet(stream)
        again = await replayed(endpoint, gone)
    assert gone not in [block.slot for block in stream.blocks]
    assert gone in [block.parent_slot for block in stream.blocks]
    assert (gone in [block.slot for block in again.blocks]) == (times == 1)


async def test_a_missing_block_has_no_meta_and_no_single_transactions_either() -> None:
    gone = short_chain().slots[9]
    stream = await seen(asked(metas=True, transactions=True), BlockMissing(slot=gone))
    assert gone not in {
        update.block_meta.slot or update.transaction.slot for update in stream.updates
    }


async def test_an_incomplete_block_lacks_transactions_and_looks_whole() -> None:
    slot = short_chain().slots[9]
    stream = await seen(asked(blocks=True), BlockIncomplete(slot=slot))
    (spoiled,) = [block for block in stream.blocks if block.slot == slot]
    whole_block = short_chain().block(slot)
    assert whole_block is not None
    assert 0 < len(spoiled.transactions) < len(whole_block.transactions)
    assert spoiled.blockhash == whole_block.blockhash
    assert spoiled.executed_transaction_count == whole_block.executed_transaction_count
    assert len(stream.blocks) == SLOTS


async def test_blocks_are_refused_and_transactions_are_not() -> None:
    refusing = BlocksRefused(code="PERMISSION_DENIED", details="blocks are not in your plan")
    async with faulty(refusing) as endpoint:
        async with reading(endpoint, asked(blocks=True), refused=True) as stream:
            await quiet(stream)
        async with reading(endpoint, asked(metas=True, transactions=True)) as other:
            await play(short_chain(), [endpoint], slot_s=0.001)
            await quiet(other)
    assert stream.end == (grpc.StatusCode.PERMISSION_DENIED, "blocks are not in your plan")
    assert other.transactions


async def test_a_replay_is_ignored_refused_or_starts_ahead_as_often_as_said() -> None:
    wanted = short_chain().slots[4]
    async with faulty(ReplayIgnored(times=1)) as endpoint:
        await play(short_chain(), [endpoint], slot_s=0)
        assert (await replayed(endpoint, wanted)).payloads == []
        assert whole((await replayed(endpoint, wanted)).blocks) == expected()[4:]
        assert endpoint.hub.replays_asked == 2
    async with faulty(ReplayAhead(by=6, times=1)) as endpoint:
        await play(short_chain(), [endpoint], slot_s=0)
        ahead = await replayed(endpoint, wanted)
        assert ahead.blocks[0].slot == min(s for s in short_chain().slots if s >= wanted + 6)
        assert whole((await replayed(endpoint, wanted)).blocks) == expected()[4:]
    async with faulty(ReplayRefused()) as endpoint:
        await play(short_chain(), [endpoint], slot_s=0)
        for _ in range(3):
            refused = await replayed(endpoint, wanted)
            assert refused.end is not None
            assert refused.end[0] is grpc.StatusCode.OUT_OF_RANGE


async def test_a_forked_endpoint_confirms_its_own_blocks_for_a_while() -> None:
    stream = await seen(asked(blocks=True), Forked(at=6, steps=5))
    assert [block.slot for block in stream.blocks] == short_chain().slots
    same = [
        theirs.blockhash == ours.blockhash
        for theirs, ours in zip(stream.blocks, short_chain().blocks, strict=True)
    ]
    assert same == [True] * 6 + [False] * 5 + [True] * (SLOTS - 11)
    for parent, child in pairwise(stream.blocks[5:11]):
        assert child.parent_blockhash == parent.blockhash
    assert stream.blocks[11].parent_blockhash != stream.blocks[10].blockhash


async def test_an_endpoint_of_another_network_shares_nothing() -> None:
    stream = await seen(asked(blocks=True), OtherNetwork(seed=77))
    assert len(stream.blocks) == SLOTS
    assert not {block.slot for block in stream.blocks} & set(short_chain().slots)
    assert not {block.blockhash for block in stream.blocks} & {hash_ for hash_, _ in expected()}
