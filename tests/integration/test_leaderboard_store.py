"""The leaderboards' store keeps exactly what the core says, on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import patient_store
from adapters.embedded.valkey import ValkeyServer
from adapters.valkey import checkpoint
from adapters.valkey.client import Command, Condition, Valkey
from adapters.valkey.keys import Keys
from adapters.valkey.leaderboards import RETAINED_S, LeaderboardStore
from adapters.valkey.values import change, placed, priced_minute
from curvetape.testing.events import GENESIS_S, batches, created, curve_traded, histories, recorded
from curvetape.testing.leaderboards import stretched, valkey_of
from domain.events import AnyEvent
from projections.buckets import Bucket, Key
from projections.leaderboards import Changes, Leaderboards, Prices
from projections.projection import (
    Checkpoint,
    CheckpointMovedError,
    StoreRefusedError,
    StoreUnavailableError,
    TakenBack,
)

KEYS = Keys("leaderboards")
STORY: Sequence[AnyEvent] = (
    created(1, "m"),
    curve_traded(2, "m"),
    curve_traded(9, "m", side="sell"),
    curve_traded(200, "n"),
)


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


async def rows(valkey: Valkey) -> Changes:
    """Everything that is kept, as one change."""
    generation = await valkey.one("GET", KEYS.generation)
    keys = KEYS.of(generation)
    cards = zip(*(await valkey.ask([("HKEYS", keys.cards), ("HVALS", keys.cards)])), strict=True)
    buckets: dict[Key, Bucket] = {}
    prices: Prices = {}
    traded: set[Key] = set()
    for key in await valkey.one("KEYS", f"{keys.root}:*"):
        kind, *rest = key.removeprefix(f"{keys.root}:").split(":")
        if kind == "buckets":
            for member in await valkey.one("ZRANGE", key, "0", "-1"):
                each = placed(member)
                buckets[rest[1], int(rest[0]), each.start_s] = each.bucket
        elif kind == "traded":
            for mint in await valkey.one("SMEMBERS", key):
                traded.add((mint, int(rest[0]), int(rest[1])))
        elif kind == "prices":
            minutes = map(priced_minute, await valkey.one("ZRANGE", key, "0", "-1"))
            prices = {each.start_s: each.price for each in minutes}
    assert traded == buckets.keys(), "every bucket is found by its time, and nothing else is"
    return Changes({mint: change(each) for mint, each in cards}, buckets, prices)


async def save(valkey: Valkey, events: Sequence[AnyEvent], *, size: int = 500) -> None:
    store = LeaderboardStore(valkey)
    assert (await store.checkpoint()).sequence == 0
    for batch in batches(recorded(events), size):
        await store.save(
            Leaderboards().apply(batch), seen=batch[0].sequence - 1, reached=batch[-1].sequence
        )


def kept(events: Sequence[AnyEvent]) -> Changes:
    """What a store has to hold after them."""
    changes = Leaderboards().apply(recorded(events))
    newest_s = max((key[2] for key in changes.buckets if key[1] == 60), default=0)
    recent = {k: each for k, each in changes.buckets.items() if k[2] > newest_s - RETAINED_S}
    prices = {k: each for k, each in changes.prices.items() if k > newest_s - RETAINED_S}
    return Changes(changes.tokens, recent, prices)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    events=histories(events_max=25),
    order=st.randoms(use_true_random=False),
    factor=st.sampled_from((1, 100, 3_000)),
)
async def test_any_batching_and_any_order_of_arrival_leave_the_same_rows(
    valkey: Valkey, events: list[Any], order: Any, factor: int
) -> None:
    """Stretched over minutes, hours or days, so that there is something to let go of."""
    events = stretched(events, factor)
    shuffled = list(events)
    order.shuffle(shuffled)
    for arrived, size in ((events, 500), (shuffled, 1), (shuffled, 7)):
        await valkey.one("FLUSHDB")
        await save(valkey, arrived, size=size)
        assert await rows(valkey) == kept(events)


async def test_amounts_beyond_what_a_float_holds_are_kept_exactly(valkey: Valkey) -> None:
    amounts = (2**53 + 1, 2**64 - 1, 2**64 - 1)
    trades = [curve_traded(slot, "m", quote_amount=it) for slot, it in enumerate(amounts, start=1)]
    await save(valkey, trades, size=1)
    found = await rows(valkey)
    assert {bucket.volume_quote for bucket in found.buckets.values()} == {sum(amounts)}
    assert found.tokens["m"].volume_quote == sum(amounts)


async def test_buckets_that_no_window_can_hold_are_let_go_of_and_do_not_come_back(
    valkey: Valkey,
) -> None:
    old = curve_traded(1, "m", block_time_s=GENESIS_S)
    new = curve_traded(2, "n", block_time_s=GENESIS_S + RETAINED_S + 3_600)
    late = curve_traded(3, "m", block_time_s=GENESIS_S + 60)
    await save(valkey, [old, new, late], size=1)
    found = await rows(valkey)
    assert {key[0] for key in found.buckets} == {"n"}
    assert found.tokens["m"].trades == 2
    assert found == kept([old, new, late])


async def test_a_second_runner_fails_before_it_counts_twice(valkey: Valkey) -> None:
    await save(valkey, STORY)
    before = await rows(valkey)
    batch = recorded(STORY)
    for seen in (0, 3):
        with pytest.raises(CheckpointMovedError, match=f"was 4 where {seen} was expected"):
            await LeaderboardStore(valkey).save(
                Leaderboards().apply(batch), seen=seen, reached=len(batch)
            )
    assert await rows(valkey) == before


async def test_of_two_runners_at_the_same_time_one_saves(valkey: Valkey) -> None:
    changes = Leaderboards().apply(recorded(STORY))
    stores = [LeaderboardStore(valkey) for _ in range(4)]
    await stores[0].checkpoint()
    ended = await asyncio.gather(
        *(store.save(changes, seen=0, reached=4) for store in stores), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in ended) == ["CheckpointMovedError"] * 3 + [
        "NoneType"
    ]
    assert await rows(valkey) == kept(STORY)


class Losing(Valkey):
    """Loses its connection at a save: before the server has it, or after it was done."""

    done_first = False
    lost = False

    async def change(
        self, conditions: Sequence[Condition], commands: Sequence[Command], *, spoilt: Command
    ) -> Condition | None:
        if self.lost:
            return await super().change(conditions, commands, spoilt=spoilt)
        self.lost = True
        if self.done_first:
            await super().change(conditions, commands, spoilt=spoilt)
        raise ConnectionResetError("the connection was lost")


@pytest.mark.parametrize("done_first", [False, True])
async def test_a_save_whose_connection_was_lost_is_made_once(
    valkey: Valkey, valkey_server: ValkeyServer, done_first: bool
) -> None:
    losing = Losing(valkey._client)
    losing.done_first = done_first
    store = LeaderboardStore(losing)
    await store.checkpoint()
    await store.save(Leaderboards().apply(recorded(STORY)), seen=0, reached=4)
    assert losing.lost
    assert await rows(valkey) == kept(STORY)
    assert await store.checkpoint() == Checkpoint(sequence=4, reread_after=4)


async def test_a_save_waits_for_a_server_that_was_killed(
    server_folder: Path,
) -> None:
    server = ValkeyServer(server_folder)
    await server.start()
    try:
        async with Valkey.at(server.url, application="test") as valkey:
            await save(valkey, STORY[:2])
            server.kill()
            saving = asyncio.create_task(
                LeaderboardStore(valkey).save(
                    Leaderboards().apply(recorded(STORY[2:], after=2)), seen=2, reached=4
                )
            )
            await asyncio.sleep(0.3)
            assert not saving.done()
            await server.start()
            await saving
            assert await rows(valkey) == kept(STORY)
    finally:
        await server.stop()


async def test_a_server_that_stays_away_is_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoint.CheckpointedStore, "attempts_max", 3)
    monkeypatch.setattr(patient_store, "WAIT_S_MIN", 0.001)
    async with Valkey.at("redis://127.0.0.1:1/0", application="test") as nobody:
        with pytest.raises(StoreUnavailableError, match="was away 3 times"):
            await LeaderboardStore(nobody).checkpoint()


async def test_a_server_that_refuses_who_we_are_is_not_asked_again(
    valkey_server: ValkeyServer,
) -> None:
    url = valkey_server.url.replace("redis://", "redis://nobody:wrong@")
    async with Valkey.at(url, application="test") as stranger:
        with pytest.raises(StoreRefusedError, match="refused"):
            await LeaderboardStore(stranger).checkpoint()


async def test_what_is_read_before_a_save_keeps_a_strangers_key_from_spoiling_it(
    valkey: Valkey,
) -> None:
    store = LeaderboardStore(valkey)
    await save(valkey, STORY[:2])
    keys = KEYS.of(await valkey.one("GET", KEYS.generation))
    await valkey.one("SET", keys.buckets(60, "n"), "a stranger's")
    with pytest.raises(StoreRefusedError, match="WRONGTYPE"):
        await store.save(Leaderboards().apply(recorded(STORY[2:], after=2)), seen=2, reached=4)
    await valkey.one("DEL", keys.buckets(60, "n"))
    assert await rows(valkey) == kept(STORY[:2])
    assert (await store.checkpoint()).sequence == 2


async def test_rows_that_a_save_broke_off_in_are_refused(valkey: Valkey) -> None:
    store = LeaderboardStore(valkey)
    await save(valkey, STORY[:2])
    keys = KEYS.of(await valkey.one("GET", KEYS.generation))
    await valkey.one("DEL", keys.touched)
    await valkey.one("SET", keys.touched, "a stranger's")
    with pytest.raises(StoreRefusedError, match="WRONGTYPE"):
        await store.save(Leaderboards().apply(recorded(STORY[2:], after=2)), seen=2, reached=4)
    with pytest.raises(StoreRefusedError, match="broke off"):
        await store.checkpoint()


async def test_refused_rows_are_built_anew_in_another_generation(valkey: Valkey) -> None:
    store = LeaderboardStore(valkey)
    await save(valkey, STORY)
    taken_back = TakenBack(slot=2, sequence=5)
    for _ in range(2):
        await store.take_back(taken_back)
    with pytest.raises(StoreRefusedError, match=r"slot 2 was .* `curvetape projections rebuild`"):
        await store.checkpoint()
    await valkey.one("DEL", KEYS.generation)
    assert await store.checkpoint() == Checkpoint(taken_back=(taken_back,))
    generation = await valkey.one("GET", KEYS.generation)
    left = set(await valkey.one("KEYS", "*"))
    assert left == {KEYS.generation, KEYS.taken_back, KEYS.of(generation).checkpoint}
    await store.save(Leaderboards().apply(recorded(STORY)), seen=0, reached=4)
    assert await rows(valkey) == kept(STORY)


async def test_rows_that_end_before_what_was_taken_back_are_not_refused(valkey: Valkey) -> None:
    store = LeaderboardStore(valkey)
    await save(valkey, STORY)
    await store.take_back(TakenBack(slot=2, sequence=4))
    assert (await store.checkpoint()).sequence == 4


async def test_a_runner_of_the_generation_before_saves_nothing(valkey: Valkey) -> None:
    await save(valkey, STORY[:2])
    await valkey.one("DEL", KEYS.generation)
    changes = Leaderboards().apply(recorded(STORY[2:], after=2))
    with pytest.raises(CheckpointMovedError):
        await LeaderboardStore(valkey).save(changes, seen=2, reached=4)
    await LeaderboardStore(valkey).checkpoint()
    with pytest.raises(CheckpointMovedError):
        await LeaderboardStore(valkey).save(changes, seen=2, reached=4)
    assert await rows(valkey) == Changes({}, {})


async def test_rows_of_another_version_are_refused(valkey: Valkey) -> None:
    await save(valkey, STORY)
    keys = KEYS.of(await valkey.one("GET", KEYS.generation))
    await valkey.one("HSET", keys.checkpoint, "version", "99")
    with pytest.raises(StoreRefusedError, match=r"of version 99, this program writes version \d"):
        await LeaderboardStore(valkey).checkpoint()
    with pytest.raises(CheckpointMovedError):
        await LeaderboardStore(valkey).save(Changes({}, {}), seen=4, reached=5)


async def test_rows_whose_checkpoint_was_lost_are_not_counted_on(valkey: Valkey) -> None:
    await save(valkey, STORY)
    keys = KEYS.of(await valkey.one("GET", KEYS.generation))
    await valkey.one("DEL", keys.checkpoint)
    await save(valkey, STORY)
    assert await rows(valkey) == kept(STORY)


async def test_a_checkpoint_says_where_what_waits_begins(valkey: Valkey) -> None:
    store = LeaderboardStore(valkey)
    assert await store.checkpoint() == Checkpoint()
    await store.save(Changes({}, {}), seen=0, reached=9, reread_after=4)
    assert await store.checkpoint() == Checkpoint(sequence=9, reread_after=4)
    await store.save(Changes({}, {}), seen=9, reached=12)
    assert await store.checkpoint() == Checkpoint(sequence=12, reread_after=12)
