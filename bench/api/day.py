"""The last day of the market, in which every token traded.

What the cores projected is a few minutes long. So each token has candles of the same minutes in
other hours of the last day too, and a copied card has its original's: in one hour a token of two,
in n hours or more one of n to the power of 1.5. Nobody has more to add up for a list of a day.
"""

from adapters.postgres.pool import Connection, Pool
from bench.rebuild.history import SLOTS_PER_S
from domain.position import Position

HOURS = 24
"""In which a token can have traded."""
_HOUR_POS = Position(int(3_600 * SLOTS_PER_S), 0, 0, 0).order_key
_MOVED = {
    "candle_rows": ("interval_s <= 3600", ("open_pos", "close_pos", "high_pos", "low_pos")),
    "candle_hours": ("true", ("open_pos", "close_pos")),
}
"""What of each table is put into other hours."""

# A mint's digest says in how many hours it traded, and in which.
_WHEN = f"""
    create temporary table traded_in as
    with drawn as (
        select mint, original, ('x' || substr(digest, 1, 6))::bit(24)::bigint / 16777216.0 as share,
            ('x' || substr(digest, 7, 6))::bit(24)::bigint as first
        from (select *, md5(mint) as digest from copies) as digested
    )
    select mint, original, (first + number * 7) % {HOURS} as hours
    from drawn cross join lateral generate_series(
        1, least(floor(power(1 - share, -2.0 / 3)), {HOURS})::integer
    ) as number
"""
_COLUMNS = """
    select column_name from information_schema.columns
    where table_schema = 'public' and table_name = $1 order by ordinal_position
"""


async def fill(pool: Pool) -> None:
    """Have all tokens trade on the day of the newest hour.

    Takes a table `copies` of all mints, each with its original.
    """
    async with pool.acquire() as connection:
        await connection.execute(_WHEN)
        newest_s = await connection.fetchval("select max(start_s) from candle_hours")
        for table, (moved, positions) in _MOVED.items():
            await _spread(connection, table, f"{moved} and start_s >= {newest_s}", positions)
        await connection.execute(f"""
            update tokens set last_trade_pos = last_trade_pos - hours * {_HOUR_POS},
                last_trade_time_s = last_trade_time_s - hours * 3600
            from (select mint, min(hours) as hours from traded_in group by mint) as last
            where last.mint = tokens.mint and hours > 0
                and not exists (select from trades where trades.mint = tokens.mint)
        """)
        await connection.execute("drop table traded_in")


async def _spread(
    connection: Connection, table: str, moved: str, positions: tuple[str, ...]
) -> None:
    columns = [row["column_name"] for row in await connection.fetch(_COLUMNS, table)]
    changed = {name: f"{name} - hours * {_HOUR_POS}" for name in positions}
    changed |= {"start_s": "start_s - hours * 3600", "mint": "traded_in.mint"}
    taken = ", ".join(changed.get(name, name) for name in columns)
    await connection.execute(
        f"insert into {table} ({', '.join(columns)}) select {taken}"
        f" from (select * from {table} where {moved}) as candle"
        " join traded_in on traded_in.original = candle.mint on conflict do nothing"
    )
