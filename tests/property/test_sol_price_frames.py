"""SOL's prices over whole columns are those of the event-by-event core."""

from collections.abc import Sequence
from random import Random
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from curvetape.testing.events import recorded, sol_priced
from curvetape.testing.frames import rows_of
from domain.events import SolPriced
from projections.sol_price_frames import KIND, columns_of, counting, framed, is_odd, prices
from projections.sol_prices import SolPrices

PRICES = st.lists(
    st.builds(
        sol_priced,
        st.integers(1, 6),
        account=st.sampled_from(("one", "two", "\U0001f600", "\uffee")),
        price=st.integers(1, 10**11),
        confidence=st.sampled_from((0, 7_000_000, 2**63 - 1, 2**63, 2**64 - 1)),
        publish_time_s=st.integers(1, 4),
        posted_slot=st.integers(1, 3),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda event: event.id,
)
"""Several in a slot now and then; a confidence may be larger than a column holds."""


def by_columns(events: Sequence[SolPriced]) -> pl.DataFrame:
    """Of columns where they are exact, of the core for all other events."""
    rows = rows_of(KIND, events, columns_of())
    strange = rows.select(is_odd()).to_series()
    odd = [it for it, is_strange in zip(events, strange, strict=True) if is_strange]
    return pl.concat([prices(rows.filter(~strange)), framed(SolPrices().apply(recorded(odd)))])


@given(PRICES, st.randoms(use_true_random=False), st.integers(1, 7))
def test_columns_give_the_cores_rows_in_any_order_and_batches(
    events: list[SolPriced], order: Random, size: int
) -> None:
    expected: list[tuple[Any, ...]] = sorted(
        map(astuple, SolPrices().apply(recorded(events)).values())
    )
    order.shuffle(events)
    parts = [by_columns(events[at : at + size]) for at in range(0, len(events), size)]
    assert list(counting(pl.concat(parts)).iter_rows()) == expected
