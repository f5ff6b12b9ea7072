"""The read models in memory: what the real ones promise the query side, without a server."""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

from curvetape.testing.holders import MemoryHolders
from curvetape.testing.search import MemorySearch
from curvetape.testing.slots import MemorySlots
from curvetape.testing.token_lists import MemoryTokenLists, listable
from domain.log import Recorded
from domain.programs import USDC
from projections import candles, slots, sol_prices, tokens
from projections.candles import Candles
from projections.cards import card
from projections.dollars import MINUTE_S, Valued, in_sol, summed, valued
from projections.holder_reads import DEFAULTS, Definitions, HoldersRow, KeptFrom
from projections.holders import Holders
from projections.horizon import Horizon
from projections.market_reads import MarketRow, MarketWindow
from projections.portfolios import Portfolios
from projections.reads import (
    CandleRow,
    Found,
    Page,
    ProjectionPosition,
    TokenRow,
    TokenSearch,
    TokenSort,
    TokenState,
    TradeRow,
    sort_value,
)
from projections.search import Search
from projections.slots import Slots
from projections.sol_prices import SolPrices
from projections.token_change import TokenChange
from projections.tokens import Tokens
from projections.trades import Trades
from projections.window_reads import TokenWindows, WindowRow
from projections.windows import WINDOWS_S, Span, Window, span_at

LAST_POS = (1 << 63) - 1


