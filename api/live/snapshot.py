"""What a client is given first: the state of the read models; then it is told of changes."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta

from api.candle import Candle, candle
from api.dollars import card_coins, coins, newest_sol_usd
from api.live.requests import SubscribeToken
from api.parameters import TIME_S_MAX, Interval
from api.representations import Ages, Token, Trade, token, trade
from projections.labels import Thresholds
from projections.reads import INTERVALS_S, Page, Reads, TokenRow

CANDLES = 300
LISTED = 50
"""Tokens in each list of the market."""


class TokenSnapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token's card; null for one that no certified event has named."""

    sequence: Annotated[int, Meta(description="All up to here has been sent; resume behind it.")]
    position: Annotated[int, Meta(description="The log position that the read models hold.")]
    mint: str
    token: Token | None


class TokenHistory(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Certified trades, newest first, and candles of the interval asked for, oldest first."""

    sequence: int
    mint: str
    trades: list[Trade]
    interval: Interval | None
    candles: list[Candle]


class MarketSnapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The tokens that were launched, traded and traded most."""

    sequence: int
    position: int
    newest: list[Token]
    active: list[Token]
    leaders: list[Token]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the read models say of a token."""

    position: int
    undecided_after: int
    """Every event of the log behind this sequence may be missing in it."""
    card: Token | None
    trades: list[Trade]
    candles: list[Candle]


async def state(reads: Reads, asked: SubscribeToken, thresholds: Thresholds) -> State:
    """A token's card, trades and candles; may raise `ReadsUnavailableError`."""
    held = {each.name: each for each in await reads.positions()}
    used = [held[name] for name in ("trades", "tokens") if name in held]
    row, trades = await asyncio.gather(
        reads.token(asked.mint), reads.trades(asked.mint, limit=max(1, asked.history))
    )
    candles: list[Candle] = []
    if asked.interval is not None and row is not None:
        rows = await reads.candles(
            asked.mint,
            interval_s=INTERVALS_S[asked.interval],
            from_s=0,
            to_s=TIME_S_MAX,
            limit=CANDLES,
        )
        candles = [candle(each, row, None, UNSET) for each in rows]
    shown = trades[: asked.history]
    worth = await coins(reads, [(each.quote_mint, each.pos) for each in shown])
    cards = await _cards(reads, [] if row is None else [row], thresholds)
    return State(
        position=min((each.sequence for each in used), default=0),
        undecided_after=min((each.reread_after for each in used), default=0),
        card=next(iter(cards), None),
        trades=[trade(each, coin) for each, coin in zip(shown, worth, strict=True)],
        candles=candles,
    )


async def market(reads: Reads, thresholds: Thresholds) -> MarketSnapshot:
    """The market's lists; `sequence` is still to be set. May raise `ReadsUnavailableError`."""
    held = {each.name: each for each in await reads.positions()}
    page = Page(limit=LISTED)
    ranked = Page(limit=LISTED, sol_usd=await newest_sol_usd(reads))
    newest, active, leaders = await asyncio.gather(
        reads.tokens(sort="created", state=None, page=page),
        reads.tokens(sort="last_trade", state=None, page=page),
        reads.tokens(sort="volume", state=None, page=ranked),
    )
    return MarketSnapshot(
        sequence=0,
        position=held["tokens"].sequence if "tokens" in held else 0,
        newest=await _cards(reads, newest, thresholds),
        active=await _cards(reads, active, thresholds),
        leaders=await _cards(reads, leaders, thresholds),
    )


async def _cards(reads: Reads, rows: Sequence[TokenRow], thresholds: Thresholds) -> list[Token]:
    ages = Ages(thresholds, await reads.newest_time_s())
    worth = await card_coins(reads, rows)
    return [token(row, ages, coin) for row, coin in zip(rows, worth, strict=True)]
