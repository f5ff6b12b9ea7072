"""The query side gets what was written, in order and page by page, on both kinds of server."""

from collections.abc import AsyncIterator
from typing import Any, get_args

import msgspec
import pytest

from adapters.postgres import token_lists
from adapters.postgres.asking import rows_of
from adapters.postgres.candles import CandleStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Connection, Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.sol_prices import SolPriceStore
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from curvetape.testing.events import (
    GENESIS_S,
    SUPPLY,
    completed,
    created,
    curve_traded,
    migrated,
    pool_traded,
    recorded,
)
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.metadata import described, undescribed
from domain.events import AnyEvent
from domain.programs import USDC, WRAPPED_SOL
from projections.candles import Candles
from projections.horizon import Horizon
from projections.parking import Parked
from projections.projection import host
from projections.reads import (
    AMOUNT_SORTS,
    INTERVALS_S,
    Page,
    Reads,
    ReadsUnavailableError,
    TokenRow,
    TokenSort,
    TokenState,
    market_cap,
    sort_value,
)
from projections.runner import Runner
from projections.sol_prices import SolPrices
from projections.tokens import Tokens
from projections.trades import Trades

SORTS: tuple[TokenSort, ...] = get_args(TokenSort)

MARKET: list[AnyEvent] = [
    created(1, "aaa"),
    *(curve_traded(slot, "aaa", virtual_quote_reserves=slot * 10**9) for slot in range(30, 40)),
    created(41, "bbb"),
    curve_traded(42, "bbb"),
    completed(43, "bbb"),
    created(44, "ccc"),
    migrated(45, "ccc"),
    pool_traded(46, "ccc"),
    # Seen only through a trade, so without launch, supply and market cap.
    *(curve_traded(slot, f"unseen{slot}") for slot in range(50, 56)),
    pool_traded(57, "stranger", canonical=False, base_supply=5),
    created(60, "ddd", quote_decimals=None, virtual_quote_reserves=None),
    undescribed(1, "aaa"),
    described(
        1, "aaa", attempt=2, image="ipfs://aaa", twitter="@aaa", telegram="?", website="aaa.example"
    ),
]


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    yield opened
    await opened.close()


@pytest.fixture
async def reads(pool: Pool) -> Reads:
    """The read models of `MARKET`."""
    hosted = [
        host(Candles(), CandleStore(pool)),
        host(Trades(), TradeStore(pool)),
        host(Tokens(), TokenStore(pool)),
        host(SolPrices(), SolPriceStore(pool)),
    ]
    await Runner(MemoryLog(MARKET), hosted, batch_max=7).run(follow=False)
    return PostgresReads(pool)


async def pages(
    reads: Reads,
    sort: TokenSort,
    *,
    limit: int,
    state: TokenState | None = None,
    sol_usd: float | None = None,
) -> list[TokenRow]:
    """All tokens, a page at a time."""
    found: list[TokenRow] = []
    after: tuple[float | int, str] | None = None
    while page := await reads.tokens(
        sort=sort, state=state, page=Page(limit=limit, after=after, sol_usd=sol_usd)
    ):
        assert len(page) <= limit
        found += page
        after = (sort_value(found[-1], sort, sol_usd=sol_usd), found[-1].mint)
    return found


