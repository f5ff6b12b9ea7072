"""Rankings are those of the time that is asked for, whether anything was traded since or not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.embedded.valkey import ValkeyServer
from adapters.valkey import boards, leaderboards
from adapters.valkey.client import Command, Condition, Valkey
from adapters.valkey.keys import Keys
from adapters.valkey.leaderboards import RETAINED_S, LeaderboardStore
from adapters.valkey.reads import ValkeyLeaderboards
from curvetape.testing.events import (
    GENESIS_S,
    created,
    curve_traded,
    histories,
    recorded,
    sol_priced,
)
from curvetape.testing.leaderboards import newest_s, stretched, valkey_of
from curvetape.testing.memory_leaderboards import standings
from curvetape.testing.reads import MemoryReads
from domain.events import AnyEvent, CurveTraded, TokenCreated
from domain.programs import USDC
from projections.buckets import MINUTE_S
from projections.leaderboard_reads import LeaderboardReads, Point
from projections.leaderboards import Leaderboards
from projections.ranking import RANKINGS, Ranking, Standing
from projections.reads import ReadsUnavailableError
from projections.windows import WINDOWS_S, Window

NOON_S = GENESIS_S - GENESIS_S % 86_400 + 43_200
LIMIT = 1_000


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


@pytest.fixture
def reads(valkey: Valkey) -> LeaderboardReads:
    return ValkeyLeaderboards(valkey)


async def save(valkey: Valkey, events: Sequence[AnyEvent], *, seen: int = 0) -> int:
    """Save them as the log's next ones; the checkpoint behind them."""
    store = LeaderboardStore(valkey)
    await store.checkpoint()
    changes, reached = Leaderboards().apply(recorded(events, after=seen)), seen + len(events)
    await store.save(changes, seen=seen, reached=reached)
    return reached


def trade(number: int, mint: str, at_s: int, **fields: Any) -> AnyEvent:
    return curve_traded(number, mint, block_time_s=at_s, **fields)


async def ranked(reads: LeaderboardReads, ranking: Ranking, window: Window, at_s: int) -> list[str]:
    return [it.mint for it in await reads.board(ranking, window, at_s=at_s, limit=LIMIT)]


def expected(
    events: Sequence[AnyEvent], ranking: Ranking, window: Window, at_s: int
) -> list[Standing]:
    return standings(recorded(events), ranking, window, at_s)


@pytest.mark.parametrize("window", WINDOWS_S)
async def test_a_token_falls_out_as_time_passes_without_any_trade(
    valkey: Valkey, reads: LeaderboardReads, window: Window
) -> None:
    await save(valkey, [created(1, "m"), trade(2, "m", NOON_S + 30)])
    last_minute_s = NOON_S + WINDOWS_S[window] - MINUTE_S
    for at_s in (NOON_S + 30, last_minute_s, last_minute_s + 59):
        for ranking in RANKINGS:
            assert await ranked(reads, ranking, window, at_s) == ["m"]
    for ranking in RANKINGS:
        assert await ranked(reads, ranking, window, last_minute_s + 60) == []
    assert await ranked(reads, "volume", window, last_minute_s) == ["m"], "and back"


