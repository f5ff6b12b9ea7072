"""The addresses of TradingView's Universal Data Feed."""

import math
import time
from collections.abc import Sequence
from itertools import pairwise

import falcon
import msgspec

from api.amounts import quote_decimals, quote_symbol, whole_price
from api.candle import Candle, candle
from api.chart import USD_MINUTES_MAX
from api.dollars import candle_dollars, card_coins
from api.foreign import Asked, ForeignError, Parameter, Route
from api.kept import kept_from, not_kept
from api.udf.shapes import (
    EXCHANGE,
    RESOLUTIONS,
    SPELLINGS,
    Bars,
    Config,
    Exchange,
    Failed,
    Found,
    Symbol,
    SymbolType,
)
from projections.dollars import MINUTE_S, usd
from projections.reads import Reads, TokenRow, TokenSearch

DESCRIBED_AT = "/udf/openapi.json"
TITLE = "Curvetape as a TradingView UDF feed"
BARS_MAX = 5_000
FOUND_MAX = 50
TIME_S_MAX = 253_402_300_799
TEXT_LENGTH_MAX = 100
IN_DOLLARS = "/USD"
DIGITS = 6
"""Significant digits that prices show."""
PLACES_MIN, PLACES_MAX = 2, 16
PLACES_UNKNOWN = 12
_SYMBOL = Parameter("symbol", "A ticker: a mint, or a mint with `/USD` behind it for dollars.")


class Ticker(msgspec.Struct, frozen=True):
    """What a symbol stands for."""

    card: TokenRow
    in_dollars: bool

    @property
    def text(self) -> str:
        """As the feed names it."""
        return f"{self.card.mint}{IN_DOLLARS}" if self.in_dollars else self.card.mint

    @property
    def currency(self) -> str:
        """What prices are in."""
        return "USD" if self.in_dollars else quote_symbol(self.card.quote_mint) or "?"


