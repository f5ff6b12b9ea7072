"""The arithmetic of a PumpSwap pool: constant product over its vaults and virtual quote reserves.

Source: the public SDK of the program, checked against the reserves in landed transactions.
"""

from math import isqrt

import msgspec

from domain.curve import ImpossibleTradeError
from domain.fees import FeeRates, buyback_fee, fee, net_of_fees

MINIMUM_LIQUIDITY = 100
"""LP tokens that a new pool keeps for itself for ever."""


class PoolReserves(msgspec.Struct, frozen=True, gc=False):
    """A pool between two trades: its vaults' balances and the signed virtual part of its quote."""

    base: int
    quote: int
    virtual_quote: int = 0

    @property
    def priced_quote(self) -> int:
        """The quote side that the price is made of."""
        return self.quote + self.virtual_quote

    @property
    def product(self) -> int:
        """What no trade may make smaller."""
        return self.base * self.priced_quote

    def market_cap(self, supply: int) -> int:
        """The whole supply at the pool's price, in the quote mint's smallest unit."""
        return self.priced_quote * supply // self.base


class PoolTrade(msgspec.Struct, frozen=True, gc=False):
    """A trade's amounts and fees, all in the smallest units of their mints.

    `quote_amount` is what moves at the pool's price; `user_quote_amount` is what the user pays
    (a buy) or receives (a sell), fees and all.
    """

    base_amount: int
    quote_amount: int
    lp_fee: int
    protocol_fee: int
    creator_fee: int
    user_quote_amount: int

    @property
    def buyback(self) -> int:
        """The part of the protocol's fee for buybacks; every trade pays it out at once."""
        return buyback_fee(self.protocol_fee)

    @property
    def kept_fees(self) -> int:
        """What a trade that keeps its fees leaves in the vault, owed to protocol and creator."""
        return self.protocol_fee + self.creator_fee - self.buyback


def buy_base(pool: PoolReserves, base_amount: int, rates: FeeRates) -> PoolTrade:
    """Buy an exact amount of base; its price is rounded up."""
    if not 0 < base_amount < pool.base:
        raise ImpossibleTradeError(base_amount, pool.base, "tokens")
    quote_amount = -(-pool.priced_quote * base_amount // (pool.base - base_amount))
    return _buy(base_amount, quote_amount, rates)


def buy_for_quote(pool: PoolReserves, gross_amount: int, rates: FeeRates) -> PoolTrade:
    """Spend an exact amount, its own fees included."""
    net = net_of_fees(
        gross_amount, rates.total_bps, rates.lp_bps, rates.protocol_bps, rates.creator_bps
    )
    priced = net - 1
    base_amount = pool.base * priced // (pool.priced_quote + priced) if priced > 0 else 0
    if base_amount < 1:
        raise ImpossibleTradeError(gross_amount, pool.quote, "quote")
    return _buy(base_amount, net, rates)


def sell_base(pool: PoolReserves, base_amount: int, rates: FeeRates) -> PoolTrade:
    """Sell an exact amount of base; the proceeds are rounded down."""
    quote_amount = pool.priced_quote * base_amount // (pool.base + base_amount)
    lp_fee = fee(quote_amount, rates.lp_bps)
    protocol_fee = fee(quote_amount, rates.protocol_bps)
    creator_fee = fee(quote_amount, rates.creator_bps)
    received = quote_amount - lp_fee - protocol_fee - creator_fee
    if base_amount < 1 or received < 0:
        raise ImpossibleTradeError(base_amount, pool.base, "tokens")
    if quote_amount - lp_fee > pool.quote:
        raise ImpossibleTradeError(quote_amount - lp_fee, pool.quote, "quote")
    return PoolTrade(base_amount, quote_amount, lp_fee, protocol_fee, creator_fee, received)


def after_buy(pool: PoolReserves, trade: PoolTrade, *, fees_kept: bool) -> PoolReserves:
    """The pool after a buy.

    With `fees_kept` the fees of protocol and creator stay in the vault until they are swept, all
    but the part for buybacks. The virtual reserves shrink by what stays, so that the price does
    not see it. Source: the vaults' balances in landed `buy_v2`, `sell_v2` and `multi_hop_swap`.
    """
    paid = trade.quote_amount + trade.lp_fee
    kept = trade.kept_fees if fees_kept else 0
    return PoolReserves(
        pool.base - trade.base_amount, pool.quote + paid + kept, pool.virtual_quote - kept
    )


def after_sell(pool: PoolReserves, trade: PoolTrade, *, fees_kept: bool) -> PoolReserves:
    """The pool after a sell; `fees_kept` as for `after_buy`."""
    paid = trade.quote_amount - trade.lp_fee
    kept = trade.kept_fees if fees_kept else 0
    return PoolReserves(
        pool.base + trade.base_amount, pool.quote - paid + kept, pool.virtual_quote - kept
    )


def initial_liquidity(base_amount: int, quote_amount: int) -> int:
    """LP tokens for a new pool, those it keeps for itself included."""
    return isqrt(base_amount * quote_amount)


def deposit_cost(pool: PoolReserves, lp_amount: int, lp_supply: int) -> tuple[int, int]:
    """Base and quote that new LP tokens cost, each rounded up."""
    return -(-pool.base * lp_amount // lp_supply), -(-pool.quote * lp_amount // lp_supply)


def withdrawal(pool: PoolReserves, lp_amount: int, lp_supply: int) -> tuple[int, int]:
    """Base and quote that LP tokens are worth, each rounded down."""
    return pool.base * lp_amount // lp_supply, pool.quote * lp_amount // lp_supply


def boost_quote(base_amount: int, quote_amount: int, supply: int) -> int:
    """The quote that a migration moves from the new pool into its boost vault.

    It is the share of the quote that the pool's base has of the supply.
    """
    return quote_amount * base_amount // supply


def _buy(base_amount: int, quote_amount: int, rates: FeeRates) -> PoolTrade:
    lp_fee = fee(quote_amount, rates.lp_bps)
    protocol_fee = fee(quote_amount, rates.protocol_bps)
    creator_fee = fee(quote_amount, rates.creator_bps)
    paid = quote_amount + lp_fee + protocol_fee + creator_fee
    return PoolTrade(base_amount, quote_amount, lp_fee, protocol_fee, creator_fee, paid)
