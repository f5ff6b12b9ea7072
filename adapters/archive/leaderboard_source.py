"""What a segment says of leaderboards, as the changes that a store merges."""

from collections.abc import Mapping, Sequence

import polars as pl

from adapters.archive.pieces import Columns, Reading, pieces
from adapters.archive.segment import Content
from domain.log import Recorded
from projections import leaderboard_frames as frames
from projections.buckets import MINUTE_S
from projections.fill_frames import KINDS as TRADES
from projections.leaderboards import Changes, Leaderboards, merge
from projections.sol_price_frames import KIND as PRICED


def changes(content: Content, abandoned: Mapping[int, int], *, after_s: int) -> Changes:
    """A segment's changes, see `pieces`.

    Buckets and prices that begin at `after_s`, in seconds since 1970, or before are left out.
    """
    trades: list[pl.DataFrame] = []
    prices: list[pl.DataFrame] = []
    events: list[Recorded] = []
    reading = Reading(frames.KINDS, frames.columns_of, frames.is_odd, frames.RARE)
    for piece in pieces(content, abandoned, reading):
        if isinstance(piece, Columns):
            said = prices if piece.kind == PRICED else trades
            said.append(frames.facts(piece.kind, piece.rows))
        else:
            events += piece
    others = Leaderboards().apply(events)
    others.buckets = {key: it for key, it in others.buckets.items() if key[2] > after_s}
    others.prices = {start_s: it for start_s, it in others.prices.items() if start_s > after_s}
    return merge(frames.changes(trades, prices, after_s=after_s), others)


def newest_s(content: Content, abandoned: Mapping[int, int]) -> int:
    """When the newest minute begins in which anything traded that counts; 0 where nothing did.

    Of those trades that the archive has in columns: the newest one may be later.
    """
    newest = 0
    for piece in pieces(content, abandoned, Reading(TRADES, _timed, _never)):
        if isinstance(piece, Columns):
            rows = piece.rows.filter("canonical") if piece.kind == "pool.traded" else piece.rows
            latest = rows.select(pl.col("block_time_s").max()).item()
            newest = max(newest, latest or 0)
    return newest - newest % MINUTE_S


def _timed(kind: str) -> Sequence[str]:
    return ("block_time_s", "canonical") if kind == "pool.traded" else ("block_time_s",)


def _never(_kind: str) -> pl.Expr:
    return pl.lit(value=False)
