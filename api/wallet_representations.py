"""What the API says about a wallet's positions, trades and profits, made from their rows."""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from api.amounts import exact, quote_decimals, quote_symbol, whole, whole_price
from api.representations import Count, Quote, QuoteMint, QuoteSymbol, Time, Tokens, Units
from domain.events import Side
from domain.position import Position
from projections.portfolio_reads import (
    PositionRow,
    PositionState,
    RealisedRow,
    TotalRow,
    WalletTradeRow,
    plain_quote,
)
from projections.venue import Venue

Realised: TypeAlias = Annotated[
    float,
    Meta(
        description="What sales of bought tokens brought less what these had cost on average, in "
        "whole quote coins; negative for a loss."
    ),
]
Unrealised: TypeAlias = Annotated[
    float, Meta(description="Value less cost, in whole quote coins; negative for a loss.")
]
UnboughtReceived: TypeAlias = Annotated[
    float,
    Meta(
        description="The part of what was received that was paid for tokens which no trade of the "
        "wallet had bought. Their cost is not known, so it is no profit."
    ),
]
TradesWithoutFee: TypeAlias = Annotated[
    int, Meta(ge=0, description="Trades whose events do not tell their fees.")
]


class WalletPosition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a wallet has of a token by its trades for one quote mint, at average cost.

    Paid and received amounts have the fees in them that are known. Tokens that came or went by
    transfer are in no balance.
    """

    wallet: str
    mint: str
    name: str | None
    symbol: str | None
    quote_mint: QuoteMint
    quote_symbol: QuoteSymbol | None
    state: Annotated[PositionState, Meta(description="`open` while there is a balance.")]
    balance: Tokens | None
    balance_units: Units
    average_cost: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="Whole quote coins per whole token of the balance; null without one."),
    ]
    cost: Annotated[float, Meta(description="Of the balance, in whole quote coins.")] | None
    cost_units: Units
    value: Annotated[
        float | None,
        Meta(
            description="The balance at the token's latest price, in whole quote coins; null where "
            "there is none in this quote."
        ),
    ]
    value_units: Units | None
    unrealised: Unrealised | None
    unrealised_units: Units | None
    realised: Realised | None
    realised_units: Units
    bought: Tokens | None
    bought_units: Units
    spent: Quote | None
    spent_units: Units
    sold: Tokens | None
    sold_units: Units
    received: Quote | None
    received_units: Units
    unbought: Annotated[
        float | None,
        Meta(
            description="Whole tokens sold that no trade of the wallet had bought; they came by "
            "transfer, and their cost is not known."
        ),
    ]
    unbought_units: Units
    unbought_received: UnboughtReceived | None
    unbought_received_units: Units
    fees: Annotated[Quote | None, Meta(description="Null where those of a trade are not known.")]
    fees_units: Units | None
    trades_without_fee: TradesWithoutFee
    buys: Count
    sells: Count
    first_trade_time: Time
    last_trade_time: Time


class PortfolioTotal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All of a wallet's positions in one quote mint together."""

    quote_mint: QuoteMint
    quote_symbol: QuoteSymbol | None
    positions: Count
    open_positions: Count
    unpriced_positions: Annotated[
        int, Meta(ge=0, description="Open ones without a price; in no value and no unrealised.")
    ]
    cost: Quote | None
    cost_units: Units
    value: Annotated[Quote | None, Meta(description="Of the open positions with a price.")]
    value_units: Units
    unrealised: Unrealised | None
    unrealised_units: Units
    realised: Realised | None
    realised_units: Units
    spent: Quote | None
    spent_units: Units
    received: Quote | None
    received_units: Units
    unbought_received: UnboughtReceived | None
    unbought_received_units: Units
    fees: Annotated[Quote | None, Meta(description="Null where those of a trade are not known.")]
    fees_units: Units | None
    trades_without_fee: TradesWithoutFee
    buys: Count
    sells: Count
    first_trade_time: Time
    last_trade_time: Time


