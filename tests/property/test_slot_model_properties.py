"""What is proven of slots is the same in whichever order and parts the log's decisions come."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.certified import CertifiedLog
from domain.log import Recorded
from projections.slot_reads import Stretch, open_gaps
from projections.slots import Changes, Gap, Slots, merge

SLOTS = st.integers(1, 12)
ACTS = st.one_of(
    st.tuples(st.just("seal"), SLOTS),
    st.tuples(st.just("abandon"), SLOTS),
    st.tuples(st.just("gap"), SLOTS, SLOTS),
    st.tuples(st.just("fill"), SLOTS, SLOTS),
)


def log_of(acts: list[tuple[Any, ...]]) -> list[Recorded]:
    held = CertifiedLog()
    for act, *slots in acts:
        getattr(held, act)(*sorted(slots))
    return [Recorded(sequence, event) for sequence, _, event in held]


@given(acts=st.lists(ACTS, max_size=15), data=st.data())
def test_decisions_merge_in_any_order_and_batches(
    acts: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    recorded = log_of(acts)
    whole = Slots().apply(recorded)
    shuffled = data.draw(st.permutations(recorded))
    merged, rest = Changes({}, {}), shuffled
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        batch, rest = rest[:size], rest[size:]
        sides = (merged, Slots().apply(batch))
        merged = merge(*(sides if data.draw(st.booleans()) else sides[::-1]))
    assert merged == whole
    assert merge(whole, whole) == whole


@given(acts=st.lists(ACTS, max_size=15), ends=st.tuples(SLOTS, SLOTS))
def test_what_is_open_is_what_was_found_missing_and_not_filled_since(
    acts: list[tuple[Any, ...]], ends: tuple[int, int]
) -> None:
    within = Stretch(*sorted(ends))
    changes = Slots().apply(log_of(acts))
    expected = {
        slot
        for slot in range(within.from_slot, within.to_slot + 1)
        for gap in changes.gaps.values()
        if gap.detected_sequence is not None
        and gap.from_slot <= slot <= gap.to_slot
        and not any(_fills(fill, slot, gap.detected_sequence) for fill in changes.gaps.values())
    }
    found = [it.stretch for it in open_gaps(changes.gaps.values(), within)]
    slots = {slot for it in found for slot in range(it.from_slot, it.to_slot + 1)}
    assert slots == expected


def _fills(fill: Gap, slot: int, found_at: int) -> bool:
    return (fill.filled_sequence or 0) > found_at and fill.from_slot <= slot <= fill.to_slot