async def test_a_card_is_read_as_it_was_written(reads: Reads) -> None:
    card = await reads.token("aaa")
    assert card == TokenRow(
        mint="aaa",
        name="Coin aaa",
        symbol="AAA",
        uri="https://example.org/aaa",
        creator="creator",
        bonding_curve="curve-aaa",
        pool=None,
        quote_mint="11111111111111111111111111111111",
        quote_decimals=9,
        token_decimals=6,
        state="curve",
        created_pos=MARKET[0].pos.order_key,
        created_time_s=GENESIS_S,
        completed_time_s=None,
        graduated_time_s=None,
        supply=SUPPLY,
        price=39_000_000_000 / 1_039_000_000_000_000,
        priced_pos=MARKET[10].pos.order_key,
        virtual_quote_reserves=39_000_000_000,
        virtual_token_reserves=1_039_000_000_000_000,
        held_quote_reserves=1_000_000_000,
        real_quote_reserves=1_000_000_000,
        real_token_reserves=759_100_000_000_000,
        initial_real_token_reserves=793_100_000_000_000,
        trades=10,
        buys=10,
        sells=0,
        volume_quote=10_000_000_000,
        first_trade_time_s=GENESIS_S + 12,
        last_trade_time_s=GENESIS_S + 15,
        last_trade_pos=MARKET[10].pos.order_key,
        description="All about aaa.",
        image="ipfs://aaa",
        twitter="https://x.com/aaa",
        telegram=None,
        website="https://aaa.example",
        high_price=39_000_000_000 / 1_039_000_000_000_000,
        high_market_cap=39_000_000_000 / 1_039_000_000_000_000 * float(SUPPLY),
        high_time_s=GENESIS_S + 15,
        high_pos=MARKET[10].pos.order_key,
    )


@pytest.mark.parametrize("mint", ["nowhere", "", "zero\0byte", "half\ud800pair"])
async def test_a_mint_that_the_log_does_not_know_has_nothing(reads: Reads, mint: str) -> None:
    assert await reads.token(mint) is None
    assert await reads.trades(mint, limit=5) == []
    assert await reads.candles(mint, interval_s=60, from_s=0, to_s=10**12, limit=5) == []


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_pages_follow_one_another_without_overlap_or_hole(
    reads: Reads, sort: TokenSort, limit: int
) -> None:
    found = await pages(reads, sort, limit=limit)
    keys = [(-sort_value(row, sort), row.mint) for row in found]
    assert keys == sorted(keys)
    assert len({row.mint for row in found}) == len(found) == 10


async def test_a_mint_seen_only_in_a_pool_of_a_stranger_has_a_card_but_is_not_listed(
    reads: Reads,
) -> None:
    card = await reads.token("stranger")
    assert card is not None
    assert (card.price, card.supply, card.trades) == (None, 5, 0)
    assert len(await reads.trades("stranger", limit=5)) == 1
    assert "stranger" not in {row.mint for row in await pages(reads, "created", limit=100)}


async def test_tokens_without_a_value_come_last(reads: Reads) -> None:
    found = await pages(reads, "market_cap", limit=4)
    caps = [market_cap(row) for row in found]
    assert caps[:3] == sorted((cap for cap in caps if cap is not None), reverse=True)
    assert caps[3:] == [None] * 7


@pytest.mark.parametrize("sort", ["market_cap", "volume"])
async def test_what_trades_for_another_coin_is_not_ranked_above_what_trades_for_sol(
    pool: Pool, sort: TokenSort
) -> None:
    dear = {"virtual_quote_reserves": 10**18, "quote_amount": 10**18, "quote_mint": "other"}
    market: list[AnyEvent] = [
        created(1, "sol"),
        curve_traded(2, "sol"),
        created(3, "dear", quote_mint="other"),
    ]
    hosted = [host(Tokens(), TokenStore(pool))]
    log = MemoryLog([*market, curve_traded(4, "dear", **dear)])
    await Runner(log, hosted).run(follow=False)
    found = await pages(PostgresReads(pool), sort, limit=1)
    assert [row.mint for row in found] == ["sol", "dear"]


