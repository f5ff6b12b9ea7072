"""Slots as a state machine: what is decided when, and in which order."""

from collections.abc import Sequence

import pytest

from curvetape.testing.blocks import block, blockhash, chained, raw
from domain.chain import Block
from ingest.slots import (
    HOLE_WAIT_S,
    WAITING_BLOCKS_MAX,
    Abandoned,
    Contradicted,
    Decision,
    GapClosed,
    GapOpened,
    Sealed,
    Slots,
)
from ingest.votes import AGREE_WAIT_S, DRAW_WAIT_S, FIRST_WAIT_S, SILENT_S, Link, Voters

START = Link(100, blockhash(100))
LATER_S = HOLE_WAIT_S + 0.1


def machine(*sources: str, start: Link | None = START) -> Slots:
    return Slots(Voters(sources or ("a",), arbiters=["rpc"]), start=start)


def offered(
    slots: Slots, blocks: Sequence[Block], *, source: str = "a", now_s: float = 0.0
) -> list[Decision]:
    for each in blocks:
        slots.offer(source, each, now_s)
    return slots.decide(now_s)


def sealed(decisions: Sequence[Decision]) -> list[int]:
    return [each.block.slot for each in decisions if isinstance(each, Sealed)]


def test_blocks_are_sealed_in_the_order_of_the_chain_however_they_come() -> None:
    blocks = chained([101, 102, 104, 107])
    assert sealed(offered(machine(), blocks[::-1])) == [101, 102, 104, 107]


def test_a_block_is_sealed_once_however_often_it_comes() -> None:
    slots = machine()
    blocks = chained([101, 102])
    assert sealed(offered(slots, [*blocks, *blocks])) == [101, 102]
    assert offered(slots, blocks) == []


def test_an_empty_log_does_not_begin_with_what_one_of_three_says() -> None:
    """It may be of another network, and the log has nothing yet that could show it."""
    slots = machine("a", "b", "c", start=None)
    strange, ours = chained([9_000, 9_001]), chained([500, 501, 502])
    assert offered(slots, strange, source="c") == []
    assert slots.decide(SILENT_S + 1) == []
    assert offered(slots, ours, source="a", now_s=SILENT_S + 1) == []
    assert sealed(offered(slots, ours[1:], source="b", now_s=SILENT_S + 2)) == [500, 501, 502]
    assert slots.is_astray("c", 900_000)


def test_a_log_does_not_leap_far_ahead_with_what_one_of_three_says() -> None:
    """The others may not have spoken yet, right after a start."""
    slots = machine("a", "b", "c")
    assert offered(slots, chained([900_000, 900_001]), source="c") == []
    assert slots.decide(SILENT_S + LATER_S) == []
    now_s = SILENT_S + LATER_S
    assert sealed(offered(slots, chained([101, 102]), source="a", now_s=now_s)) == [101, 102]
    assert slots.is_astray("c", 900_002)


def test_a_log_that_was_left_alone_for_long_goes_on_far_ahead() -> None:
    slots = machine("a", "b", "c")
    far = chained([900_000, 900_001])
    assert offered(slots, far, source="a") == []
    assert offered(slots, far, source="b") == []
    opened, *rest = slots.decide(LATER_S)
    assert isinstance(opened, GapOpened)
    assert sealed(rest) == [900_000, 900_001]


def test_an_empty_log_begins_with_what_one_of_three_says_once_the_others_stay_silent() -> None:
    slots = machine("a", "b", "c", start=None)
    assert offered(slots, chained([500, 501]), source="a") == []
    assert slots.decide(FIRST_WAIT_S - 1) == []
    assert sealed(slots.decide(FIRST_WAIT_S)) == [500, 501]


def test_an_empty_log_begins_with_what_one_of_two_says() -> None:
    slots = machine("a", "b", start=None)
    assert offered(slots, chained([500]), source="a") == []
    assert sealed(slots.decide(AGREE_WAIT_S)) == [500]


def test_a_first_block_needs_no_parent() -> None:
    slots = machine(start=None)
    assert slots.owed() is None
    assert sealed(offered(slots, chained([500, 502]))) == [500, 502]
    assert slots.owed() == 503


def test_a_slot_that_was_seen_and_that_the_chain_passes_over_is_abandoned() -> None:
    slots = machine()
    for seen in (101, 102, 103):
        assert slots.takes(seen)
        slots.saw(seen)
    decisions = offered(slots, [block(101, 100), block(103, 101)])
    assert decisions[1:-1] == [Abandoned(102, "the confirmed chain passes over it")]
    assert sealed(decisions) == [101, 103]


def test_a_slot_that_is_decided_takes_nothing_any_more() -> None:
    slots = machine()
    offered(slots, chained([101, 103]))
    assert [slots.takes(slot) for slot in (101, 102, 103, 104)] == [False, False, False, True]
    assert [slots.state(slot) for slot in (101, 102, 103, 104)] == [
        "sealed",
        "abandoned",
        "sealed",
        "unknown",
    ]


