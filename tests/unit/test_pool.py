"""The pool's arithmetic and fees against trades that landed on mainnet, and at its edges."""

from typing import NamedTuple

import pytest

from domain.curve import ImpossibleTradeError
from domain.fees import FLAT_POOL_RATES, SOL, FeeRates, pool_rates
from domain.pool import (
    PoolReserves,
    PoolTrade,
    after_buy,
    after_sell,
    boost_quote,
    buy_base,
    buy_for_quote,
    deposit_cost,
    initial_liquidity,
    sell_base,
    withdrawal,
)
from domain.programs import USDC, WRAPPED_SOL


class Landed(NamedTuple):
    """A trade as its event reported it: reserves before it, then amounts, rates and fees."""

    way: str
    base_reserves: int
    quote_reserves: int
    virtual_quote: int
    base: int
    net: int
    user_quote: int
    rates: FeeRates
    fees: tuple[int, int, int]
    supply: int


LANDED = {
    "27HoMFgk": Landed(
        "sell", 55060536814694, 302615166316, 17584505288, 141041791, 820213, 812009,
        FeeRates(20, 5, 75), (1641, 411, 6152), 995593267624508,
    ),
    "2WCbtfv7": Landed(
        "exact", 84139947313401, 194521590185, 17584471804, 6747899014, 17011957, 17199089,
        FeeRates(20, 5, 85), (34024, 8506, 144602), 986386489639646,
    ),
    "2qgqjVi7": Landed(
        "exact", 115154424348890, 137918646809, 17584505530, 7317003080, 9881422, 10000000,
        FeeRates(20, 5, 95), (19763, 4941, 93874), 965183306629218,
    ),
    "3KBJWV5M": Landed(
        "exact", 11956814923383, 1776110974733, 17584025564, 25034542, 3755552, 3766820,
        FeeRates(20, 5, 5), (7512, 1878, 1878), 993176190781269,
    ),
}  # fmt: skip
"""Canonical pools in wrapped SOL, by the beginning of the transaction's signature."""

OTHER_QUOTES = {
    "42HczUe3": Landed(
        "buy", 211910202444338, 1227739450, 299253745, 312576952772, 2255710, 2262478,
        FeeRates(20, 5, 5), (4512, 1128, 1128), 938317131182837,
    ),
    "3dfNgmZp": Landed(
        "sell", 221036371244395, 2781341585, 560474884, 288573283672, 4357208, 4344135,
        FeeRates(20, 5, 5), (8715, 2179, 2179), 965542223100936,
    ),
    "Acuhf8Xx": Landed(
        "sell", 2370112816193, 22586971745667, -62518304, 978034126, 9316710923, 9288760789,
        FeeRates(25, 5, 0), (23291778, 4658356, 0), 8036792001847488,
    ),
}  # fmt: skip

ALL = LANDED | OTHER_QUOTES


@pytest.mark.parametrize("landed", ALL.values(), ids=ALL.keys())
def test_a_landed_trade_follows_from_the_vaults_before_it(landed: Landed) -> None:
    pool = PoolReserves(landed.base_reserves, landed.quote_reserves, landed.virtual_quote)
    if landed.way == "sell":
        trade = sell_base(pool, landed.base, landed.rates)
    elif landed.way == "buy":
        trade = buy_base(pool, landed.base, landed.rates)
    else:
        trade = buy_for_quote(pool, landed.user_quote, landed.rates)
    assert (trade.base_amount, trade.quote_amount) == (landed.base, landed.net)
    assert (trade.lp_fee, trade.protocol_fee, trade.creator_fee) == landed.fees
    assert trade.user_quote_amount == landed.user_quote


@pytest.mark.parametrize("landed", LANDED.values(), ids=LANDED.keys())
def test_a_landed_trade_paid_the_rates_of_its_market_cap(landed: Landed) -> None:
    pool = PoolReserves(landed.base_reserves, landed.quote_reserves, landed.virtual_quote)
    assert pool_rates(WRAPPED_SOL, pool.market_cap(landed.supply)) == landed.rates