@pytest.mark.parametrize("sort", sorted(AMOUNT_SORTS))
@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_amounts_of_sol_and_of_usdc_are_ranked_together_by_their_dollars(
    pool: Pool, sort: TokenSort, limit: int
) -> None:
    """At 100 dollars for a SOL; what trades for anything else comes last, whatever it trades."""
    market: list[AnyEvent] = []
    sizes = {
        "sol1": (WRAPPED_SOL, 10**9, 100),
        "sol3": (WRAPPED_SOL, 3 * 10**9, 300),
        "usd2": (USDC, 200 * 10**6, 200),
        "usd4": (USDC, 400 * 10**6, 400),
        "xxx9": ("other", 10**18, None),
    }
    for number, (mint, (quote, amount, _)) in enumerate(sizes.items()):
        figures = {
            "quote_amount": amount,
            "virtual_quote_reserves": amount,
            "real_quote_reserves": amount,
        }
        market.append(created(10 * number + 1, mint, quote_mint=quote))
        market.append(curve_traded(10 * number + 2, mint, quote_mint=quote, **figures))
    await Runner(MemoryLog(market), [host(Tokens(), TokenStore(pool))]).run(follow=False)
    found = await pages(PostgresReads(pool), sort, limit=limit, sol_usd=100.0)
    assert [row.mint for row in found] == ["usd4", "sol3", "usd2", "sol1", "xxx9"]
    found = await pages(PostgresReads(pool), sort, limit=limit, sol_usd=1_000.0)
    assert [row.mint for row in found] == ["sol3", "sol1", "usd4", "usd2", "xxx9"]


