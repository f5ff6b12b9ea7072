"""What the API says about a token's last minutes and hours."""

from typing import Annotated

import msgspec
from msgspec import Meta

from api.amounts import whole
from api.representations import Count, Quote, Time, Units
from projections.window_reads import TokenWindows, WindowRow
from projections.windows import WINDOWS_S, Window


class TradedInWindow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was traded within a window, by the trades that count for the card."""

    trades: Count
    buys: Count
    sells: Count
    traders: Annotated[int, Meta(ge=0, description="Wallets that traded, each once.")]
    buyers: Count
    sellers: Count
    quote_volume: Quote | None
    quote_volume_units: Units
    buy_quote_volume: Quote | None
    buy_quote_volume_units: Units
    sell_quote_volume: Quote | None
    sell_quote_volume_units: Units
    price_change: Annotated[
        float | None,
        Meta(
            description="The last price over the one when the window began, less one: 0.25 for a "
            "quarter more. Null while no trade has made a price."
        ),
    ]
    since_first_trade: Annotated[
        bool,
        Meta(
            description="Whether no trade was before the window; the change is then from the price "
            "after the first trade."
        ),
    ]


class Windows(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"minutes_5": "5m", "minutes_15": "15m", "hour": "1h", "hours_6": "6h", "day": "24h"},
):
    """Windows that end at the same time."""

    time: Annotated[Time, Meta(description="When they end, in Unix seconds; it is in them.")]
    minutes_5: TradedInWindow
    minutes_15: TradedInWindow
    hour: TradedInWindow
    hours_6: TradedInWindow
    day: TradedInWindow


def windows(found: TokenWindows, quote_decimals: int | None) -> Windows:
    """A token's windows."""
    told = {row.length_s: _traded(row, quote_decimals) for row in found.rows}

    def of(window: Window) -> TradedInWindow:
        return told[WINDOWS_S[window]]

    return Windows(
        time=found.as_of_s,
        minutes_5=of("5m"),
        minutes_15=of("15m"),
        hour=of("1h"),
        hours_6=of("6h"),
        day=of("24h"),
    )


def _traded(row: WindowRow, decimals: int | None) -> TradedInWindow:
    return TradedInWindow(
        trades=row.trades,
        buys=row.buys,
        sells=row.sells,
        traders=row.traders,
        buyers=row.buyers,
        sellers=row.sellers,
        quote_volume=whole(row.volume_quote, decimals),
        quote_volume_units=str(row.volume_quote),
        buy_quote_volume=whole(row.buy_volume_quote, decimals),
        buy_quote_volume_units=str(row.buy_volume_quote),
        sell_quote_volume=whole(row.sell_volume_quote, decimals),
        sell_quote_volume_units=str(row.sell_volume_quote),
        price_change=row.price_change,
        since_first_trade=row.since_first_trade,
    )
