"""Documents come out the same however events are batched and whenever they arrive."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import batches, histories, recorded
from curvetape.testing.metadata import described
from curvetape.testing.search import MemorySearch
from domain.events import AnyEvent
from projections import search
from projections.price import fill
from projections.search import REFRESH_S, Changes, Search, cutoff

ORDERS = st.randoms(use_true_random=False)


@st.composite
def told(draw: st.DrawFn) -> list[AnyEvent]:
    """A history in which some tokens are described, some of them more than once."""
    attempts = st.tuples(st.integers(1, 3), st.integers(1, 4))
    said = {
        "description": st.sampled_from((None, "a frog", "another")),
        "website": st.sampled_from((None, "frog.example")),
    }
    found = [
        described(1, f"mint{mint}", attempt=attempt, **draw(st.fixed_dictionaries(said)))
        for mint, attempt in draw(st.lists(attempts, unique=True, max_size=6))
    ]
    return [*draw(histories()), *found]


@given(told(), ORDERS)
def test_any_batching_and_any_order_of_arrival_merge_to_the_same_changes(
    events: list[AnyEvent], order: Random
) -> None:
    expected = Search().apply(recorded(events))
    shuffled = list(events)
    order.shuffle(shuffled)
    for size in (1, 2, 7, 500):
        total = Changes({}, {})
        for batch in batches(recorded(shuffled), size):
            total = search.merge(total, Search().apply(batch))
        assert total == expected


@given(histories())
def test_documents_count_the_trades_before_the_last_full_interval_and_no_others(
    events: list[AnyEvent],
) -> None:
    documents = MemorySearch(recorded(events)).documents()
    until_s = cutoff(max(getattr(event, "block_time_s", 0) for event in events))
    counted = [
        it
        for it in map(fill, events)
        if it is not None and it.canonical and it.event.block_time_s < until_s
    ]
    assert sum(each.trades for each in documents.values()) == len(counted)
    assert sum(each.volume_quote for each in documents.values()) == sum(
        it.quote_amount for it in counted
    )


@given(histories(), st.integers(0, 10_000))
def test_figures_wait_for_less_than_two_intervals(events: list[AnyEvent], later_s: int) -> None:
    """What happens elsewhere moves the clock, too."""
    newest = max(getattr(event, "block_time_s", 0) for event in events)
    figures, waiting = Search().apply(recorded(events)).due(cutoff(newest + later_s))
    assert all(start_s + 2 * REFRESH_S > newest + later_s for _, start_s in waiting)
    assert not waiting or later_s < 2 * REFRESH_S
    assert {mint for mint, _ in waiting} | figures.keys() == {
        mint for mint, _ in Search().apply(recorded(events)).figures
    }


@given(st.text(max_size=30))
def test_a_folded_text_stays_as_it_is_and_has_nothing_that_patterns_or_bars_mean(
    text: str,
) -> None:
    folded = search.folded(text)
    assert search.folded(folded) == folded
    assert not set(folded) & set("%_\\|\0")
    assert "  " not in f"x{folded}x"
