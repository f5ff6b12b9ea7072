"""What holds for every trade, on curves and in pools."""

from hypothesis import given
from hypothesis import strategies as st

from domain.curve import (
    INITIAL_REAL_TOKENS,
    CurveReserves,
    buy_for_quote,
    buy_tokens,
    new_curve,
    sell_tokens,
)
from domain.fees import FeeRates, fee, net_of_fees
from domain.pool import (
    PoolReserves,
    after_buy,
    after_sell,
    buy_base,
    sell_base,
)
from domain.pool import buy_for_quote as pool_buy_for_quote

rates = st.builds(FeeRates, st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
pools = st.builds(
    PoolReserves,
    st.integers(10**10, 10**13),
    st.integers(10**11, 10**13),
    st.integers(0, 10**11),
)


@st.composite
def curves(draw: st.DrawFn) -> CurveReserves:
    """A curve that has sold some of its tokens."""
    sold = draw(st.integers(10**6, INITIAL_REAL_TOKENS - 10**6))
    return buy_tokens(new_curve(), sold).after


@given(curves(), st.integers(2, 10**12))
def test_no_buy_makes_a_curves_product_smaller(curve: CurveReserves, quote: int) -> None:
    trade = buy_for_quote(curve, quote + 1_000)
    assert trade.after.product >= curve.product
    assert trade.quote_amount <= quote + 1_000


@given(curves(), st.integers(1, INITIAL_REAL_TOKENS))
def test_no_sale_makes_a_curves_product_smaller(curve: CurveReserves, tokens: int) -> None:
    """A curve can pay for every token that it has ever sold."""
    sold = INITIAL_REAL_TOKENS - curve.real_token
    assert sell_tokens(curve, min(tokens, sold)).after.product >= curve.product


@given(curves(), st.integers(1_000, 10**11))
def test_buying_and_selling_at_once_never_gains_on_a_curve(
    curve: CurveReserves, quote: int
) -> None:
    bought = buy_for_quote(curve, quote)
    sold = sell_tokens(bought.after, bought.token_amount)
    assert sold.quote_amount <= bought.quote_amount


@given(curves())
def test_a_sold_out_curve_has_exactly_no_tokens_left(curve: CurveReserves) -> None:
    trade = buy_for_quote(curve, 10**13)
    assert trade.after.complete
    assert trade.after.real_token == 0
    assert trade.token_amount == curve.real_token


@given(curves(), st.lists(st.integers(-(10**11), 10**11), max_size=20))
def test_real_and_virtual_reserves_keep_their_distance(
    curve: CurveReserves, trades: list[int]
) -> None:
    quote_apart = curve.virtual_quote - curve.real_quote
    token_apart = curve.virtual_token - curve.real_token
    for amount in trades:
        if amount >= 1_000 and not curve.complete:
            curve = buy_for_quote(curve, amount).after
        elif amount < 0 and sell_quote(curve, -amount) <= curve.real_quote:
            curve = sell_tokens(curve, -amount).after
    assert curve.virtual_quote - curve.real_quote == quote_apart
    assert curve.virtual_token - curve.real_token == token_apart


def sell_quote(curve: CurveReserves, tokens: int) -> int:
    """What the curve would pay, whether or not it could."""
    return tokens * curve.virtual_quote // (curve.virtual_token + tokens)


@given(st.integers(0, 10**15), st.integers(0, 10_000))
def test_a_fee_is_the_smallest_that_is_not_too_small(amount: int, bps: int) -> None:
    charged = fee(amount, bps)
    assert charged * 10_000 >= amount * bps
    assert (charged - 1) * 10_000 < amount * bps


@given(st.integers(0, 10**13), rates)
def test_an_amount_and_its_fees_never_cost_more_than_was_brought(gross: int, of: FeeRates) -> None:
    net = net_of_fees(gross, of.total_bps, of.lp_bps, of.protocol_bps, of.creator_bps)
    fees = sum(fee(net, bps) for bps in (of.lp_bps, of.protocol_bps, of.creator_bps))
    assert 0 <= net <= gross
    assert net + fees <= max(gross, fees)


@given(pools, rates, st.integers(10**7, 10**9), st.booleans())
def test_no_trade_makes_a_pools_product_smaller(
    pool: PoolReserves, of: FeeRates, base: int, kept: bool
) -> None:
    bought = after_buy(pool, buy_base(pool, base, of), fees_kept=kept)
    assert bought.product >= pool.product
    sold = after_sell(bought, sell_base(bought, base, of), fees_kept=kept)
    assert sold.product >= bought.product


@given(pools, rates, st.integers(10**7, 10**9), st.booleans())
def test_buying_and_selling_at_once_never_gains_in_a_pool(
    pool: PoolReserves, of: FeeRates, base: int, kept: bool
) -> None:
    bought = buy_base(pool, base, of)
    sold = sell_base(after_buy(pool, bought, fees_kept=kept), base, of)
    assert sold.user_quote_amount <= bought.user_quote_amount


@given(pools, rates, st.integers(10**7, 10**10))
def test_spending_an_exact_amount_never_spends_more(
    pool: PoolReserves, of: FeeRates, gross: int
) -> None:
    if pool.base * (gross // 2) // (pool.priced_quote + gross) < 1:
        gross = 10**12
    trade = pool_buy_for_quote(pool, gross, of)
    assert trade.user_quote_amount <= gross
