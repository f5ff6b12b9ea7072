"""Sums up what the whole market did lately."""

from adapters.postgres.asking import asking, rows_of
from adapters.postgres.candle_pages import starting_in
from adapters.postgres.pool import Pool
from adapters.postgres.token_spans import OF_USDC, SETTINGS
from adapters.postgres.window_reads import NEWEST
from projections.buckets import HOUR_S, MINUTE_S
from projections.market_reads import MarketRow, MarketWindow
from projections.windows import WINDOWS_S, span_at

# ruff: noqa: S608  # the program's own text only


def _traded(length_s: int) -> str:
    # Minutes by an index of their own, hours where they are kept by time.
    source = {
        MINUTE_S: starting_in(str(MINUTE_S), "stretch.from_s", "stretch.to_s"),
        HOUR_S: "(select * from candle_hours where start_s >= stretch.from_s"
        " and start_s < stretch.to_s)",
    }[length_s]
    return f"""
        select named, mint, buys, sells, volume_quote
        from unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
            as stretch (named, interval_s, from_s, to_s)
        cross join lateral {source} as candles
        where stretch.interval_s = {length_s}
    """


_WINDOWS = f"""
    select spans.named as window, spans.to_s, coalesce(traded.tokens, 0) as tokens,
        coalesce(traded.buys, 0) as buys, coalesce(traded.sells, 0) as sells,
        coalesce(traded.volume_lamports, 0) as volume_lamports,
        coalesce(traded.volume_usdc_amount, 0) as volume_usdc_amount,
        (
            select count(*) from tokens where coalesce(created_time_s, -1) >= spans.from_s
                and coalesce(created_time_s, -1) < spans.to_s
        ) as launches, (
            select count(*) from tokens where graduated_pos is not null
                and graduated_time_s >= spans.from_s and graduated_time_s < spans.to_s
        ) as graduations
    from unnest($5::text[], $6::bigint[], $7::bigint[]) as spans (named, from_s, to_s)
    left join (
        select named, count(*) as tokens, sum(done.buys)::bigint as buys,
            sum(done.sells)::bigint as sells,
            sum(done.volume_quote) filter (where for_sol) as volume_lamports,
            sum(done.volume_quote) filter (where {OF_USDC}) as volume_usdc_amount
        from (
            select named, mint, sum(buys) as buys, sum(sells) as sells,
                sum(volume_quote) as volume_quote
            from ({_traded(MINUTE_S)} union all {_traded(HOUR_S)}) as parts group by named, mint
        ) as done join tokens using (mint)
        group by named
    ) as traded on traded.named = spans.named
"""
_TOKENS = "select count(*) as tokens, count(*) filter (where state = 'graduated') as graduated"


class _Window(MarketWindow, frozen=True, kw_only=True):
    to_s: int


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
            cut = [
                (window, each.length_s, each.from_s, each.to_s)
                for window, span in spans.items()
                for each in span.stretches()
            ]
            rows = await rows_of(
                connection,
                _Window,
                _WINDOWS,
                *map(list, zip(*cut, strict=True)),
                list(spans),
                [span.from_s for span in spans.values()],
                [span.to_s for span in spans.values()],
            )
            counted = await connection.fetchrow(f"{_TOKENS} from tokens where listed")
        assert counted is not None, "a count is one row"
        found = {row.window: row for row in rows}
        fields = MarketWindow.__struct_fields__
        return MarketRow(
            at_s=at_s,
            windows=[
                MarketWindow(**{name: getattr(found[window], name) for name in fields})
                for window in WINDOWS_S
            ],
            tokens=counted["tokens"],
            graduated=counted["graduated"],
        )