def test_what_is_far_ahead_of_every_block_is_not_taken() -> None:
    slots = machine()
    assert not slots.takes(100_000)


def test_a_missing_block_holds_those_behind_it_back_for_a_while_only() -> None:
    slots = machine()
    late = chained([101, 102, 103, 104])
    assert sealed(offered(slots, [late[0], late[2], late[3]])) == [101]
    assert slots.wants() == [(102, 102)]
    assert slots.state(103) == "confirmed"
    assert slots.decide(HOLE_WAIT_S / 2) == []
    assert sealed(offered(slots, [late[1]], now_s=HOLE_WAIT_S - 0.1)) == [102, 103, 104]
    assert slots.wants() == []


def test_a_block_that_does_not_come_becomes_a_recorded_gap_that_is_asked_for() -> None:
    slots = machine()
    blocks = chained([101, 102, 103, 105, 106])
    offered(slots, [blocks[0], *blocks[3:]])
    slots.saw(102)
    decisions = slots.decide(LATER_S)
    assert decisions[0] == Abandoned(102, "its block could not be had; it is part of a gap")
    gap = decisions[1]
    assert isinstance(gap, GapOpened)
    assert (gap.start, gap.until) == (Link(101, blockhash(101)), Link(103, blockhash(103)))
    assert sealed(decisions) == [105, 106]
    assert slots.gaps == slots.wants() == [(102, 103)]
    assert slots.state(102) == "incomplete"
    assert not slots.takes(102)


def test_a_gap_is_filled_in_order_and_closed_by_its_own_last_block() -> None:
    slots = machine()
    blocks = chained([101, 102, 103, 105])
    offered(slots, [blocks[0], blocks[3]])
    slots.decide(LATER_S)
    assert offered(slots, [blocks[2]], source="rpc", now_s=LATER_S) == []
    decisions = offered(slots, [blocks[1]], source="rpc", now_s=LATER_S)
    assert sealed(decisions) == [102, 103]
    assert decisions[-1] == GapClosed(Link(101, blockhash(101)), Link(103, blockhash(103)))
    assert slots.gaps == []
    assert slots.owed() == 106


def test_a_block_that_does_not_lead_to_the_gaps_end_does_not_fill_it() -> None:
    slots = machine()
    blocks = chained([101, 102, 103])
    offered(slots, [blocks[0], blocks[2]])
    slots.decide(LATER_S)
    assert sealed(offered(slots, [block(102, 101, fork="x", parent_fork="")], source="rpc")) == []
    assert sealed(offered(slots, [blocks[1]], source="rpc")) == [102]


def test_a_hole_in_a_gap_splits_it_so_that_the_rest_is_proven() -> None:
    slots = machine()
    blocks = chained([101, 102, 103, 104, 105])
    offered(slots, [blocks[0], blocks[4]])
    slots.decide(LATER_S)
    decisions = offered(slots, [blocks[2], blocks[3]], source="rpc", now_s=LATER_S)
    assert decisions == []
    slots.decide(2 * LATER_S)
    decisions = slots.decide(2 * LATER_S)
    assert sealed(decisions) == [103, 104]
    assert decisions[-1] == GapClosed(Link(102, blockhash(102)), Link(104, blockhash(104)))
    assert slots.gaps == [(102, 102)]


def test_many_blocks_behind_a_hole_are_not_held_for_it() -> None:
    slots = machine()
    blocks = chained(range(101, 103 + WAITING_BLOCKS_MAX + 1))
    decisions = offered(slots, blocks[1:])
    assert isinstance(decisions[0], GapOpened)
    assert len(sealed(decisions)) == len(blocks) - 1


def test_of_three_sources_two_have_to_agree() -> None:
    slots = machine("a", "b", "forked")
    assert (
        sealed(offered(slots, [block(101, 100, fork="x", parent_fork="")], source="forked")) == []
    )
    assert sealed(offered(slots, [block(101, 100)], source="a")) == []
    assert sealed(offered(slots, [block(101, 100)], source="b")) == [101]


def test_a_fork_that_skips_the_slot_is_a_vote_against_it() -> None:
    slots = machine("a", "b", "forked")
    offered(slots, [block(101, 100, fork="x", parent_fork="")], source="forked")
    offered(slots, [block(102, 100)], source="a")
    decisions = offered(slots, [block(102, 100)], source="b")
    assert sealed(decisions) == [102]


def test_a_source_that_contradicts_what_is_sealed_is_named() -> None:
    slots = machine("a", "b", "forked")
    for source in ("a", "b"):
        offered(slots, [block(101, 100)], source=source)
    decisions = offered(slots, [block(101, 100, fork="x", parent_fork="")], source="forked")
    assert decisions == [Contradicted("forked", 101, blockhash(101, "x"))]


def test_a_silent_source_is_waited_for_only_so_long() -> None:
    slots = machine("a", "b", "c")
    assert sealed(offered(slots, [block(101, 100)])) == []
    assert sealed(slots.decide(SILENT_S - 0.1)) == []
    assert sealed(slots.decide(SILENT_S + 0.1)) == [101]


