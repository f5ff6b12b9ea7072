"""The bonding curve's arithmetic: a constant product over virtual reserves, in integers only.

Source: the public SDK of the program, checked against the reserves in landed transactions.
"""

from typing import Literal

import msgspec

TOKEN_SUPPLY = 1_000_000_000_000_000
"""Every coin starts with this many of its smallest units (six decimals)."""
POOL_TOKENS = 206_900_000_000_000
"""What a curve never sells: its pool's share after graduation."""
INITIAL_REAL_TOKENS = TOKEN_SUPPLY - POOL_TOKENS
INITIAL_VIRTUAL_TOKENS = 1_073_000_000_000_000
INITIAL_VIRTUAL_LAMPORTS = 30_000_000_000
MIGRATION_FEE_LAMPORTS = 15_000_001
"""What a migration keeps of a SOL curve's quote."""


class ImpossibleTradeError(ValueError):
    """A market cannot make this trade: there is not enough on one of its sides."""

    def __init__(self, wanted: int, available: int, of: Literal["tokens", "quote"]) -> None:
        super().__init__(f"the market can trade {available} units of {of}, {wanted} were asked for")
        self.wanted = wanted
        self.available = available
        self.of = of


class CurveReserves(msgspec.Struct, frozen=True, gc=False):
    """A curve between two trades; quote in the quote mint's smallest unit, tokens in theirs."""

    virtual_quote: int
    virtual_token: int
    real_quote: int
    real_token: int

    @property
    def complete(self) -> bool:
        """Whether the curve has sold its last token."""
        return self.real_token == 0

    @property
    def product(self) -> int:
        """What no trade may make smaller."""
        return self.virtual_quote * self.virtual_token

    def market_cap(self, supply: int) -> int:
        """The whole supply at the curve's price, in the quote mint's smallest unit."""
        return self.virtual_quote * supply // self.virtual_token


class CurveTrade(msgspec.Struct, frozen=True, gc=False):
    """A trade's two amounts, without fees, and the reserves after it."""

    quote_amount: int
    token_amount: int
    after: CurveReserves


def new_curve(virtual_quote: int = INITIAL_VIRTUAL_LAMPORTS) -> CurveReserves:
    """A curve that has not sold anything yet."""
    return CurveReserves(virtual_quote, INITIAL_VIRTUAL_TOKENS, 0, INITIAL_REAL_TOKENS)


def buy_tokens(curve: CurveReserves, token_amount: int) -> CurveTrade:
    """Buy an exact number of tokens; the program rounds the price up by one unit."""
    if not 0 < token_amount <= curve.real_token:
        raise ImpossibleTradeError(token_amount, curve.real_token, "tokens")
    left = curve.virtual_token - token_amount
    return _bought(curve, token_amount * curve.virtual_quote // left + 1, token_amount)


def buy_for_quote(curve: CurveReserves, quote_amount: int) -> CurveTrade:
    """Spend an exact amount without its fees; what it would buy beyond the last token is not taken.

    So `quote_amount` of the result is smaller than that asked for when the curve sells out.
    """
    priced = quote_amount - 1
    if priced < 1:
        raise ImpossibleTradeError(quote_amount, curve.real_quote, "quote")
    token_amount = priced * curve.virtual_token // (curve.virtual_quote + priced)
    if token_amount >= curve.real_token:
        return buy_tokens(curve, curve.real_token)
    if token_amount < 1:
        raise ImpossibleTradeError(quote_amount, curve.real_quote, "quote")
    return _bought(curve, quote_amount, token_amount)


def sell_tokens(curve: CurveReserves, token_amount: int) -> CurveTrade:
    """Sell an exact number of tokens; the proceeds are rounded down."""
    sold = curve.virtual_token + token_amount
    quote_amount = token_amount * curve.virtual_quote // sold
    if token_amount < 1:
        raise ImpossibleTradeError(token_amount, curve.real_token, "tokens")
    if quote_amount > curve.real_quote:
        raise ImpossibleTradeError(quote_amount, curve.real_quote, "quote")
    after = CurveReserves(
        curve.virtual_quote - quote_amount,
        sold,
        curve.real_quote - quote_amount,
        curve.real_token + token_amount,
    )
    return CurveTrade(quote_amount, token_amount, after)


def _bought(curve: CurveReserves, quote_amount: int, token_amount: int) -> CurveTrade:
    after = CurveReserves(
        curve.virtual_quote + quote_amount,
        curve.virtual_token - token_amount,
        curve.real_quote + quote_amount,
        curve.real_token - token_amount,
    )
    return CurveTrade(quote_amount, token_amount, after)
