"""Forks of the simulated market are seen and die; the market is the same with and without."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.wire import geyser_pb2
from curvetape.simulator.forks import fork_before
from curvetape.simulator.market import FIRST_SLOT, Market
from curvetape.simulator.production import Production
from curvetape.testing.simulated import SLOT_MS, first_blocks

LONG_AGO_S = 1_600_000_000
SLOTS = 60

Block = geyser_pb2.SubscribeUpdateBlock


class Recording(Hub):
    """A hub that remembers what was published to it."""

    def __init__(self) -> None:
        super().__init__(retention=Retention(slots_max=None, bytes_max=None))
        self.living: list[bytes] = []
        self.dead: list[bytes] = []

    def publish(self, block: Block) -> None:
        self.living.append(block.SerializeToString(deterministic=True))
        super().publish(block)

    def publish_dead(self, block: Block) -> None:
        self.dead.append(block.SerializeToString(deterministic=True))
        super().publish_dead(block)


async def produced(share: float, folder: Path | None = None, *, slots: int = SLOTS) -> Recording:
    market = Market.open(folder, seed=3, rate_per_s=20, slot_ms=SLOT_MS, genesis_time_s=LONG_AGO_S)
    hub = Recording()
    production = Production(market, hub, slot_ms=SLOT_MS, say=lambda _: None, forks_share=share)
    production.begin()
    await production.run(slots_max=slots)
    market.save()
    return hub


def read(payloads: Sequence[bytes]) -> list[Block]:
    return [Block.FromString(payload) for payload in payloads]


async def test_forks_change_nothing_in_the_market() -> None:
    without, some, many = [await produced(share) for share in (0.0, 0.2, 1.0)]
    assert without.living == some.living == many.living
    assert not without.dead
    assert 0 < len(some.dead) < len(many.dead)
    assert set(some.dead) < set(many.dead)
    assert len(many.dead) >= len(many.living) - 1


async def test_a_market_that_goes_on_has_the_forks_that_it_would_have_had(tmp_path: Path) -> None:
    expected = await produced(0.3, slots=2 * SLOTS)
    first = await produced(0.3, tmp_path)
    second = await produced(0.3, tmp_path, slots=2 * SLOTS)
    retained = [block.slot for block in read(second.living) if block.slot < FIRST_SLOT + SLOTS]
    assert retained, "recent blocks are made again"
    assert second.living == expected.living[-len(second.living) :]
    later = [payload for payload in expected.dead if payload not in first.dead]
    assert later
    assert [payload for payload in second.dead if payload in later] == later
    assert set(second.dead) <= set(expected.dead)


async def test_dead_blocks_stand_in_skipped_slots_or_before_a_second_block_of_a_slot() -> None:
    hub = await produced(1.0)
    living = {block.slot for block in read(hub.living)}
    known = {block.blockhash for block in read(hub.living)}
    for dead in read(hub.dead):
        assert dead.parent_blockhash in known
        assert dead.blockhash not in known
        known.add(dead.blockhash)
    assert {block.slot for block in read(hub.dead)} & living


def test_a_fork_is_in_the_slots_that_were_skipped() -> None:
    blocks = [block for block, _ in first_blocks(120)]
    skipping = [(a, b) for a, b in pairwise(blocks) if b.slot - a.slot > 1]
    assert skipping
    for parent, block in skipping:
        fork = fork_before(block, parent, seed=7, share=1.0)
        assert [dead.slot for dead in fork] == [*range(parent.slot + 1, block.slot)][: len(fork)]


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_the_share_of_forks_is_what_was_asked_for(share: float) -> None:
    blocks = [block for block, _ in first_blocks(120)]
    drawn = [
        bool(fork_before(block, parent, seed=seed, share=share))
        for seed in range(5)
        for parent, block in pairwise(blocks)
    ]
    assert abs(sum(drawn) / len(drawn) - share) < 0.06