def test_of_two_sources_the_faster_one_is_believed_after_a_moment() -> None:
    slots = machine("a", "b")
    assert sealed(offered(slots, [block(101, 100)])) == []
    assert sealed(slots.decide(AGREE_WAIT_S)) == [101]


def test_two_that_contradict_each_other_are_settled_by_the_node() -> None:
    slots = machine("a", "b")
    offered(slots, [block(101, 100)], source="a")
    right = block(101, 100, fork="x", parent_fork="")
    assert sealed(offered(slots, [right], source="b")) == []
    assert slots.wants() == [(101, 101)]
    decisions = offered(slots, [right], source="rpc")
    assert [each.block for each in decisions if isinstance(each, Sealed)] == [right]


def test_without_a_node_the_first_named_is_believed_in_the_end() -> None:
    slots = machine("a", "b")
    offered(slots, [block(101, 100, fork="x", parent_fork="")], source="b")
    offered(slots, [block(101, 100)], source="a")
    assert slots.decide(DRAW_WAIT_S - 0.1) == []
    (decision,) = slots.decide(DRAW_WAIT_S)
    assert isinstance(decision, Sealed)
    assert decision.block == block(101, 100)


def test_copies_that_each_lack_something_are_put_together() -> None:
    slots = machine("a", "b")
    first, second, third = (raw(101, number) for number in range(3))
    offered(slots, [block(101, 100, [first, second])], source="a")
    (decision,) = offered(slots, [block(101, 100, [second, third])], source="b")
    assert isinstance(decision, Sealed)
    assert decision.block.transactions == [first, second, third]
    assert decision.proof.ours == 3


def test_a_better_copy_of_a_sealed_block_makes_another_revision() -> None:
    slots = machine("a", "b")
    first, second = raw(101, 0), raw(101, 1)
    offered(slots, [block(101, 100, [first])], source="a")
    slots.decide(AGREE_WAIT_S)
    (decision,) = offered(slots, [block(101, 100, [first, second])], source="b")
    assert isinstance(decision, Sealed)
    assert (decision.revision, decision.block.transactions) == (2, [second])
    assert decision.proof.signatures == (first.signature, second.signature)


def test_failed_transactions_are_counted_where_the_source_sends_them() -> None:
    both = [raw(101, 0, failed=True), raw(101, 1)]
    (decision,) = offered(machine(), [block(101, 100, both)])
    assert isinstance(decision, Sealed)
    assert (decision.proof.ours, decision.proof.failed) == (2, 1)
    (decision,) = offered(machine(), [block(101, 100, both[1:], evidence="meta")])
    assert isinstance(decision, Sealed)
    assert (decision.proof.ours, decision.proof.failed) == (1, None)


def test_a_restart_goes_on_behind_the_last_block_with_the_gaps_that_are_open() -> None:
    blocks = chained([101, 102, 103, 104])
    gap = (Link(100, blockhash(100)), Link(102, blockhash(102)))
    slots = Slots(Voters(["a"]), start=Link(103, blockhash(103)), gaps=[gap])
    assert slots.owed() == 104
    assert slots.wants() == [(101, 102)]
    decisions = offered(slots, blocks)
    assert sorted(sealed(decisions)) == [101, 102, 104]
    assert GapClosed(*gap) in decisions


def test_a_log_from_before_certificates_has_a_gap_up_to_the_first_one() -> None:
    slots = Slots(Voters(["a"]), unproven_after=90)
    assert slots.owed() == 91
    decisions = offered(slots, chained([101, 102]))
    gap = decisions[0]
    assert isinstance(gap, GapOpened)
    assert (gap.start, gap.until) == (Link(90, None), Link(100, blockhash(100)))
    assert sealed(decisions) == [101, 102]
    filling = chained([91, 93, 100])
    assert sealed(offered(slots, filling, source="rpc")) == [91, 93, 100]
    assert slots.gaps == []


@pytest.mark.parametrize(
    ("slot", "astray"), [(99_000, False), (40_000, True), (140_000, False), (50_000_000, True)]
)
def test_a_source_far_from_what_is_sealed_is_on_another_network(slot: int, astray: bool) -> None:
    slots = machine("a", "b", start=Link(100_000, blockhash(100_000)))
    offered(slots, [block(100_001, 100_000)], source="b")
    assert slots.is_astray("a", slot) is astray


def test_a_log_that_was_left_alone_for_long_goes_on_where_its_source_is() -> None:
    slots = machine("a", start=Link(100_000, blockhash(100_000)))
    assert not slots.is_astray("a", 50_000_000)


def test_what_a_liar_says_far_ahead_opens_no_gap_and_fills_no_memory() -> None:
    slots = machine("a", "b", "liar")
    lies = chained(range(200, 200 + 3_000))
    assert offered(slots, lies, source="liar") == []
    assert slots.decide(SILENT_S - 1) == []
    for source in ("a", "b"):
        decisions = offered(slots, [block(101, 100)], source=source, now_s=SILENT_S - 1)
    assert sealed(decisions) == [101]