@pytest.mark.parametrize(
    ("quote_mint", "market_cap", "rates"),
    [
        (WRAPPED_SOL, 0, FeeRates(2, 93, 30)),
        (WRAPPED_SOL, 420 * SOL - 1, FeeRates(2, 93, 30)),
        (WRAPPED_SOL, 420 * SOL, FeeRates(20, 5, 95)),
        (WRAPPED_SOL, 98_240 * SOL - 1, FeeRates(20, 5, 8)),
        (WRAPPED_SOL, 98_240 * SOL, FeeRates(20, 5, 5)),
        (USDC, 59_000_000_000 - 1, FeeRates(2, 93, 30)),
        (USDC, 59_000_000_000, FeeRates(20, 5, 95)),
        (USDC, 20_000_000_000_000, FeeRates(20, 5, 5)),
    ],
)
def test_a_tier_begins_at_its_threshold(quote_mint: str, market_cap: int, rates: FeeRates) -> None:
    assert pool_rates(quote_mint, market_cap) == rates


def test_pools_that_are_not_canonical_pay_the_flat_rates() -> None:
    assert pool_rates(WRAPPED_SOL, 420 * SOL, canonical=False) == FLAT_POOL_RATES


def test_a_new_pools_liquidity_is_what_it_was_on_chain() -> None:
    """The numbers of the migration 32tjvqFP."""
    assert initial_liquidity(206_900_000_000_000, 84_990_359_056) == 4_193_388_282_604
    assert boost_quote(206_900_000_000_000, 84_990_359_056, 10**15) == 17_584_505_288


def test_a_deposit_rounds_up_and_a_withdrawal_down_as_on_chain() -> None:
    before = PoolReserves(186_120_966_259_356, 447_592_665_102)
    assert deposit_cost(before, 2_315_559, 4_193_388_367_690) == (102_774_664, 247_158)
    after = PoolReserves(before.base + 102_774_664, before.quote + 247_158)
    assert withdrawal(after, 2_315_559, 4_193_390_683_249) == (102_774_663, 247_157)


def owed(trade: PoolTrade) -> int:
    """The fees that wait in the vault: half of the protocol's, rounded up, and the creator's."""
    return -(-trade.protocol_fee // 2) + trade.creator_fee


def test_fees_that_stay_in_the_vault_do_not_move_the_price() -> None:
    pool = PoolReserves(10**14, 10**11, 10**10)
    rates = FeeRates(20, 5, 95)
    bought = buy_for_quote(pool, 10**9, rates)
    kept, paid_out = (after_buy(pool, bought, fees_kept=kept) for kept in (True, False))
    assert kept.priced_quote == paid_out.priced_quote
    assert kept.quote - paid_out.quote == owed(bought)
    sold = sell_base(pool, 10**10, rates)
    kept, paid_out = (after_sell(pool, sold, fees_kept=kept) for kept in (True, False))
    assert kept.priced_quote == paid_out.priced_quote
    assert kept.quote - paid_out.quote == owed(sold)


def test_a_pool_cannot_pay_out_its_virtual_reserves() -> None:
    pool = PoolReserves(base=1_000, quote=1_000, virtual_quote=1_000_000)
    with pytest.raises(ImpossibleTradeError) as caught:
        sell_base(pool, 1_000, FeeRates(0, 0, 0))
    assert caught.value.of == "quote"
    assert caught.value.available == 1_000


@pytest.mark.parametrize("base", [0, 1_000, 1_001])
def test_a_pool_is_never_emptied(base: int) -> None:
    with pytest.raises(ImpossibleTradeError):
        buy_base(PoolReserves(1_000, 1_000), base, FeeRates(0, 0, 0))


def test_too_little_quote_buys_nothing() -> None:
    with pytest.raises(ImpossibleTradeError):
        buy_for_quote(PoolReserves(10, 10**12), 1_000, FeeRates(0, 0, 0))
