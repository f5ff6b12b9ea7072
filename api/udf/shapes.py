"""The JSON of TradingView's Universal Data Feed, in its own names.

As in https://www.tradingview.com/charting-library-docs/latest/connecting_data/UDF.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from projections.reads import INTERVALS_S

RESOLUTIONS: dict[str, int] = {
    "1S": INTERVALS_S["1s"],
    "5S": INTERVALS_S["5s"],
    "15S": INTERVALS_S["15s"],
    "1": INTERVALS_S["1m"],
    "5": INTERVALS_S["5m"],
    "15": INTERVALS_S["15m"],
    "60": INTERVALS_S["1h"],
    "240": INTERVALS_S["4h"],
    "1D": INTERVALS_S["24h"],
}
"""The resolutions that there are, and their length in seconds; days are those of UTC."""
SPELLINGS = {"S": "1S", "D": "1D", "1440": "1D"}
"""What else some of them are called."""
EXCHANGE = "PUMPFUN"


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A filter of a search."""

    value: str
    name: str
    desc: str


class SymbolType(msgspec.Struct, frozen=True, kw_only=True):
    """A filter of a search."""

    value: str
    name: str


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What this feed can do."""

    supported_resolutions: list[str]
    supports_search: bool = True
    supports_group_request: bool = False
    supports_marks: bool = False
    supports_timescale_marks: bool = False
    supports_time: bool = True
    exchanges: list[Exchange]
    symbols_types: list[SymbolType]


class Symbol(msgspec.Struct, frozen=True, kw_only=True):
    """What a chart has to know about a token's prices."""

    name: str
    ticker: Annotated[str, Meta(description="The mint; with `/USD` behind it, in dollars.")]
    description: str
    type: str = "crypto"
    session: str = "24x7"
    timezone: str = "Etc/UTC"
    exchange: str = EXCHANGE
    listed_exchange: str = EXCHANGE
    format: str = "price"
    minmov: int = 1
    pricescale: Annotated[int, Meta(description="A power of ten: the digits that prices show.")]
    has_intraday: bool = True
    has_seconds: bool = True
    has_daily: bool = True
    has_weekly_and_monthly: bool = False
    seconds_multipliers: list[str]
    intraday_multipliers: list[str]
    daily_multipliers: list[str]
    supported_resolutions: list[str]
    volume_precision: int = 2
    data_status: str = "streaming"
    currency_code: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A token that a search found."""

    symbol: str
    full_name: str
    description: str
    exchange: str = EXCHANGE
    ticker: str
    type: str = "crypto"


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """Bars, oldest first, one list for each of their figures; or that there are none.

    Prices and volumes are in the symbol's currency. `nextTime` is when the newest bar before the
    asked ones starts, absent where there is none.
    """

    s: Literal["ok", "no_data"]
    next_time: int | UnsetType = msgspec.field(default=UNSET, name="nextTime")
    t: list[int] | UnsetType = UNSET
    o: list[float] | UnsetType = UNSET
    h: list[float] | UnsetType = UNSET
    l: list[float] | UnsetType = UNSET  # noqa: E741  # the feed's own name
    c: list[float] | UnsetType = UNSET
    v: list[float | None] | UnsetType = UNSET


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer; the feed's clients look at `s` and not at the status."""

    s: Literal["error"] = "error"
    errmsg: str
