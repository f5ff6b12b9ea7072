"""GeckoTerminal's JSON: resources of JSON:API, figures as decimal texts, null for what is unknown.

The shapes are those of https://api.geckoterminal.com/docs and of what its API answers.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Text = Annotated[str, Meta(description="A number as decimal text.")]


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Another resource."""

    id: str
    type: str


class One(msgspec.Struct, frozen=True, kw_only=True):
    """A relation to a resource."""

    data: Reference


class Many(msgspec.Struct, frozen=True, kw_only=True):
    """A relation to resources."""

    data: list[Reference]


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """A figure by window."""

    m5: Text | None
    m15: Text | None
    h1: Text | None
    h6: Text | None
    h24: Text | None


class Transactions(msgspec.Struct, frozen=True, kw_only=True):
    """Trades of a window, and the wallets that made them."""

    buys: int
    sells: int
    buyers: int | None
    sellers: int | None


class TransactionWindows(msgspec.Struct, frozen=True, kw_only=True):
    """Trades by window."""

    m5: Transactions
    m15: Transactions
    h1: Transactions
    h6: Transactions
    h24: Transactions


class PoolAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A token where it trades: on its bonding curve, or in its canonical pool."""

    base_token_price_usd: Text | None
    base_token_price_native_currency: Text | None
    quote_token_price_usd: Text | None
    quote_token_price_native_currency: Text | None
    base_token_price_quote_token: Text
    quote_token_price_base_token: Text
    address: str
    name: str
    pool_created_at: str | None
    fdv_usd: Text | None
    market_cap_usd: Text | None
    price_change_percentage: Changes
    transactions: TransactionWindows
    volume_usd: Changes
    reserve_in_usd: Text | None


class PoolRelations(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool belongs to."""

    base_token: One
    quote_token: One
    dex: One


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool."""

    id: str
    type: Literal["pool"] = "pool"
    attributes: PoolAttributes
    relationships: PoolRelations


class TokenBasics(msgspec.Struct, frozen=True, kw_only=True):
    """A token as others' answers include it."""

    address: str
    name: str | None
    symbol: str | None
    decimals: int | None
    image_url: str | None
    coingecko_coin_id: str | None = None


class IncludedToken(msgspec.Struct, frozen=True, kw_only=True, tag="token"):
    """A token of a pool."""

    id: str
    attributes: TokenBasics


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """A name."""

    name: str


class Dex(msgspec.Struct, frozen=True, kw_only=True, tag="dex"):
    """Where pools are."""

    id: str
    attributes: Name


class Pools(msgspec.Struct, frozen=True, kw_only=True):
    """Several pools, with what was asked to be included."""

    data: list[Pool]
    included: list[IncludedToken | Dex] | UnsetType = UNSET


class OnePool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool, with what was asked to be included."""

    data: Pool
    included: list[IncludedToken | Dex] | UnsetType = UNSET


class DayVolume(msgspec.Struct, frozen=True, kw_only=True):
    """The volume of 24 hours."""

    h24: Text | None


class TokenAttributes(TokenBasics, frozen=True, kw_only=True):
    """A token; figures are of all its pools here together, the price of the current one."""

    total_supply: Text | None
    normalized_total_supply: Text | None
    price_usd: Text | None
    fdv_usd: Text | None
    total_reserve_in_usd: Text | None
    volume_usd: DayVolume
    market_cap_usd: Text | None


class TokenRelations(msgspec.Struct, frozen=True, kw_only=True):
    """A token's pools, the current one first."""

    top_pools: Many


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token."""

    id: str
    type: Literal["token"] = "token"
    attributes: TokenAttributes
    relationships: TokenRelations


class OneToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token, with its pools where they were asked to be included."""

    data: Token
    included: list[Pool] | UnsetType = UNSET


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Several tokens, with their pools where they were asked to be included."""

    data: list[Token]
    included: list[Pool] | UnsetType = UNSET


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by mint; those that were not asked for are left out."""

    token_prices: dict[str, Text | None]
    market_cap_usd: dict[str, Text | None] | UnsetType = UNSET
    h24_volume_usd: dict[str, Text | None] | UnsetType = UNSET
    h24_price_change_percentage: dict[str, Text | None] | UnsetType = UNSET
    total_reserve_in_usd: dict[str, Text | None] | UnsetType = UNSET


class PriceData(msgspec.Struct, frozen=True, kw_only=True):
    """Prices."""

    id: str
    type: Literal["simple_token_price"] = "simple_token_price"
    attributes: Prices


class OnePrices(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of tokens."""

    data: PriceData


class NetworkAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A network."""

    name: str
    coingecko_asset_platform_id: str | None


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A network."""

    id: str
    type: Literal["network"] = "network"
    attributes: NetworkAttributes


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """The pages of a list."""

    first: str | None
    prev: str | None
    next: str | None
    last: str | None


class Networks(msgspec.Struct, frozen=True, kw_only=True):
    """All networks."""

    data: list[Network]
    links: Links


class Dexes(msgspec.Struct, frozen=True, kw_only=True):
    """Where pools are."""

    data: list[Dex]
    links: Links


class Candles(msgspec.Struct, frozen=True, kw_only=True):
    """Lists of time, open, high, low, close and volume, newest first."""

    ohlcv_list: list[tuple[int, float, float, float, float, float | None]]


class CandleData(msgspec.Struct, frozen=True, kw_only=True):
    """Candles."""

    id: str
    type: Literal["ohlcv_request_response"] = "ohlcv_request_response"
    attributes: Candles


class TokenMeta(msgspec.Struct, frozen=True, kw_only=True):
    """A side of a pool."""

    address: str
    name: str | None
    symbol: str | None
    coingecko_coin_id: str | None = None


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides of a pool."""

    base: TokenMeta
    quote: TokenMeta


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Candles, and what they are of."""

    data: CandleData
    meta: Sides


class TradeAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A trade: what was given, what was got, and what each was worth in it."""

    block_number: int
    tx_hash: str
    tx_from_address: str
    from_token_amount: Text | None
    to_token_amount: Text | None
    price_from_in_currency_token: Text | None
    price_to_in_currency_token: Text | None
    price_from_in_usd: Text | None
    price_to_in_usd: Text | None
    block_timestamp: str
    kind: Literal["buy", "sell"]
    volume_in_usd: Text | None
    from_token_address: str
    to_token_address: str


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade."""

    id: str
    type: Literal["trade"] = "trade"
    attributes: TradeAttributes


class Trades(msgspec.Struct, frozen=True, kw_only=True):
    """Trades, newest first."""

    data: list[Trade]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer."""

    status: str
    title: str


class Problems(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer."""

    errors: list[Problem]
