"""Whatever dies, is proven late or is read again: each event that counts is handed out once."""

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import batches, histories, recorded
from curvetape.testing.forks import decided_logs, forked
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.memory_store import MemoryStore
from domain.events import AnyEvent, SlotAbandoned, SlotConfirmed
from domain.log import Recorded
from projections import candles, tokens
from projections.candles import Candles
from projections.projection import StoreUnavailableError, host
from projections.runner import ProjectionsStoppedError, Runner
from projections.settling import Settled, Settling
from projections.tokens import Tokens
from projections.trades import Trades

C = TypeVar("C")

SIZES = st.integers(1, 9)
DATA = st.data()


def counting(log: Sequence[AnyEvent]) -> list[int]:
    """The sequences of what counts, by the words of the contract and in the plainest way."""
    kept = []
    for sequence, event in enumerate(log, start=1):
        if event.provisional:
            decision = next(
                (
                    later
                    for later in log[sequence:]
                    if isinstance(later, SlotConfirmed | SlotAbandoned)
                    and later.slot == event.pos.slot
                ),
                None,
            )
            if not isinstance(decision, SlotConfirmed):
                continue
        kept.append(sequence)
    return kept


def handed_out(stretches: Sequence[Settled]) -> list[Recorded]:
    return [each for stretch in stretches for each in stretch.events]


def settle(log: Sequence[Recorded], size: int) -> list[Settled]:
    settling = Settling(settled_events_max=size)
    return [stretch for batch in batches(log, size) for stretch in settling.take(batch)]


@given(decided_logs(), SIZES)
def test_what_counts_is_handed_out_once_and_nothing_else_is(
    events: list[AnyEvent], size: int
) -> None:
    out = [each.sequence for each in handed_out(settle(recorded(events), size))]
    assert sorted(out) == counting(events)


@given(decided_logs(), SIZES)
def test_any_batching_hands_out_the_same_in_the_same_order(
    events: list[AnyEvent], size: int
) -> None:
    log = recorded(events)
    assert handed_out(settle(log, size)) == handed_out(settle(log, 500))


@given(decided_logs(), SIZES)
def test_stretches_follow_each_other_and_say_where_what_waits_begins(
    events: list[AnyEvent], size: int
) -> None:
    log = recorded(events)
    after = 0
    for stretch in settle(log, size):
        assert stretch.after == after < stretch.sequence
        after = stretch.sequence
        undecided = set(range(1, after + 1)) - _decided(events[:after])
        assert stretch.reread_after == min(undecided, default=after + 1) - 1
    assert after == len(log)


def _decided(log: Sequence[AnyEvent]) -> set[int]:
    """The sequences of what counts or never will, as far as this log goes."""
    decided = set()
    for sequence, event in enumerate(log, start=1):
        if not event.provisional or any(
            isinstance(later, SlotConfirmed | SlotAbandoned) and later.slot == event.pos.slot
            for later in log[sequence:]
        ):
            decided.add(sequence)
    return decided


@given(decided_logs(), SIZES, SIZES, DATA)
def test_a_restart_behind_any_stretch_hands_out_the_rest(
    events: list[AnyEvent], size: int, reread_size: int, data: st.DataObject
) -> None:
    log = recorded(events)
    stretches = settle(log, size)
    cut = data.draw(st.integers(0, len(stretches)))
    sequence, reread_after = (
        (stretches[cut - 1].sequence, stretches[cut - 1].reread_after) if cut else (0, 0)
    )
    again = Settling(settled_events_max=size)
    for batch in batches(log[reread_after:sequence], reread_size):
        again.restore(batch)
    rest = [stretch for batch in batches(log[sequence:], size) for stretch in again.take(batch)]
    assert handed_out(rest) == handed_out(stretches[cut:])


class Sequences:
    """A core whose changes are the sequences that it was given."""

    version = 1
    name = "sequences"

    def apply(self, batch: Sequence[Recorded]) -> list[int]:
        return [each.sequence for each in batch]


class Mortal(MemoryStore[list[int]]):
    """Dies at one of its saves, before or after it took place; the next run finds what is kept."""

    deadly_save = 0
    too_late = False

    async def save(
        self, changes: list[int], *, seen: int, reached: int, reread_after: int | None = None
    ) -> None:
        self.deadly_save -= 1
        if self.deadly_save == 0 and not self.too_late:
            raise StoreUnavailableError("sequences", "killed")
        await super().save(changes, seen=seen, reached=reached, reread_after=reread_after)
        if self.deadly_save == 0:
            raise StoreUnavailableError("sequences", "killed")


RUNS = st.lists(
    st.tuples(
        st.integers(0, 40),
        SIZES,
        st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=2, max_size=2),
    ),
    max_size=5,
)


@given(decided_logs(), RUNS)
async def test_read_models_that_die_anywhere_hold_in_the_end_what_counts_once(
    events: list[AnyEvent],
    runs: list[tuple[int, int, list[tuple[int, bool]]]],
) -> None:
    """Two of them share a runner, die apart, and so go on from different checkpoints."""
    stores = [Mortal("one"), Mortal("two")]
    length = 0
    for grown, size, deaths in runs:
        length = min(max(length, grown), len(events))
        for store, (deadly_save, too_late) in zip(stores, deaths, strict=True):
            store.deadly_save, store.too_late = deadly_save, too_late
        try:
            await _run(events[:length], stores, size)
        except ProjectionsStoppedError as error:
            assert "killed" in str(error)  # noqa: PT017  # a run may also end undisturbed
    for store in stores:
        store.deadly_save = 0
    await _run(events, stores, 4)
    for store in stores:
        assert sorted(chain.from_iterable(store.saved)) == counting(events)
        assert store.sequence == len(events)


async def _run(events: Sequence[AnyEvent], stores: Sequence[Mortal], size: int) -> None:
    hosted = [host(Sequences(), store) for store in stores]
    await Runner(MemoryLog(events), hosted, batch_max=size).run(follow=False)


def _settled(data: st.DataObject, events: list[AnyEvent], size: int) -> list[Sequence[Recorded]]:
    log = recorded(data.draw(forked(events)))
    return [stretch.events for stretch in settle(log, size)]


def _folded(
    apply: Callable[[Sequence[Recorded]], C],
    merge: Callable[[C, C], C],
    log: Sequence[Sequence[Recorded]],
) -> C:
    total = apply(())
    for batch in log:
        total = merge(total, apply(batch))
    return total


@given(histories(events_max=15), SIZES, DATA)
def test_trades_end_as_if_no_fork_had_died(
    events: list[AnyEvent], size: int, data: st.DataObject
) -> None:
    rows = [row for batch in _settled(data, events, size) for row in Trades().apply(batch)]
    assert sorted(rows, key=attrgetter("pos")) == Trades().apply(recorded(events))


@given(histories(events_max=15), SIZES, DATA)
def test_candles_end_as_if_no_fork_had_died(
    events: list[AnyEvent], size: int, data: st.DataObject
) -> None:
    rows = _folded(Candles().apply, candles.merge, _settled(data, events, size))
    assert rows == Candles().apply(recorded(events))


@given(histories(events_max=15), SIZES, DATA)
def test_cards_end_as_if_no_fork_had_died(
    events: list[AnyEvent], size: int, data: st.DataObject
) -> None:
    rows = _folded(Tokens().apply, tokens.merge, _settled(data, events, size))
    assert rows == Tokens().apply(recorded(events))
