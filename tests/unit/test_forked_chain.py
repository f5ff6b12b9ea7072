"""The chain for fault tests: deterministic, linked, with forks that say something else."""

from itertools import pairwise

import pytest

from curvetape.simulator.forked_chain import ForkedChain
from curvetape.simulator.ledger import views
from domain.events import AnyProgramEvent
from ingest.transaction import entries, translated

SEEDS = range(5)


def facts(blocks: object) -> dict[str, list[AnyProgramEvent]]:
    """What blocks say, by event id."""
    found: dict[str, list[AnyProgramEvent]] = {}
    assert isinstance(blocks, tuple)
    for block in blocks:
        for view in views(block):
            for event in () if view.failed else translated(view).events:
                found.setdefault(event.id, []).append(event)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_makes_the_same_steps_byte_for_byte(seed: int) -> None:
    first, again = ForkedChain(seed, slots=25), ForkedChain(seed, slots=25)
    assert [(step.dead, step.block.SerializeToString()) for step in first.steps] == [
        (step.dead, step.block.SerializeToString()) for step in again.steps
    ]
    assert first.ledger == again.ledger
    assert first.dead_ids == again.dead_ids


@pytest.mark.parametrize("seed", SEEDS)
def test_living_blocks_name_living_blocks_as_their_parents_and_nothing_else(seed: int) -> None:
    chain = ForkedChain(seed)
    genesis = chain.blocks[0]
    assert (genesis.parent_slot, genesis.parent_blockhash) == (genesis.slot, genesis.blockhash)
    for parent, child in pairwise(chain.blocks):
        assert (child.parent_slot, child.parent_blockhash) == (parent.slot, parent.blockhash)
        assert child.slot > parent.slot


@pytest.mark.parametrize("seed", SEEDS)
def test_dead_blocks_part_from_the_chain_in_slots_that_it_skips_or_makes_again(seed: int) -> None:
    chain = ForkedChain(seed)
    known = {genesis.blockhash: genesis for genesis in chain.blocks[:1]}
    newest = chain.blocks[0]
    for step in chain.steps[1:]:
        block = step.block
        assert known[block.parent_blockhash].slot == block.parent_slot
        assert block.blockhash not in known
        assert block.slot > newest.slot
        known[block.blockhash] = block
        newest = newest if step.dead else block
    lengths = "".join("d" if step.dead else " " for step in chain.steps).split()
    assert {len(fork) for fork in lengths} == {1, 2, 3}
    repeated = {block.slot for block in chain.dead_blocks} & set(chain.slots)
    assert 0 < len(repeated) < len(chain.dead_blocks)


@pytest.mark.parametrize("seed", SEEDS)
def test_dead_blocks_hold_what_never_lands_and_what_lands_again_with_other_results(
    seed: int,
) -> None:
    chain = ForkedChain(seed)
    dead = facts(chain.dead_blocks)
    assert dead.keys() == chain.dead_ids | chain.twice_ids
    assert not chain.dead_ids & chain.events.keys()
    assert len(chain.dead_ids) > 30
    assert len(chain.twice_ids) > 30
    differing = moved = 0
    for id_ in chain.twice_ids:
        landed = chain.events[id_]
        for died in dead[id_]:
            moved += died.pos != landed.pos
            amounts = {
                getattr(each, name)
                for name in ("quote_amount", "base_amount", "token_amount")
                for each in (died, landed)
                if hasattr(each, name)
            }
            differing += len(amounts) > 2
    assert moved > 30
    assert differing > 5


def test_dead_transactions_are_read_without_anything_left_over() -> None:
    """What was changed in them is changed wherever the programs say it."""
    for seed in SEEDS:
        for block in ForkedChain(seed).dead_blocks:
            assert [info.index for info in block.transactions] == [*range(len(block.transactions))]
            for view in views(block):
                batch = entries(view)
                assert not batch.dead
                assert not batch.unknown_tails


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ledger_counts_what_the_blocks_hold(seed: int) -> None:
    chain = ForkedChain(seed)
    assert [*chain.ledger] == chain.slots
    for block in chain.blocks:
        slot = chain.ledger[block.slot]
        assert slot.blockhash == block.blockhash
        assert slot.executed == block.executed_transaction_count
        assert slot.failed == sum(info.meta.HasField("err") for info in block.transactions)
        assert slot.ours == len(block.transactions)
        assert len(slot.prices) == len(block.accounts)
        assert all(event.pos.slot == block.slot for event in slot.events)
        assert [event.pos for event in slot.events] == sorted(event.pos for event in slot.events)
    assert sum(len(slot.ids) for slot in chain.ledger.values()) == len(chain.events) > 300


def test_a_node_on_a_fork_of_its_own_has_another_block_for_the_same_slot() -> None:
    chain = ForkedChain(1)
    slot = chain.slots[7]
    ours, theirs = chain.block(slot), chain.fork_of(slot)
    assert ours is not None
    assert theirs.slot == slot
    assert theirs.blockhash != ours.blockhash
    assert theirs.parent_blockhash == ours.parent_blockhash
    assert chain.block(slot) == ours == chain.blocks[7]
    assert chain.fork_of(slot) == theirs
    signatures = [{info.signature for info in each.transactions} for each in (ours, theirs)]
    assert signatures[0] != signatures[1]
    assert signatures[0] & signatures[1]


def test_events_that_nobody_knows_are_counted_and_are_in_no_ledger() -> None:
    known, grown = ForkedChain(2), ForkedChain(2, unknown_share=0.2)
    assert not any(slot.unknown for slot in known.ledger.values())
    unknown = sum(slot.unknown for slot in grown.ledger.values())
    assert 30 < unknown == len(known.events) - len(grown.events)
    assert grown.events.keys() < known.events.keys()
    assert [block.blockhash for block in known.blocks] == [
        block.blockhash for block in grown.blocks
    ]


def test_another_network_has_other_slots_and_hashes() -> None:
    ours, theirs = ForkedChain(1, slots=10), ForkedChain(2, slots=10, slot_offset=1_000_000)
    assert theirs.slots[0] == ours.slots[0] + 1_000_000
    assert not {block.blockhash for block in ours.blocks} & {
        block.blockhash for block in theirs.blocks
    }
    for parent, child in pairwise(theirs.blocks):
        assert child.parent_slot == parent.slot
