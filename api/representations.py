"""What the API says about a token, a trade and a candle, made from the read models' rows."""

from fractions import Fraction
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from api.amounts import exact, quote_decimals, quote_symbol, whole, whole_price
from api.dollars import CardCoins
from domain.events import Side
from domain.position import Position
from projections import reads
from projections.dollars import usd
from projections.labels import Label, Thresholds, labels
from projections.reads import (
    TokenRow,
    TokenState,
    TradeRow,
    TradingVenue,
    curve_progress,
    liquidity,
    market_cap,
)
from projections.venue import Venue

Units: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^-?[0-9]+$",
        description="Exact amount in the smallest unit of what it counts, as decimal text.",
        examples=["30000000000"],
    ),
]
Time: TypeAlias = Annotated[int, Meta(description="Unix seconds.")]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
Price: TypeAlias = Annotated[
    float, Meta(gt=0, description="Whole quote coins per whole token, such as SOL per token.")
]
Quote: TypeAlias = Annotated[float, Meta(description="Whole quote coins, such as SOL.")]
Tokens: TypeAlias = Annotated[float, Meta(description="Whole tokens.")]
Link: TypeAlias = Annotated[
    str, Meta(description="An address of the web, as the creator gave it; nobody vouches for it.")
]
Usd: TypeAlias = Annotated[float, Meta(description="US dollars.")]
PriceUsd: TypeAlias = Annotated[float, Meta(description="US dollars per whole token.")]
QuoteMint: TypeAlias = Annotated[
    str, Meta(description="The mint that prices are in; 32 times `1` is native SOL.")
]
QuoteSymbol: TypeAlias = Annotated[
    str, Meta(description="What people call the quote mint; null for one not well known.")
]


class AllTimeHigh(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The highest price that a trade of the token made, and the first trade that made it."""

    price: Price | None
    market_cap: Annotated[
        float | None,
        Meta(description="That price times the supply of that moment, in whole quote coins."),
    ]
    price_usd: Annotated[
        float | None,
        Meta(
            description="That price in US dollars per whole token, by SOL's price of that moment."
        ),
    ]
    market_cap_usd: Annotated[
        float | None, Meta(description="In US dollars, by SOL's price of that moment.")
    ]
    time: Time
    slot: Count


class Token(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token's card; null is what is not known, as of a launch before the log began.

    The plain reserves are those that price the token: the virtual ones of its curve, later those of
    its canonical pool. The curve's are what the curve really held when it last reported. Trades in
    other pools neither count nor move the price.
    """

    mint: str
    name: str | None
    symbol: str | None
    uri: str | None
    description: Annotated[
        str | None, Meta(description="As the creator wrote it, in the document behind the uri.")
    ]
    image: Annotated[str | None, Meta(description="Its address, http, https or ipfs.")]
    twitter: Link | None
    telegram: Link | None
    website: Link | None
    creator: str | None
    bonding_curve: str | None
    pool: Annotated[str | None, Meta(description="The canonical pool, once there is one.")]
    state: Annotated[
        TokenState,
        Meta(description="`completed`: the curve is sold out; `graduated`: it trades in its pool."),
    ]
    labels: Annotated[
        list[Label],
        Meta(
            description="`new`: younger than an hour, unless set otherwise, at the newest time "
            "that the read model knows; `about_to_graduate`: its curve has sold 0.8 of its tokens, "
            "unless set otherwise, and it has not graduated."
        ),
    ]
    quote_mint: QuoteMint | None
    quote_symbol: QuoteSymbol | None
    quote_decimals: Count | None
    token_decimals: Count | None
    price: Price | None
    price_usd: PriceUsd | None
    market_cap: Annotated[
        float | None, Meta(description="Price times current supply, in whole quote coins.")
    ]
    market_cap_usd: Usd | None
    all_time_high: Annotated[
        AllTimeHigh | None, Meta(description="Null for a token without a priced trade.")
    ]
    liquidity: Annotated[
        float | None,
        Meta(
            description="Both sides of the market in whole quote coins: twice the quote that its "
            "canonical pool, or else its curve, really holds."
        ),
    ]
    liquidity_units: Units | None
    liquidity_usd: Usd | None
    curve_progress: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Share of the curve's tokens that it has sold, 0 to 1."),
    ]
    supply: Tokens | None
    supply_units: Units | None
    quote_reserves_units: Units | None
    token_reserves_units: Units | None
    curve_quote_reserves_units: Units | None
    curve_token_reserves_units: Units | None
    trades: Count
    buys: Count
    sells: Count
    quote_volume: Quote | None
    quote_volume_units: Units
    created_time: Time | None
    completed_time: Time | None
    graduated_time: Time | None
    first_trade_time: Time | None
    last_trade_time: Time | None