async def test_only_what_the_window_holds_is_measured(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    price = 1_039_000_000_000_000
    await save(
        valkey,
        [
            trade(1, "m", NOON_S, virtual_quote_reserves=10 * price, quote_amount=2**60 + 1),
            trade(2, "m", NOON_S + 600, virtual_quote_reserves=20 * price, quote_amount=5),
            trade(3, "m", NOON_S + 899, virtual_quote_reserves=50 * price, quote_amount=2**60 + 1),
        ],
    )
    (found,) = await reads.board("change", "5m", at_s=NOON_S + 899, limit=1)
    assert (found.volume_quote, found.trades, found.change) == (2**60 + 6, 2, 1.5)
    (found,) = await reads.board("change", "15m", at_s=NOON_S + 899, limit=1)
    assert (found.volume_quote, found.trades, found.change) == (2**61 + 7, 3, 4.0)
    (found,) = await reads.board("change", "15m", at_s=NOON_S + 900, limit=1)
    assert (found.volume_quote, found.trades, found.change) == (2**60 + 6, 2, 1.5)


async def test_a_trade_after_the_time_that_is_asked_for_waits_for_its_minute(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    await save(valkey, [trade(1, "m", NOON_S + 120)])
    assert await ranked(reads, "trades", "5m", NOON_S + 119) == []
    assert await ranked(reads, "trades", "5m", NOON_S + 120) == ["m"]


async def test_pages_follow_each_other_and_equal_values_come_by_mint(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    amounts = {"d": 1, "b": 7, "c": 7, "a": 3}
    await save(
        valkey,
        [
            trade(number, mint, NOON_S, quote_amount=amount)
            for number, (mint, amount) in enumerate(amounts.items(), start=1)
        ],
    )
    pages = [
        [
            each.mint
            for each in await reads.board("volume", "1h", at_s=NOON_S, limit=3, offset=offset)
        ]
        for offset in (0, 3, 6)
    ]
    assert pages == [["b", "c", "a"], ["d"], []]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    events=histories(events_max=30),
    factor=st.sampled_from((1, 40, 400)),
    questions=st.lists(
        st.tuples(
            st.integers(0, 30),
            st.integers(-3_000, 100_000),
            st.sampled_from(list(WINDOWS_S)),
        ),
        min_size=1,
        max_size=8,
    ),
)
async def test_whatever_was_asked_before_a_board_is_what_measuring_all_tokens_gives(
    valkey: Valkey,
    reads: LeaderboardReads,
    events: list[Any],
    factor: int,
    questions: list[tuple[int, int, Window]],
) -> None:
    """Questions in any order of time between saves; each after `cut` of the events at least."""
    await valkey.one("FLUSHDB")
    slow = stretched(some_for_usdc(events), factor)
    saved = 0
    for cut, later_s, window in sorted(questions, key=lambda each: each[0]):
        if slow[saved:cut]:
            saved = await save(valkey, slow[saved:cut], seen=saved)
        at_s = newest_s(slow[:saved]) + later_s
        for ranking in RANKINGS:
            found = await reads.board(ranking, window, at_s=at_s, limit=LIMIT)
            assert list(found) == expected(slow[:saved], ranking, window, at_s)


def some_for_usdc(events: Sequence[Any]) -> list[Any]:
    """The same, where one of the tokens trades for USDC."""
    return [
        msgspec.structs.replace(each, quote_mint=USDC)
        if isinstance(each, CurveTraded | TokenCreated) and each.mint == "mint2"
        else each
        for each in events
    ]


async def test_a_board_ranks_what_trades_for_usdc_by_sols_price_of_the_minute_before(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    seen = await save(
        valkey,
        [
            sol_priced(1, price=100 * 10**8, publish_time_s=NOON_S - 30),
            trade(2, "sol", NOON_S, quote_amount=2 * 10**9),
            trade(3, "usd", NOON_S, quote_amount=300 * 10**6, quote_mint=USDC),
            sol_priced(4, price=160 * 10**8, publish_time_s=NOON_S + 1),
            sol_priced(5, price=200 * 10**8, publish_time_s=NOON_S + 59),
        ],
    )
    for at_s, order, sol_usd in (
        (NOON_S - 60, [], None),
        (NOON_S + 59, ["usd", "sol"], 100.0),
        (NOON_S + 60, ["sol", "usd"], 200.0),
    ):
        found = await reads.board("volume", "1h", at_s=at_s, limit=LIMIT)
        assert [it.mint for it in found] == order
        assert {it.sol_usd for it in found} <= {sol_usd}
    assert [it.volume_usd for it in found] == [pytest.approx(400.0), pytest.approx(300.0)]
    late = [sol_priced(6, price=120 * 10**8, publish_time_s=NOON_S + 59)]
    await save(valkey, late, seen=seen)
    assert await ranked(reads, "volume", "1h", NOON_S + 60) == ["usd", "sol"]


async def test_many_who_ask_for_different_minutes_at_once_each_get_their_own(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    await save(valkey, [trade(n, f"m{n}", NOON_S + 60 * n) for n in range(20)])

    async def ask(minute: int) -> None:
        at_s = NOON_S + 60 * minute
        fresh = {f"m{n}" for n in range(max(0, minute - 4), minute + 1)}
        assert set(await ranked(reads, "trades", "5m", at_s)) == fresh

    await asyncio.gather(*(ask(minute) for minute in (3, 4, 3, 4)))


class Overtaken(Valkey):
    """Has measured who moved, when somebody else moves the board elsewhere first."""

    overtake: Callable[[], Awaitable[object]] | None = None

    async def change(
        self, conditions: Sequence[Condition], commands: Sequence[Command], *, spoilt: Command
    ) -> Condition | None:
        if (overtake := self.overtake) is not None:
            self.overtake = None
            await overtake()
        return await super().change(conditions, commands, spoilt=spoilt)


async def test_who_is_overtaken_by_another_question_measures_again(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    await save(valkey, [trade(1, "early", NOON_S), trade(2, "late", NOON_S + 300)])
    assert await ranked(reads, "volume", "5m", NOON_S + 300) == ["late"]
    overtaken = Overtaken(valkey._client)
    overtaken.overtake = lambda: ranked(reads, "volume", "5m", NOON_S + 240)
    later = ValkeyLeaderboards(overtaken)
    assert await ranked(later, "volume", "5m", NOON_S + 540) == ["late"]
    assert overtaken.overtake is None


async def test_a_board_moves_on_over_minutes_that_were_let_go_of_meanwhile(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    seen = await save(valkey, [trade(1, "m", NOON_S)])
    assert await ranked(reads, "volume", "24h", NOON_S) == ["m"]
    later_s = NOON_S + 2 * RETAINED_S
    await save(valkey, [trade(2, "n", later_s)], seen=seen)
    assert await ranked(reads, "volume", "24h", later_s) == ["n"]


async def test_a_board_begins_anew_where_it_is_not_known_who_changed(
    valkey: Valkey, reads: LeaderboardReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (leaderboards, boards):
        monkeypatch.setattr(module, "TOUCHED_MAX", 2)
    seen = await save(valkey, [trade(1, "a", NOON_S, quote_amount=1)])
    assert await ranked(reads, "volume", "5m", NOON_S) == ["a"]
    for number, mint in enumerate("abcd", start=2):
        seen = await save(valkey, [trade(number, mint, NOON_S, quote_amount=number)], seen=seen)
    keys = Keys("leaderboards").of(await valkey.one("GET", Keys("leaderboards").generation))
    assert await valkey.one("ZCARD", keys.touched) == 2
    assert await ranked(reads, "volume", "5m", NOON_S) == ["d", "c", "a", "b"]


async def test_a_board_that_nobody_asks_for_is_forgotten(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    await save(valkey, [created(1, "m"), trade(2, "m", NOON_S)])
    await ranked(reads, "score", "5m", NOON_S)
    found = set(await valkey.one("KEYS", "*:5m*"))
    assert len(found) == 2 + len(RANKINGS), "what is valued by SOL's price is nothing here"
    assert {await valkey.one("TTL", key) for key in found} <= {
        boards.IDLE_S_MAX,
        boards.IDLE_S_MAX - 1,
    }


async def test_a_snapshot_is_the_tokens_card(valkey: Valkey, reads: LeaderboardReads) -> None:
    events: Sequence[AnyEvent] = [created(1, "m"), trade(2, "m", NOON_S), trade(3, "n", NOON_S)]
    assert await reads.snapshot("m") is None
    await save(valkey, events)
    memory = MemoryReads(recorded(events))
    for mint in ("m", "n", "unknown"):
        assert await reads.snapshot(mint) == await memory.token(mint)


async def test_points_are_the_minutes_of_the_last_day(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    price = 1_039_000_000_000_000
    assert await reads.points("m", at_s=NOON_S) == []
    day_s = 86_400
    await save(
        valkey,
        [
            trade(1, "m", NOON_S - day_s, virtual_quote_reserves=price),
            trade(2, "m", NOON_S - 60, virtual_quote_reserves=2 * price),
            trade(3, "m", NOON_S - 1, virtual_quote_reserves=3 * price, side="sell"),
            trade(4, "m", NOON_S, virtual_token_reserves=0),
            trade(5, "n", NOON_S),
        ],
    )
    sol = 1_000_000_000
    assert await reads.points("m", at_s=NOON_S + 59) == [
        Point(start_s=NOON_S - 60, price=3.0, volume_quote=2 * sol, buys=1, sells=1),
        Point(start_s=NOON_S, price=None, volume_quote=sol, buys=1, sells=0),
    ]
    assert len(await reads.points("m", at_s=NOON_S - 1)) == 2


async def test_what_cannot_be_asked_is_said(valkey: Valkey) -> None:
    async with Valkey.at("redis://127.0.0.1:1/0", application="test") as nobody:
        away = ValkeyLeaderboards(nobody)
        for question in (
            away.board("volume", "5m", at_s=NOON_S, limit=1),
            away.snapshot("m"),
            away.points("m", at_s=NOON_S),
        ):
            with pytest.raises(ReadsUnavailableError):
                await question


async def test_a_silent_server_is_waited_for_once_for_its_position() -> None:
    connections = 0

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        async with Valkey.at(url, application="test") as silent:
            away = ValkeyLeaderboards(silent)
            for _ in range(100):
                with pytest.raises(ReadsUnavailableError):
                    await away.position()
    assert connections == 1


async def test_before_the_first_start_every_board_is_empty(reads: LeaderboardReads) -> None:
    assert await ranked(reads, "volume", "24h", NOON_S) == []


async def test_tokens_are_told_together_and_the_position_is_that_of_the_last_save(
    valkey: Valkey, reads: LeaderboardReads
) -> None:
    assert await reads.position() is None
    assert await reads.snapshots(["m"]) == {}
    reached = await save(valkey, [created(1, "m"), trade(2, "m", NOON_S), trade(3, "n", NOON_S)])
    position = await reads.position()
    assert position is not None
    assert (position.name, position.sequence) == ("leaderboards", reached)
    assert position.version == Leaderboards.version
    assert await reads.snapshots(["n", "absent", "m"]) == {
        mint: await reads.snapshot(mint) for mint in ("n", "m")
    }
