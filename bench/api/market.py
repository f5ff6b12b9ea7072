"""A market of millions of trades: days that our cores projected once, and copies of them.

Every read model holds one day. What grows with time (trades, candles, the trades of a wallet) is
copied day after day into the past within PostgreSQL, and what grows with tokens (cards, the search)
under other mints: tables and indexes are as large as they would be, in minutes instead of hours.
All of the tokens traded on the last day, by their candles.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.valkey.client import Valkey
from bench.api import day as last_day
from bench.append import events
from bench.rebuild.history import SLOTS_PER_S, History
from bench.result import say
from curvetape.bootstrap import leaderboards, read_models
from curvetape.garbage import seldom_collecting
from domain.log import Recorded
from domain.position import Position
from projections.projection import Hosted

DAY_EVENTS = 160_000
"""That the cores project; nearly all of them are trades."""
DAY_S = 86_400
STATEMENT_WAIT_S_MAX = 3_600.0
TARGETS_MAX = 100
"""Addresses of each kind that are asked for in turn."""

_DAY_POS = Position(int(DAY_S * SLOTS_PER_S), 0, 0, 0).order_key
_IN_TIME = {
    "trades": {"pos": _DAY_POS, "block_time_s": DAY_S},
    "candle_rows": {
        "start_s": DAY_S,
        "open_pos": _DAY_POS,
        "close_pos": _DAY_POS,
        "high_pos": _DAY_POS,
        "low_pos": _DAY_POS,
    },
    "candle_hours": {"start_s": DAY_S, "open_pos": _DAY_POS, "close_pos": _DAY_POS},
    "portfolio_trades": {"pos": _DAY_POS, "time_s": DAY_S},
}
"""What is less by so much on each day before."""
_BY_MINT = ("tokens", "search_documents")
_NAMED = ("mint", "bonding_curve", "pool")
"""What no two tokens have in common."""

# Copies of events that make so many of them have other mints, and nothing else.
_TOLD_APART = """
    update tokens set bonding_curve = translate(md5(bonding_curve || mint), '0', 'z'),
        pool = translate(md5(pool || mint), '0', 'z')
"""
_COLUMNS = """
    select column_name from information_schema.columns
    where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'
    order by ordinal_position
"""


class Market(msgspec.Struct):
    """How much there is, and what of it can be asked for."""

    tokens: int
    trades: int
    candles: int
    mints: list[str]
    """Those that traded most, then some of all that did; no copies, which have cards only."""
    pairs: list[str]
    """Where these trade now: a pool's address or a bonding curve's."""
    until_s: int
    """The start of the newest candle."""
    wallets: list[str]
    creators: list[str]


async def fill(dsn: str, redis: str, file: Path, *, tokens: int, trades: int) -> Market:
    """Make it in an empty database, of the simulated market's events in `file`.

    Leaderboards, in a Valkey, are of the day that the cores project.
    """
    await migrate(dsn)
    pool = await open_pool(dsn, statement_timeout_s=STATEMENT_WAIT_S_MAX)
    try:
        async with Valkey.at(redis, application="benchmark") as valkey:
            hosted = [*read_models(pool), leaderboards(valkey)]
            await _project(hosted, file, min(DAY_EVENTS, trades))
        await pool.execute(_TOLD_APART)
        held = await _count(pool, "trades")
        for day in range(1, -(-trades // held)):
            say(f"day {day + 1}, of {-(-trades // held)} ...")
            for table, less in _IN_TIME.items():
                await _copy(pool, table, {it: f"{it} - {by * day}" for it, by in less.items()})
        held = await _count(pool, "tokens")
        await pool.execute("create table copies as select mint, mint as original from tokens")
        for copy in range(1, -(-tokens // held)):
            say(f"tokens {copy * held:,} of {tokens:,} ...")
            # As long as a mint and of its letters: hexadecimal without what base58 has not.
            named = {
                name: f"translate(md5({name} || '{copy}'), '0', 'z') || 'pump'" for name in _NAMED
            }
            mint = named["mint"]
            for table in _BY_MINT:
                await _copy(pool, table, named, rows=tokens - copy * held)
            await pool.execute(
                f"insert into copies select tokens.mint, named.mint"
                f" from (select mint, {mint} as copy from tokens_first) as named"
                " join tokens on tokens.mint = named.copy"
            )
        say("the last day of all tokens ...")
        await last_day.fill(pool)
        await pool.execute("vacuum analyze")
        return await _market(pool)
    finally:
        await pool.close()


async def _project(hosted: Sequence[Hosted], file: Path, count: int) -> None:
    say(f"projecting {count:,} events into every read model ...")
    for each in hosted:
        await each.store.checkpoint()
    last = 0
    with seldom_collecting():
        for part in History(events.read(file)).parts(0, count):
            batch = [Recorded(number, event) for number, event in enumerate(part, last + 1)]
            for each in hosted:
                changes = each.projection.apply(batch)
                await each.store.save(changes, seen=last, reached=last + len(batch))
            last += len(batch)


async def _copy(
    pool: Pool, table: str, changed: dict[str, str], *, rows: int | None = None
) -> None:
    columns = [row["column_name"] for row in await pool.fetch(_COLUMNS, table)]
    taken = ", ".join(changed.get(name, name) for name in columns)
    source = (
        f"(select * from {table}_first order by mint limit {rows})" if rows else f"{table}_first"
    )
    async with pool.acquire() as connection:
        await connection.execute(
            f"create table if not exists {table}_first as select * from {table}"
        )
        await connection.execute(
            f"insert into {table} ({', '.join(columns)}) select {taken} from {source} as first"
            " on conflict do nothing"
        )


async def _market(pool: Pool) -> Market:
    wanted = TARGETS_MAX // 2
    traded = "select mint from tokens where exists (select from trades where mint = tokens.mint)"
    most = await pool.fetch(f"{traded} order by trades desc, mint limit $1", wanted)
    some = await pool.fetch(f"{traded} order by md5(mint) limit $1", wanted)
    wallets = await pool.fetch(
        "select distinct wallet from portfolio_positions order by 1 limit $1", TARGETS_MAX
    )
    creators = await pool.fetch(
        "select distinct creator from tokens where creator is not null order by 1 limit $1",
        TARGETS_MAX,
    )
    mints = list(dict.fromkeys(row["mint"] for row in (*most, *some)))
    pairs = await pool.fetch(
        "select coalesce(pool, bonding_curve) as pair from unnest($1::text[]) with ordinality"
        " as asked (mint, place) join tokens using (mint)"
        " where coalesce(pool, bonding_curve) is not null order by place",
        mints,
    )
    return Market(
        tokens=await _count(pool, "tokens"),
        trades=await _count(pool, "trades"),
        candles=await _count(pool, "candles"),
        mints=mints,
        pairs=[row["pair"] for row in pairs],
        until_s=await pool.fetchval("select max(start_s) from candle_hours"),
        wallets=[row["wallet"] for row in wallets],
        creators=[row["creator"] for row in creators],
    )


async def _count(pool: Pool, table: str) -> int:
    held: int = await pool.fetchval(f"select count(*) from {table}")
    return held
