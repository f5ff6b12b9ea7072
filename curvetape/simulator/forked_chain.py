"""A short chain with forks, for tests of what becomes of them: the generated market, in pieces.

The same arguments make the same steps and the same ledger in every process.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain as joined
from random import Random

import msgspec

from adapters.yellowstone.hub import Hub
from adapters.yellowstone.wire import geyser_pb2
from curvetape.simulator.forks import LENGTH_MAX, dead_fork, fork_chance, unknown, variant
from curvetape.simulator.ledger import SlotTruth, truth, views
from curvetape.simulator.market import Market
from domain.events import AnyEvent
from ingest.transaction import entries

GENESIS_TIME_S = 1_793_000_000
SLOT_MS = 400
SLOTS = 60
RATE_PER_S = 20.0
FORK_SHARE = 0.15
EQUIVOCATION_SHARE = 0.05
SLOTS_AHEAD = 4
"""Dead blocks hold transactions that land within so many blocks after them."""

Block = geyser_pb2.SubscribeUpdateBlock


class Step(msgspec.Struct, frozen=True):
    """What happens next on the chain: a block that lives, or one that dies."""

    block: Block
    dead: bool

    def publish(self, hub: Hub) -> None:
        """Let a hub's subscribers have it."""
        (hub.publish_dead if self.dead else hub.publish)(self.block)


class _Planned(msgspec.Struct, frozen=True):
    block: Block
    dead_slots: tuple[int, ...]
    """Slots that the chain skips before the block, in which a fork lives and dies."""
    equivocates: bool
    """Whether the slot has another block first, which dies."""


class ForkedChain:
    """Blocks of the generated market, dead blocks between them, and the truth about it all."""

    def __init__(
        self,
        seed: int,
        *,
        slots: int = SLOTS,
        rate_per_s: float = RATE_PER_S,
        fork_share: float = FORK_SHARE,
        equivocation_share: float = EQUIVOCATION_SHARE,
        unknown_share: float = 0.0,
        slot_offset: int = 0,
    ) -> None:
        """`slots` counts the blocks that live; both shares are of these.

        `fork_share` of them come after a fork of one to three dead blocks in slots of their own,
        `equivocation_share` after a dead block of the same slot. `unknown_share` of all successful
        transactions have an event that no layout is known for. `slot_offset` shifts all slots, as
        if it were another network's chain.
        """
        self.seed = seed
        planned = list(_plan(seed, slots, rate_per_s, fork_share, equivocation_share))
        for each in planned:
            _make_unknown(seed, each.block, unknown_share)
            each.block.slot += slot_offset
            each.block.parent_slot += slot_offset
        self.steps: Sequence[Step] = tuple(_steps(seed, planned, slot_offset))
        self.blocks: Sequence[Block] = tuple(step.block for step in self.steps if not step.dead)
        self.dead_blocks: Sequence[Block] = tuple(step.block for step in self.steps if step.dead)

    @property
    def slots(self) -> Sequence[int]:
        """The slots of the blocks that live."""
        return [block.slot for block in self.blocks]

    @cached_property
    def ledger(self) -> Mapping[int, SlotTruth]:
        """By slot, in order: what has to be in the log in the end, and nothing else."""
        return {block.slot: truth(block) for block in self.blocks}

    @cached_property
    def events(self) -> Mapping[str, AnyEvent]:
        """All events and prices of the ledger by id, with `received_at_ns` 0."""
        slots = self.ledger.values()
        return {event.id: event for slot in slots for event in (*slot.events, *slot.prices)}

    @cached_property
    def dead_ids(self) -> frozenset[str]:
        """Events that were seen on dead forks and never landed: none of them may count."""
        return self._ids_on_forks - self.events.keys()

    @cached_property
    def twice_ids(self) -> frozenset[str]:
        """Events that were seen on dead forks and landed as well: they count as they landed."""
        return self._ids_on_forks & self.events.keys()

    def block(self, slot: int) -> Block | None:
        """The living block of a slot, as JSON-RPC would give it; None for a skipped one."""
        return self._by_slot.get(slot)

    def fork_of(self, slot: int) -> Block:
        """The slot's block as a node on a fork of its own has it."""
        return variant(self._by_slot[slot], fork_chance(self.seed ^ 0xF0F0, slot))

    @cached_property
    def _by_slot(self) -> Mapping[int, Block]:
        return {block.slot: block for block in self.blocks}

    @cached_property
    def _ids_on_forks(self) -> frozenset[str]:
        seen = joined.from_iterable(views(block) for block in self.dead_blocks)
        return frozenset(entry.id for view in seen for entry in entries(view).entries)


def _plan(
    seed: int, count: int, rate_per_s: float, fork_share: float, equivocation_share: float
) -> Iterator[_Planned]:
    market = Market.open(
        None,
        seed=seed,
        rate_per_s=rate_per_s,
        slot_ms=SLOT_MS,
        genesis_time_s=GENESIS_TIME_S,
    )
    for place in range(count):
        first = market.slot
        random = fork_chance(seed, first)
        drawn, length = random.random(), random.randint(1, LENGTH_MAX)
        forks = place > 0 and drawn < fork_share
        if forks:
            market.skip_to(first + length)
        block = market.next_block()
        expected = [event.id for event in market.emitted]
        found = [event.id for event in truth(block).events]
        assert found == expected, "the decoder finds what the market's programs emitted"
        if place == 0:
            block.parent_slot = block.slot  # as in Solana's genesis: nothing was before
            block.parent_blockhash = block.blockhash
        yield _Planned(
            block,
            tuple(range(first, first + length)) if forks else (),
            place > 0 and not forks and drawn < fork_share + equivocation_share,
        )


def _make_unknown(seed: int, block: Block, share: float) -> None:
    random = fork_chance(seed + 2, block.slot)
    for info in block.transactions:
        if random.random() < share and not info.meta.HasField("err"):
            info.CopyFrom(unknown(info))


def _steps(seed: int, planned: Sequence[_Planned], slot_offset: int) -> Iterator[Step]:
    for place, each in enumerate(planned):
        block = each.block
        if each.dead_slots:
            slots = [slot + slot_offset for slot in each.dead_slots]
            coming = [other.block for other in planned[place : place + SLOTS_AHEAD]]
            sources = [info for other in coming for info in other.transactions]
            random = _fork_random(seed, block)
            fork = dead_fork(planned[place - 1].block, slots, sources, random)
            yield from (Step(dead, dead=True) for dead in fork)
        if each.equivocates:
            yield Step(variant(block, _fork_random(seed, block)), dead=True)
        yield Step(block, dead=False)


def _fork_random(seed: int, block: Block) -> Random:
    return fork_chance(seed + 1, block.slot)
