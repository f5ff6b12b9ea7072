"""Answers the query side's questions about many tokens, each with as many statements as for one."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

from adapters.postgres.asking import INT64_MAX, asking, can_be_asked, int64, rows_by_mint, rows_of
from adapters.postgres.candle_pages import starting_in
from adapters.postgres.card_rows import CARD
from adapters.postgres.dollar_reads import sol_volume
from adapters.postgres.holder_reads import TOP_OF, TOTALS, Totals, holders_row
from adapters.postgres.portfolio_reads import TRADERS
from adapters.postgres.reads import CANDLES, TRADES, PostgresReads
from adapters.postgres.window_reads import (
    SUMS,
    WINDOWS,
    TimedSums,
    TimedWindow,
    token_sums,
    token_windows,
)
from projections.dollars import Valued
from projections.holder_reads import HolderRow, HoldersRow
from projections.portfolio_reads import PositionRow, TraderSort
from projections.reads import CandleRow, TokenRow, TradeRow
from projections.window_reads import LENGTHS_S, TokenSums, TokenWindows

# ruff: noqa: S608  # the program's own text only

T = TypeVar("T")
Timed = TypeVar("Timed", TimedSums, TimedWindow)


def _each(asked: str, one: str, **arguments: str) -> str:
    """The statement of one token, for every row of `asked`; `arguments` replace its numbers."""

    def replaced(match: re.Match[str]) -> str:
        return arguments.get(f"n{match[1]}", match[0])

    inner = re.sub(r"\$(\d+)", replaced, one)
    return f"""
        select asked.mint as asked_mint, one.* from {asked}
        cross join lateral ({inner}) as one
    """


_MINTS = "unnest($1::text[]) as asked (mint)"

_TOKENS = f"{CARD} where mint = any($1::text[])"
_TRADES = _each(_MINTS, TRADES, n1="asked.mint")
_CANDLES = _each(_MINTS, CANDLES, n1="asked.mint")
_WINDOWS, _SUMS = (
    _each(_MINTS, one, n1="asked.mint", n2="null", n3="$2", n4=f"{INT64_MAX}::bigint")
    for one in (WINDOWS, SUMS)
)
_TOTALS = _each(_MINTS, TOTALS, n1="asked.mint")
_TOP_OF = _each(_MINTS, TOP_OF, n1="asked.mint")
_TRADERS: dict[TraderSort, str] = {
    by: _each(
        "unnest($1::text[], $2::text[]) as asked (mint, quote_mint)",
        sql,
        n1="asked.mint",
        n2="asked.quote_mint",
    )
    for by, sql in TRADERS.items()
}
_SOL_VOLUMES = f"""
    select asked.place, start_s - start_s % $4::bigint as start_s,
        case when count(priced.usd) = count(*) then sum(volume_quote * priced.usd) end as volume,
        case when count(priced.usd * volume_quote_buy) = count(*)
            then sum(volume_quote_buy * priced.usd) end as volume_buy
    from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality
        as asked (mint, from_s, to_s, place)
    cross join lateral {
    starting_in("60", "asked.from_s", "asked.to_s", mint="asked.mint")
} as candles
    left join lateral (
        select usd from sol_prices where pos <= close_pos order by pos desc limit 1
    ) as priced on true
    group by 1, 2
