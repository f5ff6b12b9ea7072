"""The curve's arithmetic against trades that landed on mainnet, and at its edges."""

from typing import NamedTuple

import pytest

from domain.curve import (
    INITIAL_REAL_TOKENS,
    CurveReserves,
    ImpossibleTradeError,
    buy_for_quote,
    buy_tokens,
    new_curve,
    sell_tokens,
)
from domain.fees import buyback_fee, fee, net_of_fees


class Landed(NamedTuple):
    """A trade as its event reported it: reserves after it, fees with their rates."""

    ix_name: str
    quote: int
    tokens: int
    virtual_quote: int
    virtual_token: int
    real_quote: int
    real_token: int
    fee_bps: int
    fee: int
    creator_bps: int
    creator_fee: int
    buyback: int


LANDED = {
    "2KBsKB7x": Landed(
        "sell", 3392434780, 70135987937292, 37799196760, 851605398289257,
        7799196760, 571705398289257, 95, 32228131, 30, 10177305, 16114065,
    ),
    "2RoRJxat": Landed(
        "buy_exact_sol_in", 2962962962, 96449438144093, 32962962962, 976550561855907,
        2962962962, 696650561855907, 95, 28148149, 0, 0, 14074074,
    ),
    "26EFfjMX": Landed(
        "buy_exact_quote_in", 61755290, 18752357626961, 2344035509, 693027845301297,
        830072911, 413127845301297, 95, 586676, 10, 61756, 293338,
    ),
    "3nMXPjA7": Landed(
        "buy_exact_quote_in", 242322, 10334853514928, 20208467, 851544784945668,
        4170806, 571644784945668, 95, 2303, 100, 2424, 1151,
    ),
    "4A2UJ139": Landed(
        "buy_exact_quote_in", 49994216, 103814811957650, 516725810, 969185188042350,
        49994216, 689285188042350, 95, 474946, 30, 149983, 237473,
    ),
    "4RUXQBSX": Landed(
        "buy_exact_quote_in", 97777777, 665934640579, 68797649833, 467893896517915,
        38797649833, 187993896517915, 95, 928889, 30, 293334, 464444,
    ),
    "2uR6R3N1": Landed(
        "buy", 1372000001, 46925793701390, 31372000001, 1026074206298610,
        1372000001, 746174206298610, 95, 13034001, 30, 4116001, 6517000,
    ),
    "fDy5VD3y": Landed(
        "buy", 1500000000, 42411067193675, 34500000000, 933043478260871,
        4500000000, 653143478260871, 95, 14250000, 30, 4500000, 7125000,
    ),
    "62w8Lcki": Landed(
        "buy", 85005359057, 793100000000000, 115005359057, 279900000000000,
        85005359057, 0, 95, 807550912, 30, 255016078, 403775456,
    ),
}  # fmt: skip
"""By the beginning of the transaction's signature."""

EVERY_LANDED = pytest.mark.parametrize("landed", LANDED.values(), ids=LANDED.keys())


@EVERY_LANDED
def test_a_landed_trade_follows_from_the_reserves_before_it(landed: Landed) -> None:
    sign = -1 if landed.ix_name == "sell" else 1
    before = CurveReserves(
        landed.virtual_quote - sign * landed.quote,
        landed.virtual_token + sign * landed.tokens,
        landed.real_quote - sign * landed.quote,
        landed.real_token + sign * landed.tokens,
    )
    if landed.ix_name == "sell":
        trade = sell_tokens(before, landed.tokens)
    elif landed.ix_name == "buy":
        trade = buy_tokens(before, landed.tokens)
    else:
        trade = buy_for_quote(before, landed.quote)
    assert (trade.quote_amount, trade.token_amount) == (landed.quote, landed.tokens)
    assert trade.after == CurveReserves(
        landed.virtual_quote, landed.virtual_token, landed.real_quote, landed.real_token
    )


@EVERY_LANDED
def test_a_landed_trades_fees_are_rounded_up_and_its_buyback_down(landed: Landed) -> None:
    assert fee(landed.quote, landed.fee_bps) == landed.fee
    assert fee(landed.quote, landed.creator_bps) == landed.creator_fee
    assert buyback_fee(landed.fee) == landed.buyback


def test_an_exact_amount_pays_for_its_own_fees() -> None:
    """The buyer of 4RUXQBSX brought 0.099 SOL in all."""
    net = net_of_fees(99_000_000, 125, 95, 30)
    assert net == LANDED["4RUXQBSX"].quote


def test_the_whole_curve_costs_what_it_cost_on_chain() -> None:
    trade = buy_tokens(new_curve(), INITIAL_REAL_TOKENS)
    assert trade.quote_amount == LANDED["62w8Lcki"].quote
    assert trade.after.complete
    assert trade.after.real_token == 0


def test_a_buyer_with_too_much_money_gets_the_last_token_and_no_more() -> None:
    trade = buy_for_quote(new_curve(), 200_000_000_000)
    assert trade.token_amount == INITIAL_REAL_TOKENS
    assert trade.quote_amount == LANDED["62w8Lcki"].quote


@pytest.mark.parametrize("tokens", [0, -1, INITIAL_REAL_TOKENS + 1])
def test_nobody_can_buy_what_the_curve_does_not_have(tokens: int) -> None:
    with pytest.raises(ImpossibleTradeError) as caught:
        buy_tokens(new_curve(), tokens)
    assert caught.value.wanted == tokens
    assert caught.value.available == INITIAL_REAL_TOKENS
    assert str(INITIAL_REAL_TOKENS) in str(caught.value)


@pytest.mark.parametrize("quote", [0, 1])
def test_nothing_can_be_bought_for_nothing(quote: int) -> None:
    with pytest.raises(ImpossibleTradeError):
        buy_for_quote(new_curve(), quote)


def test_a_curve_never_pays_out_more_than_was_paid_in() -> None:
    with pytest.raises(ImpossibleTradeError) as caught:
        sell_tokens(new_curve(), 1_000_000_000_000)
    assert caught.value.of == "quote"


def test_the_market_cap_is_the_whole_supply_at_the_current_price() -> None:
    assert new_curve().market_cap(10**15) == 27_958_993_476
