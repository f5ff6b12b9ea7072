"""What the query side may ask of the portfolios, and the rows that it gets.

Amounts are integers in the smallest unit of what they count; those in quote units hold the fees
that are known. `None` means unknown, never zero.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from domain.events import Side
from domain.programs import NATIVE_SOL, WRAPPED_SOL
from projections.venue import Venue

PositionState: TypeAlias = Literal["open", "closed"]
"""Whether there is a balance."""
TraderSort: TypeAlias = Literal["realised", "volume"]


def plain_quote(mint: str) -> str:
    """The quote mint that positions are kept under: native SOL for both kinds of it."""
    return NATIVE_SOL if mint == WRAPPED_SOL else mint


class PositionRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a wallet has of a token by its trades for one quote mint, and the token's card.

    What comes from the card is None where the tokens read model has none, or not yet.
    """

    wallet: str
    mint: str
    quote_mint: str
    balance: int
    cost_amount: int
    realised_amount: int
    bought_amount: int
    spent_amount: int
    sold_amount: int
    received_amount: int
    unbought_amount: int
    unbought_quote_amount: int
    fee_amount: int
    trades_without_fee: int
    buys: int
    sells: int
    first_time_s: int
    last_time_s: int
    last_pos: int
    name: str | None
    symbol: str | None
    token_decimals: int | None
    priced_in: str | None
    """The mint that the card's price is in."""
    quote_decimals: int | None
    """Of that mint."""
    price: float | None
    virtual_quote_reserves: int | None
    virtual_token_reserves: int | None

    @property
    def value_amount(self) -> int | None:
        """The balance at the token's latest price, rounded down.

        None where there is no price in the position's own quote mint. What a sale would cost, and
        how it would move the price, is not in it.
        """
        if self.balance == 0:
            return 0
        quote, token = self.virtual_quote_reserves, self.virtual_token_reserves
        if self.price is None or self.priced_in is None or quote is None or not token:
            return None
        if plain_quote(self.priced_in) != self.quote_mint:
            return None
        return self.balance * quote // token

    @property
    def unrealised_amount(self) -> int | None:
        """The balance's value less its cost."""
        value = self.value_amount
        return None if value is None else value - self.cost_amount

    @property
    def volume_amount(self) -> int:
        """Bought and sold together."""
        return self.spent_amount + self.received_amount


class TotalRow(msgspec.Struct, frozen=True, kw_only=True):
    """All positions of a wallet in one quote mint."""

    quote_mint: str
    quote_decimals: int | None
    positions: int
    open_positions: int
    unpriced_positions: int
    """Open ones without a price in this quote mint; their value is in no amount."""
    cost_amount: int
    realised_amount: int
    spent_amount: int
    received_amount: int
    unbought_quote_amount: int
    fee_amount: int
    trades_without_fee: int
    buys: int
    sells: int
    value_amount: int
    """Of the open positions that have a price."""
    unrealised_amount: int
    """Of these, less their cost."""
    first_time_s: int
    last_time_s: int


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet's positions as one moment of the database had them."""

    sequence: int
    """The trades are all that are decided up to this sequence of the log."""
    priced_sequence: int
    """The prices hold all that is decided up to this one."""
    totals: Sequence[TotalRow]
    positions: Sequence[PositionRow]


class WalletTradeRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One trade of a wallet.

    `id` and what follows it are from the trades read model, None where that has not come so far.
    """

    pos: int
    time_s: int
    mint: str
    quote_mint: str
    side: Side
    token_amount: int
    quote_amount: int
    """What the wallet paid or was paid."""
    fee_amount: int | None
    id: str | None
    venue: Venue | None
    pool: str | None
    token_decimals: int | None
    quote_decimals: int | None


class RealisedRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A day of UTC on which a wallet sold something for a quote mint."""

    start_s: int
    realised_amount: int
    received_amount: int
    unbought_quote_amount: int
    sells: int


class PortfolioReads(Protocol):
    """The portfolios read model; may raise `projections.reads.ReadsUnavailableError`."""

    async def traded(self, wallet: str) -> bool:
        """Whether the log has a trade of the wallet."""
        ...

    async def portfolio(
        self, wallet: str, *, state: PositionState | None, limit: int, before_pos: int | None = None
    ) -> Portfolio:
        """A wallet's totals, and its positions by last trade, newest first, before a position."""
        ...

    async def wallet_trades(
        self, wallet: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[WalletTradeRow]:
        """A wallet's trades of all tokens, newest first, before a position if one is given."""
        ...

    async def realised(
        self, wallet: str, *, quote_mint: str, from_s: int, to_s: int, limit: int
    ) -> Sequence[RealisedRow]:
        """Days that start in [from_s, to_s), oldest first, at most the last `limit`."""
        ...

    async def top_traders(
        self, mint: str, *, quote_mint: str, by: TraderSort, limit: int
    ) -> Sequence[PositionRow]:
        """The positions in a token with the highest value first, then by wallet.

        By realised profit, only those of who sold.
        """
        ...
