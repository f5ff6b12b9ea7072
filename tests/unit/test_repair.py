"""Missing blocks are fetched, oldest first, within limits, and never given up in silence."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing

import pytest

from domain.chain import Block, BlockMeta
from domain.node import BlockUnavailableError, NodeBusyError, NodeError
from ingest.repair import ORDER_WAIT_S_MAX, Repair
from ingest.repair_steps import Range

NAME = "http://node.example"
WAIT_S_MAX = 20.0


def block(slot: int) -> Block:
    meta = BlockMeta(
        slot=slot,
        parent_slot=slot - 1,
        blockhash=f"hash {slot}",
        parent_blockhash=f"hash {slot - 1}",
        block_time_s=None,
        executed_transaction_count=0,
    )
    return Block(meta=meta, transactions=(), evidence="rpc", received_at_ns=0)


class ScriptedNode:
    """A node that has some slots and fails as it is told."""

    def __init__(self, slots: range, *, skipped: set[int] | None = None) -> None:
        self.have = [slot for slot in slots if slot not in (skipped or set())]
        self.first = slots.start
        self.errors: dict[int, list[NodeError | None]] = {}
        self.always: dict[int, NodeError] = {}
        self.down: NodeError | None = None
        self.slow_s: dict[int, float] = {}
        self.asked: Counter[int] = Counter()
        self.ranges: list[Range] = []
        self.listed_too: set[int] = set()
        self.looks = 0
        self.busy = self.busy_max = 0

    @property
    def name(self) -> str:
        return NAME

    async def slots(self, from_slot: int, to_slot: int) -> list[int]:
        self.ranges.append((from_slot, to_slot))
        self._fail()
        kept = sorted({slot for slot in self.have if slot >= self.first} | self.listed_too)
        return [slot for slot in kept if from_slot <= slot <= to_slot]

    async def block(self, slot: int) -> Block | None:
        self.asked[slot] += 1
        self.busy += 1
        self.busy_max = max(self.busy_max, self.busy)
        try:
            await asyncio.sleep(self.slow_s.get(slot, 0.001))
        finally:
            self.busy -= 1
        self._fail()
        if slot in self.always:
            raise self.always[slot]
        if (scripted := self.errors.get(slot)) and (error := scripted.pop(0)):
            raise error
        return block(slot) if slot in self.have else None

    async def first_available(self) -> int:
        self.looks += 1
        self._fail()
        return self.first

    async def newest(self) -> int:
        return self.have[-1]

    def _fail(self) -> None:
        if self.down is not None:
            raise self.down


def unavailable(slot: int, *, retry: bool = True) -> BlockUnavailableError:
    return BlockUnavailableError(NAME, slot, "not now", retry=retry)


class Reader:
    """Wants ranges until their blocks have come."""

    def __init__(self, node: ScriptedNode, *ranges: Range, rate_per_s_max: float = 1_000) -> None:
        self.ranges = ranges
        self.came: list[int] = []
        self.said: list[str] = []
        self.looked = 0
        self.repair = Repair(node, self._wants, rate_per_s_max=rate_per_s_max, say=self.said.append)

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S_MAX), aclosing(self.repair.batches()) as batches:
            async for blocks in batches:
                self.came += [each.slot for each in blocks]
                if done():
                    return

    async def during(self, length_s: float) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(length_s):
                await self.until(lambda: False)

    def _wants(self) -> list[Range]:
        self.looked += 1
        came = set(self.came)
        return [each for each in self.ranges if not came.issuperset(range(each[0], each[1] + 1))]


async def test_blocks_of_a_range_come_in_slot_order_and_skipped_slots_do_not() -> None:
    node = ScriptedNode(range(1_000, 1_100), skipped={1_003, 1_004})
    reader = Reader(node, (1_001, 1_050))
    await reader.until(lambda: 1_050 in reader.came)
    assert reader.came == [slot for slot in range(1_001, 1_051) if slot not in {1_003, 1_004}]
    assert set(node.asked.values()) == {1}
    assert 1 < node.busy_max <= 4
    assert reader.said == []


async def test_the_oldest_range_comes_first_however_they_are_given() -> None:
    reader = Reader(ScriptedNode(range(1_000, 3_000)), (2_900, 2_901), (1_100, 1_101))
    await reader.until(lambda: len(reader.came) == 4)
    assert reader.came == [1_100, 1_101, 2_900, 2_901]


async def test_slots_are_listed_in_chunks() -> None:
    node = ScriptedNode(range(0, 5_000, 100))
    reader = Reader(node, (700, 3_900))
    await reader.until(lambda: 3_900 in reader.came)
    assert all(last - first < 500 for first, last in node.ranges)
    assert reader.came == list(range(700, 4_000, 100))


async def test_a_slot_that_fails_is_tried_again_and_nothing_waits_for_it() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    node.errors[1_002] = [unavailable(1_002), unavailable(1_002)]
    reader = Reader(node, (1_000, 1_009))
    await reader.until(lambda: len(reader.came) == 10)
    assert reader.came == [1_000, 1_001, *range(1_003, 1_010), 1_002]
    assert node.asked[1_002] == 3
    assert "slot 1002: not now; it stays wanted" in reader.said[0]
    assert "slot 1002: it has come" in reader.said[-1]


async def test_an_answer_of_500_for_one_slot_holds_nothing_else_back() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    node.always[1_002] = NodeError(NAME, "HTTP 500")
    reader = Reader(node, (1_000, 1_009))
    await reader.until(lambda: len(reader.came) == 9)
    assert 1_002 not in reader.came
    assert "HTTP 500" in reader.said[0]


async def test_a_block_that_is_late_lets_the_others_pass_after_a_while() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    node.slow_s[1_000] = ORDER_WAIT_S_MAX + 1.0
    reader = Reader(node, (1_000, 1_003))
    await reader.until(lambda: 1_000 in reader.came)
    assert reader.came == [1_001, 1_002, 1_003, 1_000]


async def test_slots_that_always_fail_do_not_keep_newer_ones_from_coming() -> None:
    node = ScriptedNode(range(1_000, 3_000))
    node.always = {slot: unavailable(slot) for slot in range(1_000, 1_200)}
    reader = Reader(node, (1_000, 1_199), (2_000, 2_099))
    await reader.until(lambda: len(reader.came) == 100)
    assert reader.came == list(range(2_000, 2_100))
    assert len(reader.said) <= 10


async def test_a_slot_that_is_listed_and_then_called_skipped_stays_wanted() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    node.have.remove(1_002)
    node.listed_too = {1_002}
    reader = Reader(node, (1_001, 1_003))
    await reader.during(1.5)
    assert reader.came == [1_001, 1_003]
    assert node.asked[1_002] > 1
    assert "then called skipped" in reader.said[0]


async def test_a_node_that_is_asked_too_often_is_left_alone_and_asked_more_slowly() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    node.errors[1_002] = [NodeBusyError(NAME, "429", retry_after_s=1.0)]
    reader = Reader(node, (1_000, 1_005))
    started_s = asyncio.get_running_loop().time()
    await reader.until(lambda: len(reader.came) == 6)
    assert asyncio.get_running_loop().time() - started_s >= 1.0
    assert "asking at most 500.0 times a second" in reader.said[0]


async def test_the_rate_has_a_limit() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    reader = Reader(node, (1_000, 1_099), rate_per_s_max=10)
    await reader.during(1.05)
    assert 5 <= node.asked.total() + len(node.ranges) <= 4 + 11


async def test_a_node_that_is_down_is_asked_seldom_and_serves_all_when_it_is_back() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    node.down = NodeError(NAME, "it cannot be reached")
    reader = Reader(node, (1_000, 1_099))
    await reader.during(3.0)
    assert node.asked.total() + len(node.ranges) + node.looks < 10
    assert len(reader.said) == 1
    node.down = None
    await reader.until(lambda: len(reader.came) == 100)
    assert reader.said[-1] == f"{NAME}: it answers again"


async def test_what_a_node_does_not_keep_is_said_and_not_asked_for() -> None:
    node = ScriptedNode(range(1_000, 2_000))
    node.first = 1_900
    reader = Reader(node, (1_000, 1_009), (1_950, 1_951))
    await reader.until(lambda: len(reader.came) == 2)
    await reader.during(0.5)
    assert reader.came == [1_950, 1_951]
    assert node.looks == 1
    assert set(node.asked) == {1_950, 1_951}
    assert any("it keeps slots 1900 to 1999" in said for said in reader.said)


async def test_a_block_is_not_fetched_again_at_once_while_it_stays_wanted() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    reader = Reader(node)
    reader.repair = Repair(node, lambda: [(1_000, 1_001)], re_offer_s=1.0, say=reader.said.append)
    await reader.during(0.7)
    assert reader.came == [1_000, 1_001]
    await reader.during(1.0)
    assert reader.came == [1_000, 1_001] * 2


async def test_it_idles_while_nothing_is_wanted_and_wakes_at_once_when_told() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    reader = Reader(node)
    waiting = asyncio.create_task(reader.until(lambda: True))
    await asyncio.sleep(1.0)
    assert reader.looked <= 12
    assert not node.ranges
    reader.ranges = ((1_000, 1_000),)
    reader.repair.notice()
    async with asyncio.timeout(0.09):
        await waiting
    assert reader.came == [1_000]


async def test_slots_that_are_no_longer_wanted_are_forgotten() -> None:
    node = ScriptedNode(range(1_000, 1_100))
    node.always = {slot: unavailable(slot) for slot in range(1_000, 1_010)}
    reader = Reader(node, (1_000, 1_009))
    await reader.during(0.3)
    asked = node.asked.total()
    reader.ranges = ()
    await reader.during(1.5)
    assert node.asked.total() == asked


async def test_a_reader_that_does_not_come_back_lets_nothing_pile_up() -> None:
    node = ScriptedNode(range(1_000, 1_600))
    reader = Reader(node, (1_000, 1_499))
    async with aclosing(reader.repair.batches()) as batches:
        await anext(batches)
        await asyncio.sleep(0.5)
        assert node.asked.total() <= 4 + 8
