"""Lists of tokens in memory, each made anew from the events up to its moment."""

from collections.abc import Sequence

import msgspec

from curvetape.testing.feeds import MemoryFeeds
from curvetape.testing.holders import MemoryHolders
from domain.log import Recorded
from projections import tokens
from projections.buckets import MINUTE_S
from projections.candles import Candle, Candles
from projections.cards import card
from projections.reads import TokenRow
from projections.search import folded, is_address_like
from projections.token_change import TokenChange
from projections.token_lists import (
    Listed,
    ListedToken,
    SpanFigures,
    TokenQuery,
    list_value,
    passes,
)
from projections.tokens import Tokens
from projections.windows import Span


class MemoryTokenLists(MemoryFeeds):
    """Fits `projections.token_lists.TokenLists`, beside the read models that it joins."""

    _recorded: list[Recorded]
    _holders: MemoryHolders

    async def listed(self, asked: TokenQuery) -> Listed:
        """Tokens by descending value, then by mint, all as of the list's moment."""
        self._ask()
        pos = _moment(self._changes) if asked.after is None else asked.after.pos
        past = [it for it in self._recorded if it.event.pos.order_key <= pos]
        changes = Tokens().apply(past)
        rows = {mint: card(mint, change) for mint, change in changes.items()}
        spans = {} if asked.span is None else _figures(past, asked.span)
        if asked.span is not None:
            rows = {
                mint: msgspec.structs.replace(
                    rows[mint], volume_quote=figures.volume_quote, trades=figures.trades
                )
                for mint, figures in spans.items()
            }
        held = self._holders.counts()
        ranked = sorted(
            (
                -list_value(row, asked.sort, asked.sol_usd, _change(spans.get(mint)), held[mint]),
                mint,
            )
            for mint, row in rows.items()
            if listable(changes[mint])
            and passes(row, asked.filters, held[mint])
            and _fits(row, asked.filters.text)
        )
        if asked.after is not None:
            ranked = [it for it in ranked if it > (-asked.after.value, asked.after.mint)]
        return Listed(
            tokens=[
                ListedToken(self._tokens[mint], -down, held[mint], spans.get(mint))
                for down, mint in ranked[: asked.limit]
            ],
            pos=pos,
        )


def listable(change: TokenChange) -> bool:
    """Whether the programs launched or priced it; anyone can open a pool for any mint."""
    known = (change.created, change.priced, change.completed, change.pooled)
    return any(fact is not None for fact in known)


def _figures(past: Sequence[Recorded], span: Span) -> dict[str, SpanFigures]:
    minutes: dict[str, list[Candle]] = {}
    for (mint, length_s, start_s), candle in Candles().apply(past).candles.items():
        if length_s == MINUTE_S and start_s in span.minutes():
            minutes.setdefault(mint, []).append(candle)
    return {
        mint: SpanFigures(
            volume_quote=sum(it.volume_quote for it in candles),
            trades=sum(it.buys + it.sells for it in candles),
            change=max(candles, key=lambda it: it.close_pos).close
            / min(candles, key=lambda it: it.open_pos).open
            - 1,
        )
        for mint, candles in minutes.items()
    }


def _change(figures: SpanFigures | None) -> float | None:
    return None if figures is None else figures.change


def _moment(changes: tokens.Changes) -> int:
    facts = [it for each in changes.values() for it in (each.created, each.last_trade)]
    return max((fact.pos for fact in facts if fact is not None), default=0)


def _fits(row: TokenRow, text: str) -> bool:
    asked, address = folded(text).split(), text.strip()
    if not address:
        return True
    if is_address_like(address) and any(
        it is not None and it.startswith(address) for it in (row.mint, row.creator)
    ):
        return True
    if row.name is None or row.symbol is None:
        return False
    said = f"| {folded(row.name)} | {folded(row.symbol)} |"
    return bool(asked) and all(word in said for word in asked)
