"""Sums up what the whole market did lately."""

from adapters.postgres.asking import asking, rows_of
from adapters.postgres.candle_pages import starting_in
from adapters.postgres.pool import Pool
from adapters.postgres.token_spans import OF_USDC, SETTINGS
from adapters.postgres.window_reads import NEWEST
from projections.buckets import HOUR_S, MINUTE_S
from projections.market_reads import MarketRow, MarketWindow
from projections.windows import WINDOWS_S, shared_stretches, span_at

# ruff: noqa: S608  # the program's own text only


def _traded(length_s: int) -> str:
    # Minutes by an index of their own, hours where they are kept by time.
    source = {
        MINUTE_S: starting_in(str(MINUTE_S), "stretch.from_s", "stretch.to_s"),
        HOUR_S: "(select * from candle_hours where start_s >= stretch.from_s"
        " and start_s < stretch.to_s)",
    }[length_s]
    return f"""
        select windows, mint, buys, sells, volume_quote
        from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::integer[])
            as stretch (interval_s, from_s, to_s, windows)
        cross join lateral {source} as candles
        where stretch.interval_s = {length_s}
    """


_SOL, _USDC = 1, 2
_WINDOWS = f"""
    with parts as ({_traded(MINUTE_S)} union all {_traded(HOUR_S)}),
    -- Each trade is added up once for all the windows that it is in.
    traded as materialized (
        select windows, case when for_sol then {_SOL} when {OF_USDC} then {_USDC} end as quote,
            sum(parts.buys) as buys, sum(parts.sells) as sells, sum(parts.volume_quote) as amount
        from parts left join tokens using (mint) group by windows, quote
    ), spans as materialized (
        select * from unnest($5::text[], $6::integer[], $7::bigint[], $8::bigint[], $9::bigint[])
            as spans (named, bit, from_s, to_s, tokens)
    ), launched as materialized (
        select coalesce(created_time_s, -1) as at_s from tokens
        where coalesce(created_time_s, -1) >= (select min(from_s) from spans)
            and coalesce(created_time_s, -1) < (select max(to_s) from spans)
    ), graduated as materialized (
        select graduated_time_s as at_s from tokens
        where graduated_pos is not null and graduated_time_s >= (select min(from_s) from spans)
    )
    select spans.named as window, spans.tokens,
        coalesce(traded.buys, 0)::bigint as buys, coalesce(traded.sells, 0)::bigint as sells,
        coalesce(traded.lamports, 0) as volume_lamports,
        coalesce(traded.usdc_amount, 0) as volume_usdc_amount,
        (select count(*) from launched where at_s >= from_s and at_s < to_s) as launches,
        (select count(*) from graduated where at_s >= from_s and at_s < to_s) as graduations
    from spans
    cross join lateral (
        select sum(buys) as buys, sum(sells) as sells,
            sum(amount) filter (where quote = {_SOL}) as lamports,
            sum(amount) filter (where quote = {_USDC}) as usdc_amount
        from traded where traded.windows & spans.bit <> 0
    ) as traded
"""
_TOKENS = f"""
    select count(*) filter (where listed) as tokens,
        count(*) filter (where listed and state = 'graduated') as graduated,
        array[{
    ", ".join(
        f"count(*) filter (where last_trade_time_s >= ${place + 1})"
        for place in range(len(WINDOWS_S))
    )
}] as traded
    from tokens
"""
"""Takes where each window begins: all end now, so a token traded in one if it last did so in it."""


class PostgresMarket:
    """The port `projections.market_reads.MarketReads`."""

    _pool: Pool

    async def market(self) -> MarketRow | None:
        """The market at the newest time that the tokens read model knows; None before all."""
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(SETTINGS)
            at_s = await connection.fetchval(NEWEST)
            if at_s is None:
                return None
            spans = {window: span_at(window, at_s) for window in WINDOWS_S}
            bits = {window: 1 << place for place, window in enumerate(WINDOWS_S)}
            cut = [
                (it.length_s, it.from_s, it.to_s, sum(bits[window] for window in it.windows))
                for it in shared_stretches(spans)
            ]
            starts = [span.from_s for span in spans.values()]
            counted = await connection.fetchrow(_TOKENS, *starts)
            assert counted is not None, "a count is one row"
            rows = await rows_of(
                connection,
                MarketWindow,
                _WINDOWS,
                *map(list, zip(*cut, strict=True)),
                list(bits),
                list(bits.values()),
                starts,
                [span.to_s for span in spans.values()],
                counted["traded"],
            )
        found = {row.window: row for row in rows}
        return MarketRow(
            at_s=at_s,
            windows=[found[window] for window in WINDOWS_S],
            tokens=counted["tokens"],
            graduated=counted["graduated"],
        )