async def test_a_token_whose_value_comes_and_goes_meanwhile_is_listed_once(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those with a value and those without one are two questions, asked of one moment."""
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn)
    market: list[AnyEvent] = [created(1, "aaa"), curve_traded(2, "aaa"), curve_traded(3, "unseen")]
    await Runner(MemoryLog(market), [host(Tokens(), TokenStore(pool))]).run(follow=False)
    supplies = [None, SUPPLY, None, SUPPLY]

    async def meanwhile(connection: Connection, *asked: Any) -> list[TokenRow]:
        found: list[TokenRow] = await rows_of(connection, *asked)
        supply = supplies.pop(0)
        await pool.execute("update tokens set supply_reported = $1 where mint = 'aaa'", supply)
        return found

    monkeypatch.setattr(token_lists, "rows_of", meanwhile)
    page = Page(limit=100, sol_usd=100.0)
    found = await PostgresReads(pool).tokens(sort="market_cap", state=None, page=page)
    await pool.close()
    assert len(supplies) <= 2
    assert sorted(row.mint for row in found) == ["aaa", "unseen"]


async def test_pages_stay_in_step_while_tokens_move(reads: Reads, pool: Pool) -> None:
    """A token that jumps to the top between two pages shifts none of the others."""
    first = await reads.tokens(sort="last_trade", state=None, page=Page(limit=4))
    unmoved = [row.mint for row in await pages(reads, "last_trade", limit=100)]
    late = recorded([curve_traded(90, "aaa")], after=len(MARKET))
    await TokenStore(pool).save(Tokens().apply(late), seen=len(MARKET), reached=len(MARKET) + 1)
    after = (sort_value(first[-1], "last_trade"), first[-1].mint)
    second = await reads.tokens(sort="last_trade", state=None, page=Page(limit=4, after=after))
    expected = [mint for mint in unmoved if mint != "aaa"]
    assert [row.mint for row in (*first, *second)] == expected[:8]


@pytest.mark.parametrize(
    ("state", "mints"), [("completed", ["bbb"]), ("graduated", ["ccc"]), ("curve", None)]
)
async def test_a_list_can_be_narrowed_to_a_state(
    reads: Reads, state: TokenState, mints: list[str] | None
) -> None:
    found = await pages(reads, "created", limit=2, state=state)
    assert all(row.state == state for row in found)
    assert len(found) == 8 if mints is None else [row.mint for row in found] == mints


async def test_trades_are_read_newest_first_and_from_any_position_on(reads: Reads) -> None:
    every = await reads.trades("aaa", limit=100)
    expected = Trades().apply(recorded(MARKET[1:11]))[::-1]
    assert list(every) == expected
    older = await reads.trades("aaa", limit=3, before_pos=every[4].pos)
    assert list(older) == expected[5:8]


async def test_trades_of_a_version_that_kept_less_are_read_until_they_are_rebuilt(
    reads: Reads, pool: Pool
) -> None:
    kept = await reads.trades("aaa", limit=3)
    later = (
        *("held_quote_reserves", "held_token_reserves", "supply"),
        *("user_token_amount", "user_token_balance"),
    )
    await pool.execute(f"update trades set {', '.join(f'{name} = null' for name in later)}")
    assert await reads.trades("aaa", limit=3) == [
        msgspec.structs.replace(it, **dict.fromkeys(later)) for it in kept
    ]


async def test_candles_are_the_last_ones_of_the_time_asked_for_oldest_first(reads: Reads) -> None:
    """Trades fall on 12, 12, 12, 13, 13, 14, 14, 14, 15 and 15 seconds after genesis."""
    window = {"from_s": GENESIS_S, "to_s": GENESIS_S + 15}
    every = await reads.candles("aaa", interval_s=1, limit=100, **window)
    assert [row.start_s - GENESIS_S for row in every] == [12, 13, 14]
    assert [row.buys for row in every] == [3, 2, 3]
    last = await reads.candles("aaa", interval_s=1, limit=2, **window)
    assert list(last) == list(every[1:])
    tokens = 1_039_000_000_000_000
    assert (every[0].open, every[0].close) == (30 * 10**9 / tokens, 32 * 10**9 / tokens)
    assert (every[0].volume_quote, every[0].volume_token) == (3 * 10**9, 102 * 10**12)


async def test_bounds_beyond_the_end_of_time_are_as_good_as_none(reads: Reads) -> None:
    endless = {"from_s": -(10**30), "to_s": 10**30}
    for interval_s in INTERVALS_S.values():
        rows = await reads.candles("aaa", interval_s=interval_s, limit=100, **endless)
        assert sum(row.buys for row in rows) == 10
    assert len(await reads.trades("aaa", limit=100, before_pos=10**30)) == 10


async def test_positions_tell_how_far_each_read_model_is(reads: Reads) -> None:
    positions = await reads.positions()
    assert [(each.name, each.version, each.sequence) for each in positions] == [
        ("candles", Candles.version, len(MARKET)),
        ("sol_prices", 1, len(MARKET)),
        ("tokens", 3, len(MARKET)),
        ("trades", 3, len(MARKET)),
    ]


async def test_who_set_events_of_a_token_or_of_none_aside_is_told(pool: Pool) -> None:
    reads = PostgresReads(pool)
    await CandleStore(pool).park([aside(1, "a"), aside(2, "a")])
    await TradeStore(pool).park([aside(1, "b")])
    assert set(await reads.set_aside("a")) == {"candles"}
    assert set(await reads.set_aside("c")) == set()
    await SolPriceStore(pool).park([aside(3, None)])
    assert set(await reads.set_aside("a")) == {"candles", "sol_prices"}
    assert set(await reads.set_aside("b")) == {"trades", "sol_prices"}


def aside(sequence: int, mint: str | None) -> Parked:
    return Parked(sequence=sequence, event_id=f"e{sequence}", mint=mint, reason="bitter")


async def test_what_was_let_go_of_is_told_from_the_moment_it_is_noted(pool: Pool) -> None:
    """A generation that is served again comes with horizons of its own."""
    reads = PostgresReads(pool)
    assert (await reads.trades_horizon(), await reads.candles_from(interval_s=1)) == (None, None)
    await pool.execute(
        "insert into horizons (name, pos, complete_from_s, interval_s)"
        " values ('trades', 7, 8, 0), ('candles', 0, 9, 1)"
    )
    assert await reads.trades_horizon() == Horizon(pos=7, complete_from_s=8)
    assert await reads.candles_from(interval_s=1) == 9
    assert await reads.candles_from(interval_s=5) is None
    await pool.execute("delete from horizons")
    assert (await reads.trades_horizon(), await reads.candles_from(interval_s=1)) == (None, None)


async def test_a_database_without_the_tables_cannot_be_asked_yet(postgres_dsn: str) -> None:
    pool = await open_pool(postgres_dsn)
    with pytest.raises(ReadsUnavailableError, match="cannot be asked"):
        await PostgresReads(pool).positions()
    await pool.close()


async def test_a_read_that_takes_too_long_is_given_up(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn, statement_timeout_s=0.2)
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("lock table tokens in access exclusive mode")
        with pytest.raises(ReadsUnavailableError, match="statement timeout"):
            await PostgresReads(pool).token("aaa")
    await pool.close()
