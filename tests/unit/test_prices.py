"""What trades say about price, whatever the venue and whichever way the pool is written."""

import pytest

from curvetape.testing.events import completion_traded, created, curve_traded, pool_traded, recorded
from domain.programs import WRAPPED_SOL
from projections.price import fill, spot
from projections.trades import Trades


@pytest.mark.parametrize(
    ("quote", "token"),
    [(0, 1), (1, 0), (0, 0), (-1, 5), (5, -1), (10**400, 1), (1, 10**400)],
)
def test_reserves_that_make_no_positive_finite_number_make_no_price(quote: int, token: int) -> None:
    assert spot(quote, token) is None


def test_a_price_is_the_float_nearest_to_the_exact_quotient() -> None:
    """Dividing floats would round twice: both reserves are beyond 2^53."""
    assert spot(2**60 + 1, 2**54 + 1) == (2**60 + 1) / (2**54 + 1)
    assert spot(30_000_000_000, 1_073_000_000_000_000) == 2.7958993476234855e-05


def test_a_curve_is_priced_by_its_virtual_reserves_after_the_trade() -> None:
    trade = fill(curve_traded(1, "m", virtual_quote_reserves=31, virtual_token_reserves=1_000))
    assert trade is not None
    assert (trade.price, trade.quote_reserves, trade.token_reserves) == (0.031, 31, 1_000)


@pytest.mark.parametrize(
    ("side", "delta", "price"), [("buy", 10, 1_030 / 900), ("sell", -10, 1_010 / 1_100)]
)
def test_a_pool_is_priced_as_it_stands_after_the_trade(side: str, delta: int, price: float) -> None:
    trade = fill(
        pool_traded(
            1,
            "m",
            side=side,
            base_amount=100,
            pool_base_reserves=1_000,
            pool_quote_reserves=2_000,
            virtual_quote_reserves=-980,
            pool_quote_delta=delta,
        )
    )
    assert trade is not None
    assert trade.price == price


def test_the_buy_behind_a_full_curve_is_priced_by_the_pool_to_come() -> None:
    trade = fill(
        completion_traded(1, "m", pool_base_reserves_after=50, pool_quote_reserves_after=20)
    )
    assert trade is not None
    assert (trade.price, trade.venue, trade.canonical) == (0.4, "completion", True)


def test_a_launch_is_no_trade() -> None:
    assert fill(created(1, "m")) is None


def test_a_pool_whose_base_is_wrapped_sol_is_turned_around() -> None:
    """Who buys its base, wrapped SOL, sells the token."""
    event = pool_traded(
        1,
        "m",
        side="buy",
        base_mint=WRAPPED_SOL,
        quote_mint="m",
        base_decimals=9,
        quote_decimals=6,
        canonical=False,
        base_amount=10,
        quote_amount=5_000,
        pool_base_reserves=110,
        pool_quote_reserves=45_000,
        pool_quote_delta=5_000,
    )
    (row,) = Trades().apply(recorded([event]))
    assert (row.side, row.quote_mint) == ("sell", WRAPPED_SOL)
    assert (row.quote_amount, row.token_amount) == (10, 5_000)
    assert (row.quote_decimals, row.token_decimals) == (9, 6)
    assert (row.price, row.quote_reserves, row.token_reserves) == (0.002, 100, 50_000)


def test_a_trade_without_a_price_is_kept_as_a_trade() -> None:
    (row,) = Trades().apply(recorded([curve_traded(1, "m", virtual_token_reserves=0)]))
    assert (row.price, row.token_amount) == (None, 34_000_000_000_000)