class Trade(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A trade as its token sees it: a buy gets tokens, whichever way its pool is written."""

    id: Annotated[
        str, Meta(description="Signature, and the instruction's place in the transaction.")
    ]
    signature: str
    slot: Count
    transaction_index: Annotated[int, Meta(ge=0, description="Place in the slot's block.")]
    time: Time
    mint: str
    venue: Annotated[
        Venue, Meta(description="`completion`: the rest of the buy that filled a curve.")
    ]
    pool: str | None
    canonical: Annotated[bool, Meta(description="Whether it counts for chart and card.")]
    side: Side
    trader: str
    quote_mint: QuoteMint
    quote_symbol: QuoteSymbol | None
    price: Annotated[
        Price | None, Meta(description="After the trade, in whole quote coins per whole token.")
    ]
    price_usd: PriceUsd | None
    quote_amount: Quote | None
    quote_amount_units: Units
    amount_usd: Annotated[float | None, Meta(description="The quote amount in US dollars.")]
    token_amount: Tokens | None
    token_amount_units: Units
    quote_reserves_units: Units
    token_reserves_units: Units
    layout: Annotated[str, Meta(description="The layout of the program's event it was read from.")]


class FoundToken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is shown of a token that was found; its card has the current figures, and more."""

    mint: str
    name: str | None
    symbol: str | None
    creator: str | None
    state: TokenState
    venue: TradingVenue
    quote_mint: QuoteMint | None
    quote_symbol: QuoteSymbol | None
    market_cap: Quote | None
    quote_volume: Quote | None
    quote_volume_units: Units
    trades: Count
    created_time: Time | None
    last_trade_time: Time | None
    description: str | None
    has_website: Annotated[
        bool | None, Meta(description="Null, as the others, where it was not described yet.")
    ]
    has_twitter: bool | None
    has_telegram: bool | None


def found_token(found: reads.FoundToken) -> FoundToken:
    """A token that was found."""
    decimals = quote_decimals(found.quote_mint, found.quote_decimals)
    return FoundToken(
        mint=found.mint,
        name=found.name,
        symbol=found.symbol,
        creator=found.creator,
        state=found.state,
        venue=found.venue,
        quote_mint=found.quote_mint,
        quote_symbol=quote_symbol(found.quote_mint),
        market_cap=whole(found.market_cap, decimals),
        quote_volume=whole(found.volume_quote, decimals),
        quote_volume_units=str(found.volume_quote),
        trades=found.trades,
        created_time=found.created_time_s,
        last_trade_time=found.last_trade_time_s,
        description=found.description,
        has_website=found.has_website,
        has_twitter=found.has_twitter,
        has_telegram=found.has_telegram,
    )


class Ages(msgspec.Struct, frozen=True):
    """What labels are told by."""

    thresholds: Thresholds
    now_s: int | None
    """The newest time that the read model knows."""


def token(row: TokenRow, ages: Ages, coins: CardCoins) -> Token:
    """A token's card, with the dollars for a whole quote coin at its moments."""
    coin = coins.priced
    quote, own = quote_decimals(row.quote_mint, row.quote_decimals), row.token_decimals
    price, cap = whole_price(row.price, own, quote), whole(market_cap(row), quote)
    return Token(
        mint=row.mint,
        name=row.name,
        symbol=row.symbol,
        uri=row.uri,
        description=row.description,
        image=row.image,
        twitter=row.twitter,
        telegram=row.telegram,
        website=row.website,
        creator=row.creator,
        bonding_curve=row.bonding_curve,
        pool=row.pool,
        state=row.state,
        labels=labels(row, ages.thresholds, now_s=ages.now_s),
        quote_mint=row.quote_mint,
        quote_symbol=quote_symbol(row.quote_mint),
        quote_decimals=quote,
        token_decimals=own,
        price=price,
        price_usd=usd(price, coin),
        market_cap=cap,
        market_cap_usd=usd(cap, coin),
        all_time_high=_high(row, own, quote, coins.high),
        liquidity=whole(liquidity(row), quote),
        liquidity_units=exact(liquidity(row)),
        liquidity_usd=usd(whole(liquidity(row), quote), coin),
        curve_progress=curve_progress(row),
        supply=whole(row.supply, own),
        supply_units=exact(row.supply),
        quote_reserves_units=exact(row.virtual_quote_reserves),
        token_reserves_units=exact(row.virtual_token_reserves),
        curve_quote_reserves_units=exact(row.real_quote_reserves),
        curve_token_reserves_units=exact(row.real_token_reserves),
        trades=row.trades,
        buys=row.buys,
        sells=row.sells,
        quote_volume=whole(row.volume_quote, quote),
        quote_volume_units=str(row.volume_quote),
        created_time=row.created_time_s,
        completed_time=row.completed_time_s,
        graduated_time=row.graduated_time_s,
        first_trade_time=row.first_trade_time_s,
        last_trade_time=row.last_trade_time_s,
    )


def _high(
    row: TokenRow, own: int | None, quote: int | None, coin: Fraction | None
) -> AllTimeHigh | None:
    if row.high_price is None or row.high_time_s is None or row.high_pos is None:
        return None
    price, cap = whole_price(row.high_price, own, quote), whole(row.high_market_cap, quote)
    return AllTimeHigh(
        price=price,
        market_cap=cap,
        price_usd=usd(price, coin),
        market_cap_usd=usd(cap, coin),
        time=row.high_time_s,
        slot=Position.from_order_key(row.high_pos).slot,
    )


def trade(row: TradeRow, coin: Fraction | None) -> Trade:
    """A trade; `coin` is dollars for a whole quote coin as of it."""
    quote = quote_decimals(row.quote_mint, row.quote_decimals)
    place = Position.from_order_key(row.pos)
    price = whole_price(row.price, row.token_decimals, quote)
    amount = whole(row.quote_amount, quote)
    return Trade(
        id=row.id,
        signature=row.id.partition(":")[0],
        slot=place.slot,
        transaction_index=place.tx,
        time=row.block_time_s,
        mint=row.mint,
        venue=row.venue,
        pool=row.pool,
        canonical=row.canonical,
        side=row.side,
        trader=row.user,
        quote_mint=row.quote_mint,
        quote_symbol=quote_symbol(row.quote_mint),
        price=price,
        price_usd=usd(price, coin),
        quote_amount=amount,
        quote_amount_units=str(row.quote_amount),
        amount_usd=usd(amount, coin),
        token_amount=whole(row.token_amount, row.token_decimals),
        token_amount_units=str(row.token_amount),
        quote_reserves_units=str(row.quote_reserves),
        token_reserves_units=str(row.token_reserves),
        layout=row.layout,
    )
