"""On later pages of a list, too, a change of price is that of the window."""

from typing import Any

from adapters.postgres.candles import CandleStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from curvetape.testing.events import GENESIS_S, created, curve_traded
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent
from projections.candles import Candles
from projections.projection import host
from projections.runner import Runner
from projections.token_lists import ListPlace, TokenQuery
from projections.tokens import Tokens
from projections.trades import Trades
from projections.windows import Span

TABLES = "trades, candle_rows, candle_hours, tokens, token_burns, token_reports, checkpoints"
START_S = GENESIS_S - GENESIS_S % 60
WINDOW = Span(START_S, START_S + 120)


def at(slot: int, mint: str, sol: int, second: int) -> AnyEvent:
    fields: dict[str, Any] = {"virtual_quote_reserves": sol * 10**9}
    return curve_traded(slot, mint, block_time_s=START_S + second, **fields)


async def test_what_was_traded_behind_the_window_changes_no_price_within_it(
    postgres_dsn: str,
) -> None:
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn, connections_max=1)
    await pool.execute(f"truncate {TABLES}")
    log = MemoryLog([])
    reads = PostgresReads(pool)

    async def add(*events: AnyEvent) -> None:
        log.add(*events)
        stores = (
            host(Trades(), TradeStore(pool)),
            host(Candles(), CandleStore(pool)),
            host(Tokens(), TokenStore(pool)),
        )
        await Runner(log, stores, batch_max=50).run(follow=False)

    await add(
        *(created(slot, mint, block_time_s=START_S) for slot, mint in ((1, "most"), (2, "less"))),
        *(
            at(3, "most", 30, 10),
            at(4, "less", 30, 11),
            at(5, "most", 60, 20),
            at(6, "less", 45, 21),
        ),
        at(7, "less", 90, 130),  # behind the window, and before the moment of the list
    )
    first = await reads.listed(TokenQuery(sort="change", limit=1, span=WINDOW, sol_usd=None))
    assert [(it.row.mint, it.value) for it in first.tokens] == [("most", 1.0)]
    await add(at(8, "less", 33, 140))
    (last,) = first.tokens
    place = ListPlace(value=last.value, mint=last.row.mint, pos=first.pos)
    found = await reads.listed(
        TokenQuery(sort="change", limit=1, span=WINDOW, sol_usd=None, after=place)
    )
    assert [(it.row.mint, it.value) for it in found.tokens] == [("less", 0.5)]
    await pool.close()