class MemoryReads(MemoryTokenLists, MemorySlots):
    """Fits `projections.feed_reads.QueryReads`; filled by way of the product's own cores."""

    def __init__(
        self, recorded: Sequence[Recorded] = (), *, definitions: Definitions = DEFAULTS
    ) -> None:
        super().__init__()
        self._holders = MemoryHolders(definitions)
        self.sequence = 0
        self._tokens: dict[str, TokenRow] = {}
        self._changes: tokens.Changes = {}
        self._trades: dict[str, list[TradeRow]] = {}
        self._candles = candles.Changes({})
        self._recorded: list[Recorded] = []
        self._prices: sol_prices.Changes = {}
        self._search = MemorySearch()
        self.horizon: Horizon | None = None
        """To be set by a test: where trades are said to begin."""
        self.kept_from_s: dict[int, int] = {}
        """To be set by a test: by interval, from when on candles are said to be kept."""
        self.parked: dict[str | None, set[str]] = {}
        """To be set by a test: by mint, the read models that have set events aside."""
        self._slots = slots.Changes({}, {})
        self.apply(recorded)

    def apply(self, recorded: Sequence[Recorded]) -> None:
        """Take in events, each once, in any order."""
        if not recorded:
            return
        self._recorded += recorded
        self._changes = tokens.merge(self._changes, Tokens().apply(recorded))
        self._tokens = {mint: card(mint, change) for mint, change in self._changes.items()}
        for trade in Trades().apply(recorded):
            self._trades.setdefault(trade.mint, []).append(trade)
        for trades in self._trades.values():
            trades.sort(key=lambda trade: -trade.pos)
        self._candles = candles.merge(self._candles, Candles().apply(recorded))
        self._prices = sol_prices.merge(self._prices, SolPrices().apply(recorded))
        self.take(recorded)
        self._search.apply(recorded)
        self.decided(recorded)
        self._holders.take(recorded)
        self.sequence = max(self.sequence, *(each.sequence for each in recorded))

    async def token(self, mint: str) -> TokenRow | None:
        """The token's card, None for a mint that the log does not know."""
        self._ask()
        return self._tokens.get(mint)

    async def tokens(
        self, *, sort: TokenSort, state: TokenState | None, page: Page
    ) -> Sequence[TokenRow]:
        """Tokens by descending sort value, then by mint; those without a value come last.

        A mint that was seen only in pools that are not canonical has a card but is not listed.
        """
        self._ask()
        ranked = sorted(
            (-sort_value(row, sort, sol_usd=page.sol_usd), row.mint)
            for row in self._tokens.values()
            if listable(self._changes[row.mint]) and (state is None or row.state == state)
        )
        if page.after is not None:
            value, mint = page.after
            ranked = [place for place in ranked if place > (-value, mint)]
        return [self._tokens[mint] for _, mint in ranked[: page.limit]]

    async def newest_time_s(self) -> int | None:
        """The time of the last trade on the chain or of the newest launch, whichever is later."""
        self._ask()
        rows = self._tokens.values()
        last = max(rows, key=lambda row: row.last_trade_pos or -1, default=None)
        times = [row.created_time_s for row in rows]
        times += [] if last is None else [last.last_trade_time_s]
        return max((time for time in times if time is not None), default=None)

    async def token_until(self, mint: str, *, pos: int) -> TokenRow | Horizon | None:
        """The card of the events up to a position, with the decimals that are known by now."""
        self._ask()
        if (now := self._changes.get(mint)) is None:
            return None
        began = began_pos(now)
        moved = moved_pos(now) > pos and began <= pos
        if self.horizon is not None and moved and began < self.horizon.pos:
            return self.horizon
        past = [it for it in self._recorded if it.event.pos.order_key <= pos]
        if (then := Tokens().apply(past).get(mint)) is None:
            return None
        then.decimals_are(now.quote_decimals, now.token_decimals)
        return card(mint, then)

    async def windows(
        self, mint: str, *, as_of_s: int | None = None, pos: int | None = None
    ) -> TokenWindows | None:
        """What was traded in (as_of_s - length, as_of_s], see `projections.window_reads`."""
        self._ask()
        as_of_s = await self.newest_time_s() if as_of_s is None else as_of_s
        if as_of_s is None:
            return None
        trades = [
            trade
            for trade in reversed(self._trades.get(mint, []))
            if trade.canonical
            and trade.block_time_s <= as_of_s
            and (pos is None or trade.pos <= pos)
        ]
        rows = [window_of(trades, length_s, as_of_s) for length_s in WINDOWS_S.values()]
        return TokenWindows(as_of_s=as_of_s, rows=rows)

    async def trades_horizon(self) -> Horizon | None:
        """Where trades begin; None where all that the log has are there."""
        return self.horizon

    async def trades(
        self, mint: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[TradeRow]:
        """A token's trades, newest first, before a position if one is given."""
        self._ask()
        trades = self._trades.get(mint, [])
        return [t for t in trades if before_pos is None or t.pos < before_pos][:limit]

    async def candles(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int, limit: int
    ) -> Sequence[CandleRow]:
        """Candles that start in [from_s, to_s), oldest first, at most the last `limit`."""
        self._ask()
        from_s = max(from_s, self.kept_from_s.get(interval_s, from_s))
        return _rows(self._candles, mint, interval_s, from_s, to_s)[-limit:]

    async def candles_from(self, *, interval_s: int) -> int | None:
        """The first second of which an interval's candles are kept; None where all are there."""
        self._ask()
        return self.kept_from_s.get(interval_s)

    async def candles_until(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int, limit: int, pos: int
    ) -> Sequence[CandleRow]:
        """The same of the trades up to a position, as if nothing had happened since."""
        self._ask()
        past = [it for it in self._recorded if it.event.pos.order_key <= pos]
        from_s = max(from_s, self.kept_from_s.get(interval_s, from_s))
        return _rows(Candles().apply(past), mint, interval_s, from_s, to_s)[-limit:]

    async def search(self, asked: TokenSearch) -> Found:
        """Tokens by how well their texts fit, see `projections.reads.SearchReads`."""
        self._ask()
        return await self._search.search(asked)

    async def holders(self, mint: str, *, limit: int) -> HoldersRow:
        """Who holds a token, the largest first; empty for a mint without moves."""
        self._ask()
        return self._holders.of(mint, self._tokens.get(mint), limit=limit)

    async def holders_until(
        self, mint: str, *, limit: int, pos: int
    ) -> HoldersRow | KeptFrom | None:
        """The holders of the events up to a position, see `projections.holder_reads`."""
        self._ask()
        past = [it for it in self._recorded if it.event.pos.order_key <= pos]
        then = Tokens().apply(past).get(mint)
        if then is None:
            return None
        if self.horizon is not None:
            kept = [it for it in past if it.event.pos.order_key >= self.horizon.pos]
            told = Tokens().apply(kept).get(mint, TokenChange())
            now = self._changes[mint]
            from_pos = self._holders.kept_from(mint, pos, self.horizon.pos)
            if now.supplied is not None and now.supplied.pos > pos and told.supplied is None:
                began = 0 if now.created is None else now.created.pos
                from_pos = max(from_pos, now.supplied.pos if began < self.horizon.pos else 0)
            if from_pos:
                return KeptFrom(from_pos)
        return self._holders.at(past).of(mint, card(mint, then), limit=limit)

    async def traders(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int
    ) -> Mapping[int, int]:
        """How many different wallets traded in each candle that starts in [from_s, to_s)."""
        self._ask()
        wallets: dict[int, set[str]] = {}
        for trade in self._trades.get(mint, []):
            start_s = trade.block_time_s - trade.block_time_s % interval_s
            if trade.canonical and trade.price is not None and from_s <= start_s < to_s:
                wallets.setdefault(start_s, set()).add(trade.user)
        return {start_s: len(found) for start_s, found in wallets.items()}

    async def sol_usd(self, positions: Sequence[int]) -> Sequence[Fraction | None]:
        """For each position, dollars for a SOL by the last price at or before it."""
        self._ask()
        return [self._usd(pos) for pos in positions]

    async def sol_volumes(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int
    ) -> Mapping[int, Valued]:
        """What a token's minutes traded, in lamports times dollars, by the start of an interval."""
        self._ask()
        minutes: dict[int, list[Valued]] = {}
        for (of, length_s, start_s), candle in self._candles.candles.items():
            if of == mint and length_s == MINUTE_S and from_s <= start_s < to_s:
                usd = self._usd(candle.close_pos)
                minutes.setdefault(start_s - start_s % interval_s, []).append(
                    valued(candle.volume_quote, candle.volume_quote_buy, usd)
                )
        return {start_s: summed(parts) for start_s, parts in minutes.items()}

    def _usd(self, pos: int) -> Fraction | None:
        before = [at for at in self._prices if at <= pos]
        if not before:
            return None
        price = self._prices[max(before)]
        return price.price * Fraction(10) ** price.exponent

    async def market(self) -> MarketRow | None:
        """The market at the newest time that is known, see `projections.market_reads`."""
        if (at_s := await self.newest_time_s()) is None:
            return None
        listed = [it for mint, it in self._tokens.items() if listable(self._changes[mint])]
        return MarketRow(
            at_s=at_s,
            windows=[self._market(window, span_at(window, at_s)) for window in WINDOWS_S],
            tokens=len(listed),
            graduated=sum(row.state == "graduated" for row in listed),
        )

    def _market(self, window: Window, span: Span) -> MarketWindow:
        minutes = [
            (self._tokens[mint], candle)
            for (mint, length_s, start_s), candle in self._candles.candles.items()
            if length_s == MINUTE_S and start_s in span.minutes()
        ]
        launches = [it.created_time_s or -1 for it in self._tokens.values()]
        moved = [it.graduated.time_s for it in self._changes.values() if it.graduated is not None]
        return MarketWindow(
            window=window,
            tokens=sum((it.last_trade_time_s or -1) >= span.from_s for it in self._tokens.values()),
            buys=sum(candle.buys for _, candle in minutes),
            sells=sum(candle.sells for _, candle in minutes),
            volume_lamports=sum(it.volume_quote for row, it in minutes if in_sol(row.quote_mint)),
            volume_usdc_amount=sum(
                it.volume_quote for row, it in minutes if row.quote_mint == USDC
            ),
            launches=sum(span.from_s <= time_s < span.to_s for time_s in launches),
            graduations=sum(span.from_s <= time_s < span.to_s for time_s in moved),
        )

    async def set_aside(self, mint: str) -> Collection[str]:
        """The read models that passed events of a token, or of none, without applying them."""
        return self.parked.get(mint, set()) | self.parked.get(None, set())

    async def positions(self) -> Sequence[ProjectionPosition]:
        """Every read model's position, by name; none before the first event."""
        self._ask()
        if self.sequence == 0:
            return []
        return [
            ProjectionPosition(
                name=core.name,
                version=core.version,
                sequence=self.sequence,
                reread_after=self.sequence,
            )
            for core in (Candles, Holders, Portfolios, Search, Slots, SolPrices, Tokens, Trades)
        ]


def moved_pos(change: TokenChange) -> int:
    """Where what moved a card ends."""
    groups = (
        *(change.created, change.priced, change.curve_reserves, change.supplied),
        *(change.completed, change.graduated, change.pooled, change.last_trade),
    )
    return max((each.pos for each in groups if each is not None), default=LAST_POS)


def began_pos(change: TokenChange) -> int:
    """Where it begins, 0 for before the log."""
    if change.created is None:
        return 0
    opening = change.first_trade
    return change.created.pos if opening is None else min(change.created.pos, opening.pos)


def window_of(trades: Sequence[TradeRow], length_s: int, as_of_s: int) -> WindowRow:
    """A window of these trades, which are oldest first and none after `as_of_s`."""
    start_s = as_of_s - length_s
    inside = [trade for trade in trades if trade.block_time_s > start_s]
    bought = [trade for trade in inside if trade.side == "buy"]
    sold = [trade for trade in inside if trade.side == "sell"]
    priced = [trade for trade in trades if trade.price is not None]
    before = [trade for trade in priced if trade.block_time_s <= start_s]
    opening = before[-1:] or priced[:1]
    return WindowRow(
        length_s=length_s,
        trades=len(inside),
        buys=len(bought),
        sells=len(sold),
        volume_quote=sum(trade.quote_amount for trade in inside),
        buy_volume_quote=sum(trade.quote_amount for trade in bought),
        sell_volume_quote=sum(trade.quote_amount for trade in sold),
        traders=len({trade.user for trade in inside}),
        buyers=len({trade.user for trade in bought}),
        sellers=len({trade.user for trade in sold}),
        opening_price=opening[0].price if opening else None,
        since_first_trade=not before,
        closing_price=priced[-1].price if priced else None,
    )


def _rows(
    changes: candles.Changes, mint: str, interval_s: int, from_s: int, to_s: int
) -> list[CandleRow]:
    rows = [
        CandleRow(
            start_s=start_s,
            open_pos=candle.open_pos,
            open=candle.open,
            high_pos=candle.high_pos,
            high=candle.high,
            low_pos=candle.low_pos,
            low=candle.low,
            close_pos=candle.close_pos,
            close=candle.close,
            volume_quote=candle.volume_quote,
            volume_quote_buy=candle.volume_quote_buy,
            volume_token=candle.volume_token,
            buys=candle.buys,
            sells=candle.sells,
        )
        for (of, length_s, start_s), candle in changes.candles.items()
        if of == mint and length_s == interval_s and from_s <= start_s < to_s
    ]
    return sorted(rows, key=lambda row: row.start_s)