"""


class PostgresBatchReads(PostgresReads):
    """The port `projections.batch_reads.GraphReads`."""

    async def tokens_of(self, mints: Sequence[str]) -> Mapping[str, TokenRow]:
        """The cards of the tokens that are known."""
        if not (keys := _keys(mints)):
            return {}
        async with asking(self._pool) as connection:
            rows = await rows_of(connection, TokenRow, _TOKENS, keys)
        return {row.mint: row for row in rows}

    async def trades_of(
        self, mints: Sequence[str], *, limit: int, before_pos: int | None = None
    ) -> Mapping[str, Sequence[TradeRow]]:
        """Each token's trades, newest first, before a position if one is given."""
        if not (keys := _keys(mints)):
            return _empty()
        before = INT64_MAX if before_pos is None else int64(before_pos)
        async with asking(self._pool) as connection:
            found = await rows_by_mint(connection, TradeRow, _TRADES, keys, before, limit)
        return _or_empty(
            {mint: sorted(rows, key=lambda row: -row.pos) for mint, rows in found.items()}
        )

    async def candles_of(
        self, mints: Sequence[str], *, interval_s: int, from_s: int, to_s: int, limit: int
    ) -> Mapping[str, Sequence[CandleRow]]:
        """Each token's last `limit` candles that start in [from_s, to_s), oldest first."""
        if not (keys := _keys(mints)):
            return _empty()
        asked = (keys, interval_s, int64(from_s), int64(to_s), limit)
        async with asking(self._pool) as connection:
            found = await rows_by_mint(connection, CandleRow, _CANDLES, *asked)
        return _or_empty(
            {mint: sorted(rows, key=lambda row: row.start_s) for mint, rows in found.items()}
        )

    async def windows_of(self, mints: Sequence[str]) -> Mapping[str, TokenWindows]:
        """Each token's windows up to the newest time that the tokens read model knows."""
        found = await self._by_length(TimedWindow, _WINDOWS, mints)
        return {mint: token_windows(rows) for mint, rows in found.items()}

    async def sums_of(self, mints: Sequence[str]) -> Mapping[str, TokenSums]:
        """The same without the wallets that traded."""
        found = await self._by_length(TimedSums, _SUMS, mints)
        return {mint: token_sums(rows) for mint, rows in found.items()}

    async def _by_length(
        self, row: type[Timed], sql: str, mints: Sequence[str]
    ) -> Mapping[str, Sequence[Timed]]:
        if not (keys := _keys(mints)):
            return {}
        async with asking(self._pool) as connection:
            found = await rows_by_mint(connection, row, sql, keys, LENGTHS_S)
        return {mint: sorted(rows, key=lambda it: it.length_s) for mint, rows in found.items()}

    async def holders_of(self, mints: Sequence[str], *, limit: int) -> Mapping[str, HoldersRow]:
        """Who holds each token, the `limit` largest of them."""
        if not (keys := _keys(mints)):
            return {}
        of = self._definitions
        asked = (keys, of.sniper_slots, of.bundle_slots, of.bundle_wallets, of.insider_percent)
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            totals = await rows_by_mint(connection, Totals, _TOTALS, *asked)
            tops = await rows_by_mint(connection, HolderRow, _TOP_OF, *asked, limit)
        return {
            mint: holders_row(
                total, sorted(tops.get(mint, ()), key=lambda row: (-row.balance, row.wallet))
            )
            for mint, (total,) in totals.items()
        }

    async def top_traders_of(
        self, quote_mints: Mapping[str, str], *, by: TraderSort, limit: int
    ) -> Mapping[str, Sequence[PositionRow]]:
        """The positions at the top of each token, by trades for the quote mint given for it."""
        if not (keys := _keys(quote_mints)):
            return _empty()
        quotes = [quote_mints[key] for key in keys]
        async with asking(self._pool) as connection:
            found = await rows_by_mint(connection, PositionRow, _TRADERS[by], keys, quotes, limit)
        return _or_empty(
            {mint: sorted(rows, key=lambda row: _place(row, by)) for mint, rows in found.items()}
        )

    async def sol_volumes_of(
        self, asked: Sequence[tuple[str, int, int]], *, interval_s: int
    ) -> Sequence[Mapping[int, Valued]]:
        """For each mint with its [from_s, to_s), `DollarReads.sol_volumes`."""
        found: list[dict[int, Valued]] = [{} for _ in asked]
        mints = [mint if can_be_asked(mint) else "" for mint, _, _ in asked]
        starts = [int64(from_s) for _, from_s, _ in asked]
        ends = [int64(to_s) for _, _, to_s in asked]
        async with asking(self._pool) as connection:
            rows = await connection.fetch(_SOL_VOLUMES, mints, starts, ends, interval_s)
        for row in rows:
            found[row["place"] - 1][row["start_s"]] = sol_volume(row)
        return found


def _keys(mints: Sequence[str] | Mapping[str, object]) -> list[str]:
    """Those that rows may have; some texts cannot even be sent."""
    return [mint for mint in mints if can_be_asked(mint)]


def _place(row: PositionRow, by: TraderSort) -> tuple[int, str]:
    return (-(row.realised_amount if by == "realised" else row.volume_amount), row.wallet)


def _empty() -> Mapping[str, Sequence[T]]:
    return _or_empty({})


def _or_empty(found: Mapping[str, Sequence[T]]) -> Mapping[str, Sequence[T]]:
    """With an empty answer for whoever has none."""
    return defaultdict(tuple, found)
