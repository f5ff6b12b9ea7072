"""Blocks put together from their parts are whole in the end, whatever the parts' order."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from adapters.yellowstone import frames
from adapters.yellowstone.assembler import Assembler
from adapters.yellowstone.wire import lean_pb2
from curvetape.testing.transactions import message
from domain.chain import Block, BlockMeta, RawTransaction

SLOTS = 8
DETAILS = frames.Details(lean_pb2.TransactionInfo(), lean_pb2.Meta())
Part: TypeAlias = RawTransaction | BlockMeta


def transaction(slot: int, index: int) -> RawTransaction:
    info = message([])
    info.signature = bytes([slot, index]) * 32
    info.index = index
    return frames.transaction(info, slot=slot, block_time_s=slot, received_at_ns=slot)


def meta(slot: int) -> BlockMeta:
    return BlockMeta(
        slot=slot,
        parent_slot=slot - 1,
        blockhash=str(slot),
        parent_blockhash=str(slot - 1),
        block_time_s=slot,
        executed_transaction_count=9,
    )


PARTS: list[Part] = [
    *(meta(slot) for slot in range(1, SLOTS + 1)),
    *(transaction(slot, index) for slot in range(1, SLOTS + 1) for index in range(slot % 4)),
]


def assemble(assembler: Assembler, parts: Iterable[Part]) -> list[list[Block]]:
    """What is given out after each part."""
    return [
        list(
            assembler.transaction(part)
            if isinstance(part, RawTransaction)
            else assembler.meta(part, part.slot)
        )
        for part in parts
    ]


def held(block: Block) -> list[int]:
    return [tx.index for tx in block.transactions]


@given(st.permutations(PARTS), st.lists(st.sampled_from(PARTS), max_size=20), st.data())
def test_in_any_order_and_with_parts_twice_every_block_is_whole_in_the_end(
    parts: Sequence[Part], again: Sequence[Part], data: st.DataObject
) -> None:
    arriving = [*parts]
    for part in again:
        arriving.insert(data.draw(st.integers(0, len(arriving))), part)
    assembler = Assembler(settle_slots=2)
    blocks = [block for given_out in assemble(assembler, arriving) for block in given_out]
    blocks += assembler.rest()
    latest = {block.slot: held(block) for block in blocks}
    assert latest == {slot: list(range(slot % 4)) for slot in range(1, SLOTS + 1)}
    assert not assembler.waits
    assert list(assembler.rest()) == []
    assert assembler.lost == 0


@given(st.permutations(PARTS))
def test_a_block_given_out_again_holds_more_than_before(parts: Sequence[Part]) -> None:
    assembler = Assembler(settle_slots=2)
    seen: dict[int, list[int]] = {}
    for block in [each for given_out in assemble(assembler, parts) for each in given_out]:
        assert held(block) == sorted(held(block))
        if block.slot in seen:
            assert set(seen[block.slot]) < set(held(block))
        seen[block.slot] = held(block)


@given(st.permutations(PARTS), st.integers(0, 3))
def test_no_block_is_given_out_before_later_ones_have_shown_themselves(
    parts: Sequence[Part], settle_slots: int
) -> None:
    assembler = Assembler(settle_slots=settle_slots)
    metas: set[int] = set()
    for part, given_out in zip(parts, assemble(assembler, parts), strict=True):
        if isinstance(part, BlockMeta):
            metas.add(part.slot)
        for block in given_out:
            assert len([slot for slot in metas if slot > block.slot]) >= settle_slots


@given(st.permutations(PARTS), st.integers(1, 4), st.integers(0, 9))
def test_with_little_memory_nothing_is_lost_unsaid(
    parts: Sequence[Part], slots_max: int, transactions_max: int
) -> None:
    assembler = Assembler(settle_slots=2, slots_max=slots_max, transactions_max=transactions_max)
    blocks = [block for given_out in assemble(assembler, parts) for block in given_out]
    blocks += assembler.rest()
    latest = {block.slot: held(block) for block in blocks}
    expected = sum(slot % 4 for slot in range(1, SLOTS + 1))
    assert sum(map(len, latest.values())) + assembler.lost == expected


def test_no_more_transactions_are_held_than_the_limit() -> None:
    assembler = Assembler(settle_slots=1, transactions_max=10)
    for slot in range(1, 50):
        assemble(assembler, [*(transaction(slot, index) for index in range(4)), meta(slot)])
        assert sum(len(each.transactions) for each in assembler._slots.values()) <= 12
    assert assembler.lost == 0
