"""What the API says about a candle, in the quote or in dollars."""

from fractions import Fraction
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import exact, quote_decimals, whole, whole_price
from api.dollars import CandleDollars
from api.representations import Count, Quote, Tokens, Units
from projections.dollars import Valued, usd
from projections.reads import CandleRow, TokenRow

ChartPrice: TypeAlias = Annotated[
    float, Meta(gt=0, description="Per whole token, in the chart's currency.")
]
ChartVolume: TypeAlias = Annotated[
    float, Meta(description="Of trades' quote amounts, in the chart's currency.")
]


class Candle(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An interval in which the token traded; prices are null while decimals are not known.

    Prices and volumes without `quote` in their names are in the chart's currency.
    """

    time: Annotated[int, Meta(description="Start of the interval in Unix seconds.")]
    open: ChartPrice | None
    high: ChartPrice | None
    low: ChartPrice | None
    close: ChartPrice | None
    volume: ChartVolume | None
    buy_volume: ChartVolume | None
    sell_volume: ChartVolume | None
    quote_volume: Quote | None
    quote_volume_units: Units
    buy_quote_volume: Quote | None
    buy_quote_volume_units: Units | None
    sell_quote_volume: Quote | None
    sell_quote_volume_units: Units | None
    token_volume: Tokens | None
    token_volume_units: Units
    buys: Count
    sells: Count
    traders: Annotated[
        Count | UnsetType | None,
        Meta(
            description="Different wallets, where the chart was asked for them; null where trades "
            "of the candle were let go of."
        ),
    ] = UNSET


def candle(
    row: CandleRow, of: TokenRow, dollars: CandleDollars | None, traders: int | UnsetType | None
) -> Candle:
    """A candle of the token, in dollars where they are given."""
    quote, own = quote_decimals(of.quote_mint, of.quote_decimals), of.token_decimals
    bought = row.volume_quote_buy
    sold = None if bought is None else row.volume_quote - bought
    prices = [whole_price(price, own, quote) for price in (row.open, row.high, row.low, row.close)]
    volumes = [whole(volume, quote) for volume in (row.volume_quote, bought, sold)]
    if dollars is not None:
        coins = (dollars.open, dollars.high, dollars.low, dollars.close)
        prices = [usd(price, coin) for price, coin in zip(prices, coins, strict=True)]
        volumes = [_whole(volume, quote) for volume in _sides(dollars.volumes)]
    return Candle(
        time=row.start_s,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=volumes[0],
        buy_volume=volumes[1],
        sell_volume=volumes[2],
        quote_volume=whole(row.volume_quote, quote),
        quote_volume_units=str(row.volume_quote),
        buy_quote_volume=whole(bought, quote),
        buy_quote_volume_units=exact(bought),
        sell_quote_volume=whole(sold, quote),
        sell_quote_volume_units=exact(sold),
        token_volume=whole(row.volume_token, own),
        token_volume_units=str(row.volume_token),
        buys=row.buys,
        sells=row.sells,
        traders=traders,
    )


def _sides(found: Valued) -> tuple[Fraction | None, Fraction | None, Fraction | None]:
    """All, bought and sold."""
    sold = None
    if found.volume is not None and found.volume_buy is not None:
        sold = found.volume - found.volume_buy
    return found.volume, found.volume_buy, sold


def _whole(value: Fraction | None, decimals: int | None) -> float | None:
    return None if value is None or decimals is None else float(value / 10**decimals)
