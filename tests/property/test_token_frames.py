"""Cards over whole columns are those of the event-by-event core, to the last bit."""

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres.tokens import TokenStore
from curvetape.testing.events import burned, created, curve_traded, pool_traded, recorded
from curvetape.testing.frames import rows_of
from curvetape.testing.tokens import token_histories
from domain.events import AnyEvent
from domain.position import LAST_TX, Position
from projections import tokens
from projections.token_change import (
    Created,
    CurveReserves,
    Graduated,
    High,
    Placed,
    Pooled,
    Priced,
    Reported,
    Supplied,
    TokenChange,
    Traded,
)
from projections.token_description import Described
from projections.token_frames import (
    BURNS,
    CARDS,
    GROUPS,
    KINDS,
    KNOWN,
    REPORTS,
    SUMS,
    cards,
    columns_of,
    facts,
    framed,
    is_odd,
)
from projections.tokens import Changes, Tokens

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
COLUMN_MAX = (1 << 63) - 1
TYPES: dict[str, Any] = {
    "created": Created,
    "priced": Priced,
    "curve_reserves": CurveReserves,
    "supplied": Supplied,
    "completed": Placed,
    "graduated": Graduated,
    "pooled": Pooled,
    "last_trade": Traded,
    "high": High,
    "described": Described,
}


def is_kept_whole(event: AnyEvent) -> bool:
    """Whether the archive keeps it byte for byte, since a column cannot hold it."""
    values = msgspec.structs.astuple(event)
    return any(isinstance(value, int) and value > COLUMN_MAX for value in values)


def by_columns(events: Sequence[AnyEvent]) -> Changes:
    """Of columns where they are exact, of the core for all other events."""
    said, odd = [], [it for it in events if it.kind not in KINDS]
    for kind in KINDS:
        of_kind = [it for it in events if it.kind == kind]
        rows = rows_of(kind, of_kind, columns_of(kind))
        kept = pl.Series(map(is_kept_whole, of_kind), dtype=pl.Boolean)
        strange = rows.select(is_odd(kind)).to_series() | kept
        odd += [it for it, is_strange in zip(of_kind, strange, strict=True) if is_strange]
        said.append(facts(kind, rows.filter(~strange)))
    found, burns, reports = framed(Tokens().apply(recorded(odd)))
    of_columns = unframed(cards(said), burns.clear(), reports.clear())
    return tokens.merge(of_columns, unframed(found, burns, reports))


def unframed(found: pl.DataFrame, burns: pl.DataFrame, reports: pl.DataFrame) -> Changes:
    """The changes that frames were made of, but for quote mints of first trades."""
    changes: Changes = {}
    for row in found.iter_rows(named=True):
        change = changes[row["mint"]] = TokenChange(**{it: row[it] for it in (*KNOWN, *SUMS)})
        for name, group in GROUPS.items():
            values = [row[it] for it in group.columns]
            if row[group.by] is None:
                assert values == [None] * len(values)
            elif name == "first_trade":
                pos, time_s = values
                only = row["last_trade_pos"] == pos
                quote_mint = row["last_trade_quote_mint"] if only else ""
                change.first_trade = Traded(pos, time_s, quote_mint)
            else:
                setattr(change, name, TYPES[name](*values))
    for mint, pos, amount in burns.iter_rows():
        changes[mint].burned = changes[mint].burned | {pos: amount}
    for mint, pos, *said in reports.iter_rows():
        changes[mint].reported = changes[mint].reported | {pos: Reported(*said)}
    return changes


def shown(changes: Changes) -> Changes:
    """Without what no card shows: the quote mint of a token's first trade."""
    for change in changes.values():
        if (trade := change.first_trade) is not None:
            change.first_trade = Traded(trade.pos, trade.time_s, "")
    return changes


@QUICK
@given(token_histories(), st.randoms(use_true_random=False), st.sampled_from((500, 10, 3, 1)))
def test_columns_give_the_cores_cards_in_any_order_and_batches(
    events: list[AnyEvent], order: Random, size: int
) -> None:
    expected = shown(Tokens().apply(recorded(events)))
    order.shuffle(events)
    total: Changes = {}
    for at in range(0, len(events), size):
        total = tokens.merge(total, by_columns(events[at : at + size]))
    assert shown(total) == expected


@pytest.mark.parametrize("order", [1, -1])
def test_of_equal_highs_the_first_counts_with_the_supply_that_it_reported(order: int) -> None:
    events = [
        pool_traded(
            slot,
            "m",
            side="sell",
            base_amount=0,
            pool_quote_delta=0,
            pool_quote_reserves=times * 3,
            pool_base_reserves=times * 7,
            base_supply=supply,
        )
        for slot, times, supply in ((3, 1, None), (4, 10, 90), (5, 100, 80))
    ]
    high = by_columns(events[::order])["m"].high
    assert high is not None
    assert (high.pos, high.price, high.supply) == (events[0].pos.order_key, 3 / 7, None)


def test_a_trade_that_makes_no_price_still_tells_the_reserves_and_is_no_high() -> None:
    events = [curve_traded(3, "m"), curve_traded(4, "m", virtual_quote_reserves=0)]
    card = by_columns(events)["m"]
    assert card.priced is not None
    assert (card.priced.price, card.priced.virtual_quote_reserves) == (None, 0)
    assert card.high is not None
    assert card.high.pos == events[0].pos.order_key


def test_a_pool_beside_the_canonical_one_tells_the_supply_and_nothing_else() -> None:
    event = pool_traded(3, "m", canonical=False, base_supply=7)
    expected = TokenChange(supplied=Supplied(event.pos.order_key, 7))
    assert by_columns([event]) == {"m": expected}
    event = pool_traded(3, "m", canonical=False, base_supply=None)
    assert by_columns([event]) == {"m": TokenChange()}


def test_volumes_add_up_beyond_what_a_column_of_the_archive_holds() -> None:
    events = [curve_traded(slot, "m", quote_amount=COLUMN_MAX) for slot in (1, 2, 3)]
    assert by_columns(events)["m"].volume_quote == 3 * COLUMN_MAX


def test_burns_and_reports_are_kept_one_by_one() -> None:
    events: list[AnyEvent] = [created(1, "m"), burned(3, "m", base_amount=5), burned(4, "m")]
    _, burns, reports = framed(Tokens().apply(recorded(events)))
    assert [row["pos"] for row in burns.to_dicts()] == [it.pos.order_key for it in events[1:]]
    assert [row["pos"] for row in reports.to_dicts()] == [it.pos.order_key for it in events]


def test_a_place_that_is_none_is_left_to_the_core_which_refuses_it() -> None:
    event = curve_traded(3, "m")
    event = msgspec.structs.replace(event, pos=Position(3, LAST_TX + 1, 0, 0))
    rows = rows_of("curve.traded", [event], columns_of("curve.traded"))
    assert rows.select(is_odd("curve.traded")).to_series().to_list() == [True]


def test_frames_have_the_columns_of_the_tables() -> None:
    tables = {"tokens": CARDS, "token_burns": BURNS, "token_reports": REPORTS}
    for table in TokenStore.tables:
        assert set(tables[table.table]) == set(table.columns)
    for name, group in GROUPS.items():
        assert group.by in group.columns, name
