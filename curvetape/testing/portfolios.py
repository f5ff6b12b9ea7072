"""Portfolios in memory, folded and answered as the real ones are, and histories of wallets."""

from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from curvetape.testing.events import histories
from domain.events import AnyEvent, CompletionTraded, CurveTraded, PoolTraded
from domain.log import Recorded
from domain.programs import NATIVE_SOL, USDC
from projections.portfolio_reads import (
    Portfolio,
    PositionRow,
    PositionState,
    RealisedRow,
    TotalRow,
    TraderSort,
    WalletTradeRow,
    plain_quote,
)
from projections.portfolios import Changes, Pair, Portfolios
from projections.reads import ReadsUnavailableError, TokenRow, TradeRow
from projections.wallet_position import (
    Day,
    WalletPosition,
    WalletTrade,
    advanced,
    is_late,
    revised,
)


class MemoryLedger:
    """The rows of the portfolios read model, without a database."""

    def __init__(self) -> None:
        self.trades: dict[Pair, list[WalletTrade]] = {}
        self.positions: dict[Pair, WalletPosition] = {}
        self.days: dict[tuple[str, str, int], Day] = {}
        """By wallet, quote mint and the day's start in seconds since 1970."""

    def save(self, changes: Changes) -> None:
        """Fold the trades in, late ones too."""
        for pair, trades in changes.items():
            position, before = self.positions.get(pair), self.trades.get(pair, [])
            folded = (
                revised(before, trades) if is_late(position, trades) else advanced(position, trades)
            )
            self.positions[pair] = folded.position
            every = {trade.pos: trade for trade in (*trades, *before)}
            self.trades[pair] = sorted(every.values(), key=lambda trade: trade.pos)
            for day_s, day in folded.days.items():
                self.days.setdefault((pair[0], pair[2], day_s), Day()).add(day)


