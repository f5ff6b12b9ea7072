"""What is filled from the archive by columns is what a replay makes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import polars as pl
import pytest

from adapters.archive.folder import FolderStore
from adapters.archive.log import ArchivedLog
from adapters.postgres import portfolio_load
from adapters.postgres.generations import Generations
from adapters.postgres.holder_load import HolderLoad
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.search_changes import PostgresDocuments
from adapters.postgres.tokens import TokenStore
from curvetape.bootstrap import read_models
from curvetape.loading import load_by_columns
from curvetape.loads.candles import LATE_S, CandleMaking
from curvetape.loads.holders import HolderMaking
from curvetape.rebuilding import Rebuilding
from curvetape.testing.archives import MemoryStream, sealed
from curvetape.testing.loads import (
    BLOCKS,
    SEGMENT_EVENTS,
    digest,
    history,
    loaded_as_a_replay_makes_it,
)
from curvetape.testing.waiting import until
from domain.archive import ArchiveDamagedError
from domain.position import Position, PositionOutOfRangeError
from projections.indexing import IndexPlace
from projections.runner import Runner

_INDEXES_OF = """
    select array_agg(said order by said) as of from (
        select split_part(indexdef, ' USING ', 2) as said
        from pg_indexes where schemaname = $1 and tablename = $2
    ) as indexes
