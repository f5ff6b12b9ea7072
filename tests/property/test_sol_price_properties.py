"""SOL's prices are the same whatever came first, and at each position the newest one counts."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import batches, recorded, sol_priced
from domain.events import SolPriced
from projections import sol_prices
from projections.sol_prices import Changes, SolPrices

PRICES = st.lists(
    st.builds(
        sol_priced,
        st.integers(1, 6),
        account=st.sampled_from(("one", "two")),
        price=st.integers(1, 10**11),
        publish_time_s=st.integers(1, 4),
        posted_slot=st.integers(1, 3),
    ),
    max_size=12,
    unique_by=lambda event: event.id,
)
"""Several in a slot now and then, each with an id of its own, as the log has them."""


@given(PRICES, st.randoms(use_true_random=False))
def test_any_batching_and_any_order_of_arrival_leave_the_same_prices(
    events: list[SolPriced], order: Random
) -> None:
    expected = SolPrices().apply(recorded(events))
    order.shuffle(events)
    for size in (1, 2, 5):
        total: Changes = {}
        for batch in batches(recorded(events), size):
            total = sol_prices.merge(total, SolPrices().apply(batch))
        assert total == expected


@given(PRICES)
def test_each_slot_has_its_last_published_price(events: list[SolPriced]) -> None:
    kept = SolPrices().apply(recorded(events))
    assert set(kept) == {event.pos.order_key for event in events}
    for event in events:
        assert kept[event.pos.order_key].publish_time_s >= event.publish_time_s