class Udf:
    """Answers as a UDF server does."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def routes(self) -> Sequence[Route]:
        """All addresses."""
        return [
            Route(
                name="getUdfConfig",
                path="/udf/config",
                summary="What this feed can do",
                parameters=[],
                answer=Config,
                read_models=(),
                make=self.config,
            ),
            Route(
                name="getUdfTime",
                path="/udf/time",
                summary="The server's clock in Unix seconds, as text",
                parameters=[],
                answer=int,
                read_models=(),
                make=self.time,
                media=falcon.MEDIA_TEXT,
            ),
            Route(
                name="getUdfSymbol",
                path="/udf/symbols",
                summary="What a chart has to know about a token's prices",
                parameters=[_SYMBOL],
                answer=Symbol,
                error=Failed,
                error_is_ok=True,
                read_models=("sol_prices", "tokens"),
                make=self.symbol,
            ),
            Route(
                name="searchUdf",
                path="/udf/search",
                summary="Tokens by name, symbol or mint, each in its quote and in dollars",
                parameters=[
                    Parameter("query", "What to look for."),
                    Parameter("limit", f"How many at most, up to {FOUND_MAX}.", "30"),
                ],
                answer=list[Found],
                error=Failed,
                error_is_ok=True,
                read_models=("search",),
                make=self.search,
            ),
            Route(
                name="getUdfHistory",
                path="/udf/history",
                summary="Bars, oldest first",
                parameters=[
                    _SYMBOL,
                    Parameter("resolution", f"One of {', '.join(RESOLUTIONS)}.", "1"),
                    Parameter("from", "Begin with the first bar that starts then, Unix seconds."),
                    Parameter("to", "End before the first bar that starts then, Unix seconds."),
                    Parameter("countback", "So many bars before `to`, whatever `from` says."),
                ],
                answer=Bars,
                error=Failed,
                error_is_ok=True,
                read_models=("candles", "sol_prices", "tokens"),
                make=self.history,
            ),
        ]

    async def config(self, _asked: Asked) -> Config:
        """What this feed can do."""
        return Config(
            supported_resolutions=list(RESOLUTIONS),
            exchanges=[Exchange(value=EXCHANGE, name="pump.fun", desc="pump.fun and PumpSwap")],
            symbols_types=[SymbolType(value="crypto", name="Crypto")],
        )

    async def time(self, _asked: Asked) -> int:
        """The clock."""
        return int(time.time())

    async def symbol(self, asked: Asked) -> Symbol:
        """A symbol, or `ForeignError` for one that is not known."""
        ticker = await self._ticker(asked)
        card = ticker.card
        resolutions = list(RESOLUTIONS)
        return Symbol(
            name=f"{card.symbol or card.mint[:6]}/{ticker.currency}",
            ticker=ticker.text,
            description=f"{card.name or card.mint} in {ticker.currency}",
            pricescale=10 ** await self._places(ticker),
            seconds_multipliers=[it[:-1] for it in resolutions if it.endswith("S")],
            intraday_multipliers=[it for it in resolutions if it.isdigit()],
            daily_multipliers=["1"],
            supported_resolutions=resolutions,
            currency_code=ticker.currency,
        )

    async def search(self, asked: Asked) -> list[Found]:
        """Tokens that fit, best first."""
        text = asked.get("query", "").strip()[:TEXT_LENGTH_MAX]
        if not text.isprintable():
            return []
        limit = max(1, min(_number(asked, "limit", FOUND_MAX), FOUND_MAX))
        found = await self._reads.search(TokenSearch(text=text, limit=limit))
        return [
            Found(
                symbol=f"{token.symbol or token.mint[:6]}/{currency}",
                full_name=f"{token.mint}{behind}",
                description=f"{token.name or token.mint} in {currency}",
                ticker=f"{token.mint}{behind}",
            )
            for token in found.tokens
            for currency, behind in (("USD", IN_DOLLARS), (quote_symbol(token.quote_mint), ""))
            if currency is not None
        ][:limit]

    async def history(self, asked: Asked) -> Bars:
        """Bars, or `ForeignError` for a symbol or a resolution that is not known or not kept."""
        ticker = await self._ticker(asked)
        spelt = asked.get("resolution", "")
        interval_s = RESOLUTIONS.get(SPELLINGS.get(spelt, spelt))
        if interval_s is None:
            raise _failed(f"unknown_resolution: one of {', '.join(RESOLUTIONS)}")
        to_s = _number(asked, "to", TIME_S_MAX)
        from_s, limit = _number(asked, "from", 0), BARS_MAX
        if "countback" in asked:
            from_s, limit = 0, max(1, min(_number(asked, "countback", 0), BARS_MAX))
        if ticker.in_dollars:
            limit = min(limit, USD_MINUTES_MAX * MINUTE_S // interval_s)
        bars = await self._bars(ticker, interval_s, from_s, to_s, limit)
        if bars:
            return _told(bars)
        before = await self._bars(ticker, interval_s, 0, min(from_s, to_s), 1)
        if before:
            return Bars(s="no_data", next_time=before[-1].time)
        since_s = await kept_from(self._reads, ticker.card, interval_s=interval_s, to_s=to_s)
        if since_s is not None:
            raise _failed(f"not_kept: {not_kept(interval_s, since_s)}; 1 and longer are kept")
        return Bars(s="no_data")

    async def _bars(
        self, ticker: Ticker, interval_s: int, from_s: int, to_s: int, limit: int
    ) -> list[Candle]:
        """Those whose prices are known."""
        card = ticker.card
        rows = await self._reads.candles(
            card.mint, interval_s=interval_s, from_s=from_s, to_s=to_s, limit=limit
        )
        dollars = None
        if ticker.in_dollars:
            dollars = await candle_dollars(self._reads, rows, card, interval_s=interval_s)
        found = [
            candle(row, card, None if dollars is None else dollars[place], msgspec.UNSET)
            for place, row in enumerate(rows)
        ]
        return [bar for bar in found if None not in (bar.open, bar.high, bar.low, bar.close)]

    async def _ticker(self, asked: Asked) -> Ticker:
        """What the symbol stands for; what is before a colon is an exchange."""
        text = asked.get("symbol", "").rpartition(":")[2]
        in_dollars = text.endswith(IN_DOLLARS)
        card = await self._reads.token(text.removesuffix(IN_DOLLARS))
        if card is None:
            raise _failed("unknown_symbol")
        return Ticker(card, in_dollars)

    async def _places(self, ticker: Ticker) -> int:
        """Digits behind the point, so that some of them are significant."""
        card = ticker.card
        decimals = quote_decimals(card.quote_mint, card.quote_decimals)
        price = whole_price(card.price, card.token_decimals, decimals)
        if ticker.in_dollars:
            (coins,) = await card_coins(self._reads, [card])
            price = usd(price, coins.priced)
        if price is None:
            return PLACES_UNKNOWN
        return min(max(DIGITS - 1 - math.floor(math.log10(price)), PLACES_MIN), PLACES_MAX)


def _told(bars: Sequence[Candle]) -> Bars:
    assert all(one.time < other.time for one, other in pairwise(bars)), "oldest first"
    return Bars(
        s="ok",
        t=[bar.time for bar in bars],
        o=[bar.open for bar in bars if bar.open is not None],
        h=[bar.high for bar in bars if bar.high is not None],
        l=[bar.low for bar in bars if bar.low is not None],
        c=[bar.close for bar in bars if bar.close is not None],
        v=[bar.volume for bar in bars],
    )


def _number(asked: Asked, name: str, otherwise: int) -> int:
    """A whole number of the query that is no time before 1970, cut where nothing lies beyond."""
    text = asked.get(name)
    if text is None:
        return otherwise
    try:
        return max(0, min(int(float(text)), TIME_S_MAX))
    except (ValueError, OverflowError) as error:
        raise _failed(f"{name} is no number") from error


def _failed(reason: str) -> ForeignError:
    return ForeignError(200, Failed(errmsg=reason))