class WalletTrade(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A trade as its wallet sees it: what it paid or was paid, with the fees that are known."""

    id: Annotated[
        str | None,
        Meta(
            description="Signature, and the instruction's place in the transaction; null while the "
            "list of trades has not come this far."
        ),
    ]
    signature: str | None
    slot: Count
    transaction_index: Annotated[int, Meta(ge=0, description="Place in the slot's block.")]
    time: Time
    mint: str
    venue: Venue | None
    pool: str | None
    side: Side
    quote_mint: QuoteMint
    quote_symbol: QuoteSymbol | None
    quote_amount: Quote | None
    quote_amount_units: Units
    token_amount: Tokens | None
    token_amount_units: Units
    fee: Annotated[Quote | None, Meta(description="Part of the quote amount; null if unknown.")]
    fee_units: Units | None


class RealisedDay(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A day of UTC on which the wallet sold."""

    time: Annotated[int, Meta(description="Start of the day in Unix seconds.")]
    realised: Realised | None
    realised_units: Units
    received: Quote | None
    received_units: Units
    unbought_received: UnboughtReceived | None
    unbought_received_units: Units
    sells: Count


def wallet_position(row: PositionRow) -> WalletPosition:
    """A position."""
    fits = row.priced_in is not None and plain_quote(row.priced_in) == row.quote_mint
    quote = _decimals(row.quote_mint, row.quote_decimals if fits else None)
    own = row.token_decimals
    average = row.cost_amount / row.balance if row.balance else None
    fees = None if row.trades_without_fee else row.fee_amount
    return WalletPosition(
        wallet=row.wallet,
        mint=row.mint,
        name=row.name,
        symbol=row.symbol,
        quote_mint=row.quote_mint,
        quote_symbol=quote_symbol(row.quote_mint),
        state="open" if row.balance else "closed",
        balance=whole(row.balance, own),
        balance_units=str(row.balance),
        average_cost=whole_price(average, own, quote),
        cost=whole(row.cost_amount, quote),
        cost_units=str(row.cost_amount),
        value=whole(row.value_amount, quote),
        value_units=exact(row.value_amount),
        unrealised=whole(row.unrealised_amount, quote),
        unrealised_units=exact(row.unrealised_amount),
        realised=whole(row.realised_amount, quote),
        realised_units=str(row.realised_amount),
        bought=whole(row.bought_amount, own),
        bought_units=str(row.bought_amount),
        spent=whole(row.spent_amount, quote),
        spent_units=str(row.spent_amount),
        sold=whole(row.sold_amount, own),
        sold_units=str(row.sold_amount),
        received=whole(row.received_amount, quote),
        received_units=str(row.received_amount),
        unbought=whole(row.unbought_amount, own),
        unbought_units=str(row.unbought_amount),
        unbought_received=whole(row.unbought_quote_amount, quote),
        unbought_received_units=str(row.unbought_quote_amount),
        fees=whole(fees, quote),
        fees_units=exact(fees),
        trades_without_fee=row.trades_without_fee,
        buys=row.buys,
        sells=row.sells,
        first_trade_time=row.first_time_s,
        last_trade_time=row.last_time_s,
    )


def portfolio_total(row: TotalRow) -> PortfolioTotal:
    """A total."""
    quote = _decimals(row.quote_mint, row.quote_decimals)
    fees = None if row.trades_without_fee else row.fee_amount
    return PortfolioTotal(
        quote_mint=row.quote_mint,
        quote_symbol=quote_symbol(row.quote_mint),
        positions=row.positions,
        open_positions=row.open_positions,
        unpriced_positions=row.unpriced_positions,
        cost=whole(row.cost_amount, quote),
        cost_units=str(row.cost_amount),
        value=whole(row.value_amount, quote),
        value_units=str(row.value_amount),
        unrealised=whole(row.unrealised_amount, quote),
        unrealised_units=str(row.unrealised_amount),
        realised=whole(row.realised_amount, quote),
        realised_units=str(row.realised_amount),
        spent=whole(row.spent_amount, quote),
        spent_units=str(row.spent_amount),
        received=whole(row.received_amount, quote),
        received_units=str(row.received_amount),
        unbought_received=whole(row.unbought_quote_amount, quote),
        unbought_received_units=str(row.unbought_quote_amount),
        fees=whole(fees, quote),
        fees_units=exact(fees),
        trades_without_fee=row.trades_without_fee,
        buys=row.buys,
        sells=row.sells,
        first_trade_time=row.first_time_s,
        last_trade_time=row.last_time_s,
    )


def wallet_trade(row: WalletTradeRow) -> WalletTrade:
    """A trade."""
    quote = quote_decimals(row.quote_mint, row.quote_decimals)
    place = Position.from_order_key(row.pos)
    return WalletTrade(
        id=row.id,
        signature=None if row.id is None else row.id.partition(":")[0],
        slot=place.slot,
        transaction_index=place.tx,
        time=row.time_s,
        mint=row.mint,
        venue=row.venue,
        pool=row.pool,
        side=row.side,
        quote_mint=row.quote_mint,
        quote_symbol=quote_symbol(row.quote_mint),
        quote_amount=whole(row.quote_amount, quote),
        quote_amount_units=str(row.quote_amount),
        token_amount=whole(row.token_amount, row.token_decimals),
        token_amount_units=str(row.token_amount),
        fee=whole(row.fee_amount, quote),
        fee_units=exact(row.fee_amount),
    )


def realised_day(row: RealisedRow, quote_mint: str) -> RealisedDay:
    """A day on which the wallet sold for the quote mint."""
    quote = quote_decimals(quote_mint, None)
    return RealisedDay(
        time=row.start_s,
        realised=whole(row.realised_amount, quote),
        realised_units=str(row.realised_amount),
        received=whole(row.received_amount, quote),
        received_units=str(row.received_amount),
        unbought_received=whole(row.unbought_quote_amount, quote),
        unbought_received_units=str(row.unbought_quote_amount),
        sells=row.sells,
    )


def _decimals(quote_mint: str, of_card: int | None) -> int | None:
    """A quote mint's decimals; a card's may be another mint's where its token had two."""
    known = quote_decimals(quote_mint, None)
    return of_card if known is None else known