"""


@pytest.mark.parametrize(("left_in_the_stream", "late_s"), [(0, LATE_S), (250, 0), (0, -90_000)])
async def test_loaded_candles_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int, late_s: int
) -> None:
    """However soon a candle is written, and so however much comes late."""
    loaded = await loaded_as_a_replay_makes_it(
        "candles",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        making=CandleMaking(late_s=late_s),
    )
    assert (loaded.late_rows > 0) == (late_s < 0)


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_trades_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int
) -> None:
    await loaded_as_a_replay_makes_it(
        "trades", postgres_dsn, FolderStore(tmp_path), left_in_the_stream=left_in_the_stream
    )


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_prices_of_sol_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int
) -> None:
    """Of several in one slot, and of one that comes when the slot was sealed, the same counts."""
    await loaded_as_a_replay_makes_it(
        "sol_prices",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        rows_min=BLOCKS - 1,
    )
    connection = await asyncpg.connect(postgres_dsn)
    found = await connection.fetch("select account, count(*) from sol_prices group by 1 order by 1")
    await connection.close()
    assert [tuple(row) for row in found] == [("b", BLOCKS - 2), ("c", 1), ("odd", 1)]


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_holders_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int
) -> None:
    """With how each token began, and how many hold it."""
    await loaded_as_a_replay_makes_it(
        "holders",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        rows_min=150,
    )
    connection = await asyncpg.connect(postgres_dsn)
    found = await connection.fetch(
        "select wallet, bought, reported from holders where mint = 'held' order by wallet"
    )
    await connection.close()
    assert {row["wallet"]: row["reported"] for row in found} == {"ann": None, "bob": 0, "dan": None}
    assert found[0]["bought"] > 2**64 - 2


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_tokens_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int
) -> None:
    """With what was burned and reported of each, and the supplies that follow from it."""
    await loaded_as_a_replay_makes_it(
        "tokens",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        rows_min=40,
    )
    connection = await asyncpg.connect(postgres_dsn)
    card = await connection.fetchrow("select * from tokens where mint = 'card'")
    burns = await connection.fetch("select amount from token_burns where mint = 'card'")
    await connection.close()
    assert card is not None
    assert (card["name"], card["symbol"], card["uri"]) == ('a "name",\nof two lines\r', "", "\\.")
    assert (card["supply"], card["burned_later"], card["pool"]) == (10**15 - 7, 7, "other")
    assert sorted(it["amount"] for it in burns) == [3, 7, 2**64 - 1]
    assert (card["high_price"], card["trades"]) == (9 * 10**15 / 1_039_000_000_000_000, 5)
    assert (card["described_attempt"], card["state"]) == (2, "graduated")


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_portfolios_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_in_the_stream: int
) -> None:
    """With what they come to, whether all wallets are folded at once or a few at a time."""
    if left_in_the_stream:
        monkeypatch.setattr(portfolio_load, "TRADES_TOGETHER", 25)
    await loaded_as_a_replay_makes_it(
        "portfolios",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        table="portfolio_trades",
    )
    connection = await asyncpg.connect(postgres_dsn)
    found = await connection.fetchrow(
        "select cost_amount, realised_amount, unbought_amount, unbought_quote_amount"
        " from portfolio_positions where mint = 'folded'"
    )
    huge = await connection.fetchval("select max(bought_amount) from portfolio_positions")
    most = await connection.fetchval(
        "select count(*) from portfolio_trades group by wallet order by 1 desc limit 1"
    )
    indexed = await connection.fetchval(
        "select count(*) from pg_indexes"
        " where schemaname = 'public' and tablename = 'portfolio_positions'"
    )
    await connection.close()
    # 101 * 4 // 10 = 40 of the cost went first, though that sale was known last, and 61 then.
    assert found is not None
    assert tuple(found) == (0, 50 - 40 + 60 - 61, 3, 30)
    assert huge > 2**64 - 2
    assert most > 25
    assert indexed == 2


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_search_is_that_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int
) -> None:
    """With what waits for the chain's clock; an index elsewhere is told of every document."""
    await loaded_as_a_replay_makes_it(
        "search",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        rows_min=40,
        table="search_documents",
    )
    pool = await open_pool(postgres_dsn)
    try:
        (card,) = await pool.fetch("select * from search_documents where mint = 'card'")
        (clock,) = await pool.fetch("select * from search_clock")
        (before,) = await pool.fetch("select * from search_previous.search_clock")
        ticks = await pool.fetch("select distinct tick from search_changes order by tick")
        listed = await pool.fetch("select mint from search_documents where listed")
        place = IndexPlace(generation=before["generation"], tick=before["tick"], mint="card")
        changed = await PostgresDocuments(pool).after(place, limit=10_000)
        (indexes,) = await pool.fetch(_INDEXES_OF, "public", "search_documents")
        (known,) = await pool.fetch(_INDEXES_OF, "search_previous", "search_documents")
    finally:
        await pool.close()
    assert (card["name"], card["words"]) == (
        'a "name",\nof two lines\r',
        "| a name of two lines |  |",
    )
    assert (card["burned_later"], card["trades"], card["state"]) == (7, 5, "graduated")
    assert (card["described_attempt"], card["has_website"]) == (2, False)
    assert len(indexes["of"]) >= 4
    assert indexes == known
    assert clock["latest_s"] == before["latest_s"]
    assert ticks[0]["tick"] == 1
    assert (len(ticks) == 1) == (left_in_the_stream == 0)
    assert clock["tick"] == ticks[-1]["tick"]
    assert changed is not None
    assert (changed.generation, changed.complete) == (clock["generation"], True)
    assert {it.token.mint for it in changed.documents} == {it["mint"] for it in listed}


async def test_loaded_trades_leave_out_what_was_let_go_of(
    postgres_dsn: str, tmp_path: Path
) -> None:
    await loaded_as_a_replay_makes_it(
        "trades",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=250,
        let_go="""
            insert into horizons
            select 'trades', percentile_disc(0.3) within group (order by pos), 0 from trades;
            delete from trades where pos < (select pos from horizons);
        """,
    )


class Refusing(HolderMaking):
    """Cannot apply something that the third segment holds, or what is left at the end."""

    def __init__(self, *, at_the_end: bool) -> None:
        self._segments = 0
        self._at_the_end = at_the_end

    def made(self, read: Sequence[pl.DataFrame]) -> Sequence[pl.DataFrame]:
        self._segments += 1
        if self._segments == 3 and not self._at_the_end:
            raise PositionOutOfRangeError(Position(1, 1 << 17, 0, 0))
        return super().made(read)

    def rest(self) -> Sequence[pl.DataFrame]:
        if self._at_the_end:
            raise PositionOutOfRangeError(Position(1, 1 << 17, 0, 0))
        return super().rest()