class MemoryPortfolios:
    """Fits `projections.portfolio_reads.PortfolioReads`, beside the read models that it joins."""

    sequence: int
    _tokens: dict[str, TokenRow]
    _trades: dict[str, list[TradeRow]]

    def __init__(self) -> None:
        self.down = False
        """Set it to let every question raise `ReadsUnavailableError`."""
        self.ledger = MemoryLedger()

    def take(self, recorded: Sequence[Recorded]) -> None:
        """Take in events, each once, in any order."""
        self.ledger.save(Portfolios().apply(recorded))

    async def traded(self, wallet: str) -> bool:
        """Whether the log has a trade of the wallet."""
        self._ask()
        return any(pair[0] == wallet for pair in self.ledger.positions)

    async def portfolio(
        self, wallet: str, *, state: PositionState | None, limit: int, before_pos: int | None = None
    ) -> Portfolio:
        """A wallet's totals, and its positions by last trade, newest first, before a position."""
        self._ask()
        every = [self._row(pair) for pair in self.ledger.positions if pair[0] == wallet]
        every.sort(key=lambda row: -row.last_pos)
        return Portfolio(
            sequence=self.sequence,
            priced_sequence=self.sequence,
            totals=_totals(every),
            positions=[
                row
                for row in every
                if (before_pos is None or row.last_pos < before_pos)
                and (state is None or (row.balance > 0) == (state == "open"))
            ][:limit],
        )

    async def wallet_trades(
        self, wallet: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[WalletTradeRow]:
        """A wallet's trades of all tokens, newest first, before a position if one is given."""
        self._ask()
        rows = [
            self._trade(pair, trade)
            for pair, trades in self.ledger.trades.items()
            for trade in trades
            if pair[0] == wallet and (before_pos is None or trade.pos < before_pos)
        ]
        return sorted(rows, key=lambda row: -row.pos)[:limit]

    async def realised(
        self, wallet: str, *, quote_mint: str, from_s: int, to_s: int, limit: int
    ) -> Sequence[RealisedRow]:
        """Days that start in [from_s, to_s), oldest first, at most the last `limit`."""
        self._ask()
        return [
            RealisedRow(
                start_s=day_s,
                realised_amount=day.realised_amount,
                received_amount=day.received_amount,
                unbought_quote_amount=day.unbought_quote_amount,
                sells=day.sells,
            )
            for (of, quote, day_s), day in sorted(self.ledger.days.items())
            if (of, quote) == (wallet, quote_mint) and from_s <= day_s < to_s
        ][-limit:]

    async def top_traders(
        self, mint: str, *, quote_mint: str, by: TraderSort, limit: int
    ) -> Sequence[PositionRow]:
        """The positions in a token with the highest value first, then by wallet.

        By realised profit, only those of who sold.
        """
        self._ask()
        rows = [self._row(pair) for pair in self.ledger.positions if pair[1:] == (mint, quote_mint)]
        if by == "volume":
            return sorted(rows, key=lambda row: (-row.volume_amount, row.wallet))[:limit]
        sold = [row for row in rows if row.sells]
        return sorted(sold, key=lambda row: (-row.realised_amount, row.wallet))[:limit]

    def _row(self, pair: Pair) -> PositionRow:
        wallet, mint, quote_mint = pair
        held, card = self.ledger.positions[pair], self._tokens.get(mint)
        return PositionRow(
            wallet=wallet,
            mint=mint,
            quote_mint=quote_mint,
            balance=held.balance,
            cost_amount=held.cost_amount,
            realised_amount=held.realised_amount,
            bought_amount=held.bought_amount,
            spent_amount=held.spent_amount,
            sold_amount=held.sold_amount,
            received_amount=held.received_amount,
            unbought_amount=held.unbought_amount,
            unbought_quote_amount=held.unbought_quote_amount,
            fee_amount=held.fee_amount,
            trades_without_fee=held.trades_without_fee,
            buys=held.buys,
            sells=held.sells,
            first_time_s=held.first_time_s,
            last_time_s=held.last_time_s,
            last_pos=held.last_pos,
            name=card.name if card else None,
            symbol=card.symbol if card else None,
            token_decimals=card.token_decimals if card else None,
            priced_in=card.quote_mint if card else None,
            quote_decimals=card.quote_decimals if card else None,
            price=card.price if card else None,
            virtual_quote_reserves=card.virtual_quote_reserves if card else None,
            virtual_token_reserves=card.virtual_token_reserves if card else None,
        )

    def _trade(self, pair: Pair, trade: WalletTrade) -> WalletTradeRow:
        _, mint, quote_mint = pair
        (found,) = (it for it in self._trades[mint] if it.pos == trade.pos)
        return WalletTradeRow(
            pos=trade.pos,
            time_s=trade.time_s,
            mint=mint,
            quote_mint=quote_mint,
            side="buy" if trade.bought else "sell",
            token_amount=trade.token_amount,
            quote_amount=trade.quote_amount,
            fee_amount=trade.fee_amount,
            id=found.id,
            venue=found.venue,
            pool=found.pool,
            token_decimals=found.token_decimals,
            quote_decimals=found.quote_decimals,
        )

    def _ask(self) -> None:
        if self.down:
            raise ReadsUnavailableError("the read models were told to be down")


def _totals(rows: Sequence[PositionRow]) -> list[TotalRow]:
    return [
        _total(quote_mint, [row for row in rows if row.quote_mint == quote_mint])
        for quote_mint in sorted({row.quote_mint for row in rows})
    ]


def _total(quote_mint: str, rows: Sequence[PositionRow]) -> TotalRow:
    decimals = [
        row.quote_decimals
        for row in rows
        if row.quote_decimals is not None
        and row.priced_in is not None
        and plain_quote(row.priced_in) == quote_mint
    ]
    values = [row.value_amount for row in rows]
    return TotalRow(
        quote_mint=quote_mint,
        quote_decimals=max(decimals, default=None),
        positions=len(rows),
        open_positions=sum(row.balance > 0 for row in rows),
        unpriced_positions=values.count(None),
        cost_amount=sum(row.cost_amount for row in rows),
        realised_amount=sum(row.realised_amount for row in rows),
        spent_amount=sum(row.spent_amount for row in rows),
        received_amount=sum(row.received_amount for row in rows),
        unbought_quote_amount=sum(row.unbought_quote_amount for row in rows),
        fee_amount=sum(row.fee_amount for row in rows),
        trades_without_fee=sum(row.trades_without_fee for row in rows),
        buys=sum(row.buys for row in rows),
        sells=sum(row.sells for row in rows),
        value_amount=sum(value or 0 for value in values),
        unrealised_amount=sum(row.unrealised_amount or 0 for row in rows),
        first_time_s=min(row.first_time_s for row in rows),
        last_time_s=max(row.last_time_s for row in rows),
    )


@st.composite
def wallets_histories(
    draw: st.DrawFn, *, events_max: int = 40, mints: int = 2, wallets: int = 3
) -> list[AnyEvent]:
    """Histories in which several wallets trade, with and without fees that events tell."""
    history = draw(histories(events_max=events_max, mints=mints))
    return [_by(draw, event, wallets) for event in history]


def _by(draw: st.DrawFn, event: AnyEvent, wallets: int) -> AnyEvent:
    if not isinstance(event, CurveTraded | CompletionTraded | PoolTraded):
        return event
    fields: dict[str, object] = {"user": f"wallet{draw(st.integers(1, wallets))}"}
    if isinstance(event, PoolTraded):
        fields["user_quote_amount"] = draw(_AMOUNTS)
    elif isinstance(event, CurveTraded):
        fields["fee"] = draw(st.one_of(st.none(), st.integers(0, 10**8)))
        fields["quote_mint"] = draw(st.sampled_from((NATIVE_SOL, NATIVE_SOL, USDC)))
    if not isinstance(event, PoolTraded):
        # Of one size, so that wallets sell about as much as they hold.
        fields["token_amount"] = draw(_AMOUNTS)
    return msgspec.structs.replace(event, **fields)


_AMOUNTS = st.one_of(st.integers(0, 1_000), st.sampled_from((2**53 + 1, 2**64 - 1)))
