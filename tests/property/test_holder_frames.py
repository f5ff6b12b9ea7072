"""Holdings over whole columns are those of the event-by-event core."""

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curvetape.testing.events import curve_traded, pool_traded, recorded
from curvetape.testing.frames import rows_of
from curvetape.testing.holders import holder_histories, turned
from domain.events import AnyEvent
from domain.position import LAST_TX, Position
from projections import holders
from projections.holder_frames import KINDS, columns_of, framed, holdings, is_odd, moves
from projections.holders import Changes, Holders
from projections.holding import Holding, Launch, Liquidity

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
COLUMN_MAX = (1 << 63) - 1


def by_columns(events: Sequence[AnyEvent]) -> Changes:
    """Of columns where they are exact, of the core for all other events."""
    moved, odd = [], [it for it in events if it.kind not in KINDS]
    for kind in KINDS:
        of_kind: list[Any] = [it for it in events if it.kind == kind]
        rows = rows_of(kind, of_kind, columns_of(kind))
        # Of an event with such a report the archive keeps the bytes, so it is read as an event.
        kept = [(it.user_token_balance or 0) > COLUMN_MAX for it in of_kind]
        strange = rows.select(is_odd(kind)).to_series() | pl.Series(kept, dtype=pl.Boolean)
        odd += [it for it, is_strange in zip(of_kind, strange, strict=True) if is_strange]
        moved.append(moves(kind, rows.filter(~strange)))
    held, launched, liquidity = framed(Holders().apply(recorded(odd)))
    of_columns = unframed(holdings(moved), launched.clear(), liquidity.clear())
    return holders.merge(of_columns, unframed(held, launched, liquidity))


def unframed(held: pl.DataFrame, launched: pl.DataFrame, liquidity: pl.DataFrame) -> Changes:
    return Changes(
        {(mint, wallet): Holding(*rest) for mint, wallet, *rest in held.iter_rows()},
        {mint: Launch(*rest) for mint, *rest in launched.iter_rows()},
        {(mint, pos): Liquidity(*rest) for mint, pos, *rest in liquidity.iter_rows()},
    )


@QUICK
@given(holder_histories(), st.randoms(use_true_random=False), st.sampled_from((1, 3, 10, 500)))
def test_columns_give_the_cores_holdings_in_any_order_and_batches(
    events: list[AnyEvent], order: Random, size: int
) -> None:
    expected = Holders().apply(recorded(events))
    order.shuffle(events)
    total = Changes()
    for at in range(0, len(events), size):
        total = holders.merge(total, by_columns(events[at : at + size]))
    assert total == expected


def test_sums_of_amounts_may_pass_what_a_column_of_the_archive_holds() -> None:
    events = [
        curve_traded(slot, "m", user="ann", side=side, token_amount=COLUMN_MAX)
        for slot, side in enumerate(("buy", "buy", "buy", "sell", "sell"), start=1)
    ]
    (holding,) = by_columns(events).holdings.values()
    assert (holding.bought, holding.sold) == (3 * COLUMN_MAX, 2 * COLUMN_MAX)


def test_the_last_move_tells_the_balance_and_that_it_is_not_known() -> None:
    events: list[AnyEvent] = [
        curve_traded(1, "known", user="ann", user_token_balance=None),
        pool_traded(2, "known", user="ann", side="sell", user_token_balance=0),
        curve_traded(1, "unknown", user="ann", user_token_balance=7),
        pool_traded(2, "unknown", user="ann", user_token_balance=None),
    ]
    held = by_columns(events[::-1]).holdings
    assert held["known", "ann"].reported == 0
    assert held["unknown", "ann"].reported is None


def test_what_a_pool_calls_its_quote_is_bought_by_a_sale_of_its_base() -> None:
    event = pool_traded(
        3, "m", side="sell", user="ann", base_amount=5, user_quote_amount=11, **turned("m")
    )
    (holding,) = by_columns([event]).holdings.values()
    assert (holding.bought, holding.sold, holding.first_buy_pos) == (11, 0, event.pos.order_key)


def test_a_place_that_is_none_is_left_to_the_core_which_refuses_it() -> None:
    event = curve_traded(3, "m")
    event = msgspec.structs.replace(event, pos=Position(3, LAST_TX + 1, 0, 0))
    rows = rows_of("curve.traded", [event], columns_of("curve.traded"))
    assert rows.select(is_odd("curve.traded")).to_series().to_list() == [True]