@pytest.mark.parametrize("at_the_end", [False, True])
async def test_what_a_load_cannot_apply_is_left_to_a_replay(
    postgres_dsn: str, tmp_path: Path, at_the_end: bool
) -> None:
    """A replay can park an event; the tables begin anew, with their keys."""
    messages, store = history(), FolderStore(tmp_path)
    segments = sealed(store, messages, events_max=SEGMENT_EVENTS)
    refused = segments if at_the_end else segments[2:3]
    log = ArchivedLog(store, MemoryStream(messages))
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn)
    try:
        await Runner(log, read_models(pool)).run(follow=False)
    finally:
        await pool.close()
    said: list[str] = []
    making = Refusing(at_the_end=at_the_end)

    async def load(schema: str, until: int) -> None:
        await load_by_columns(
            "holders", store, postgres_dsn, schema, until=until, say=said.append, making=making
        )

    async with await Generations.open(postgres_dsn) as generations:
        rebuilding = Rebuilding(
            log,
            generations,
            read_models,
            "holders",
            said.append,
            batch_max=100,
            loads={"holders": load},
        )
        await rebuilding.build()
        built = await digest(postgres_dsn, "holders_next", "holders")
        assert built == await digest(postgres_dsn, "public", "holders")
        assert built[0] > 150
        await rebuilding.serve("next")
    (told,) = [line for line in said if "event by event" in line]
    assert f"{refused[0].first_sequence:,} to {refused[-1].last_sequence:,}" in told
    assert "does not fit 32 slot" in told


async def test_a_damaged_segment_ends_the_load_and_leaves_nobody_at_work(
    postgres_dsn: str, tmp_path: Path
) -> None:
    messages = history()
    store = FolderStore(tmp_path)
    segments = sealed(store, messages, events_max=SEGMENT_EVENTS)
    damaged = tmp_path / segments[2].file
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    await migrate(postgres_dsn)
    others = asyncio.all_tasks()
    with pytest.raises(ArchiveDamagedError):
        await load_by_columns(
            "candles", store, postgres_dsn, "public", until=len(messages), say=print
        )
    assert asyncio.all_tasks() == others


async def test_without_whole_segments_before_the_served_ones_place_nothing_is_loaded(
    postgres_dsn: str, tmp_path: Path
) -> None:
    messages = history()
    store = FolderStore(tmp_path)
    sealed(store, messages, events_max=SEGMENT_EVENTS)
    loaded = await load_by_columns(
        "candles", store, postgres_dsn, "candles_next", until=10, say=print
    )
    assert loaded is None


async def test_a_load_that_cannot_begin_leaves_no_connection(postgres_dsn: str) -> None:
    with pytest.raises(asyncpg.InvalidSchemaNameError) as caught:
        await HolderLoad.open(postgres_dsn, "holders_next")
    connection = await asyncpg.connect(postgres_dsn)

    async def is_alone() -> bool:
        found = await connection.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and backend_type = 'client backend'"
        )
        return bool(found == 1)

    try:
        await until(is_alone)
    finally:
        await connection.close()
    del caught  # until here, so that nothing else has ended the connection


async def test_all_tables_of_a_load_are_analyzed_by_their_keys(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """Or the server takes them for empty until it looks at them by itself."""
    messages, store = history(), FolderStore(tmp_path)
    sealed(store, messages, events_max=SEGMENT_EVENTS)
    await migrate(postgres_dsn)
    await load_by_columns("tokens", store, postgres_dsn, "public", until=len(messages), say=print)
    connection = await asyncpg.connect(postgres_dsn)
    found = await connection.fetch(
        "select tablename, attname from pg_stats where schemaname = $1", "public"
    )
    await connection.close()
    assert {tuple(it) for it in found} >= {
        (table.table, column) for table in TokenStore.tables for column in table.key
    }
