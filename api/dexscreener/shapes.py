"""DexScreener's JSON: what it leaves out where it does not know it is left out here as well.

The shapes are those of https://docs.dexscreener.com/api/reference and of what its API answers.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

SCHEMA_VERSION = "1.0.0"


class TokenName(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a pair."""

    address: str
    name: str
    symbol: str


class Transactions(msgspec.Struct, frozen=True, kw_only=True):
    """Trades of a window."""

    buys: int
    sells: int


class TransactionWindows(msgspec.Struct, frozen=True, kw_only=True):
    """Trades by window."""

    m5: Transactions
    h1: Transactions
    h6: Transactions
    h24: Transactions


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """A figure by window; windows for which it is not known are left out."""

    h24: float | UnsetType = UNSET
    h6: float | UnsetType = UNSET
    h1: float | UnsetType = UNSET
    m5: float | UnsetType = UNSET


class Liquidity(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a pool: both sides in dollars, then each in its own whole units."""

    usd: float | UnsetType = UNSET
    base: float
    quote: float


class Website(msgspec.Struct, frozen=True, kw_only=True):
    """A link."""

    label: str
    url: str


class Social(msgspec.Struct, frozen=True, kw_only=True):
    """A link to a social network."""

    type: str
    url: str


class Info(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the token's creator says about it."""

    image_url: str | UnsetType = UNSET
    websites: list[Website]
    socials: list[Social]


class Pair(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token where it trades: on its bonding curve (`pumpfun`), or in its pool (`pumpswap`)."""

    chain_id: str
    dex_id: Annotated[str, Meta(examples=["pumpfun", "pumpswap"])]
    url: str
    pair_address: str
    base_token: TokenName
    quote_token: TokenName
    price_native: Annotated[str, Meta(description="Whole quote coins per whole token.")]
    price_usd: str | UnsetType = UNSET
    txns: TransactionWindows
    volume: Annotated[Windows, Meta(description="US dollars.")]
    price_change: Annotated[Windows, Meta(description="Percent.")]
    liquidity: Annotated[
        Liquidity | UnsetType, Meta(description="Left out for bonding curves.")
    ] = UNSET
    fdv: float | UnsetType = UNSET
    market_cap: float | UnsetType = UNSET
    pair_created_at: Annotated[int | UnsetType, Meta(description="Unix milliseconds.")] = UNSET
    info: Info | UnsetType = UNSET


class Pairs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Pairs, null where there are none."""

    schema_version: str = SCHEMA_VERSION
    pairs: list[Pair] | None


class PairsAndFirst(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Pairs and the first of them, null where there are none."""

    schema_version: str = SCHEMA_VERSION
    pairs: list[Pair] | None
    pair: Pair | None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link of a profile; of a website the `label` says what it is, of all others the `type`."""

    type: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
    url: str


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a token's creator says about it."""

    url: str
    chain_id: str
    token_address: str
    icon: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    links: list[Link]


class Boost(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A boost that was bought; there are none here."""

    url: str
    chain_id: str
    token_address: str
    amount: float
    total_amount: float


class Order(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An order that was paid for; there are none here."""

    type: str
    status: str
    payment_timestamp: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A request that cannot be answered."""

    error: str
