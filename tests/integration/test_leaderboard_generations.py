"""Leaderboards are built anew beside the served ones, swapped in under load, and compared."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from adapters.embedded.valkey import ValkeyServer
from adapters.valkey import generations as module
from adapters.valkey.client import Valkey
from adapters.valkey.generations import Generations
from adapters.valkey.keys import GenerationKeys, Keys
from adapters.valkey.leaderboards import LeaderboardStore
from adapters.valkey.reads import ValkeyLeaderboards
from curvetape.bootstrap import leaderboards
from curvetape.comparing_keys import KeyComparing
from curvetape.rebuilding_keys import KeyRebuilding
from curvetape.testing.events import created, curve_traded
from curvetape.testing.forks import confirmed
from curvetape.testing.leaderboards import valkey_of
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from projections.audit.model_report import ModelReport
from projections.generation import GenerationError
from projections.leaderboards import Leaderboards
from projections.parking import Parked
from projections.projection import StoreRefusedError, TakenBack
from projections.runner import ProjectionsStoppedError, Runner

NAME = Leaderboards.name
KEYS = Keys(NAME)
BATCH_MAX = 50
GROWTH_EVENTS = 8
END_S = created(3_000, "m").block_time_s


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


def story(first_slot: int, count: int) -> list[AnyEvent]:
    """So many events of three tokens, a slot for each, in a time that stands still."""
    builders = (created, curve_traded, curve_traded)
    return [
        builders[number % len(builders)](
            first_slot + number, f"mint{number // 3 % 3}", block_time_s=END_S
        )
        for number in range(count)
    ]


async def project(valkey: Valkey, log: MemoryLog) -> None:
    await Runner(log, [leaderboards(valkey)], batch_max=BATCH_MAX).run(follow=False)


def rebuilding(
    valkey: Valkey, log: MemoryLog, said: Callable[[str], None] = print
) -> KeyRebuilding:
    return KeyRebuilding(
        log, Generations(valkey, NAME), partial(leaderboards, valkey), said, batch_max=BATCH_MAX
    )


async def verified(valkey: Valkey, log: MemoryLog) -> ModelReport:
    hosted = partial(leaderboards, valkey)
    return await KeyComparing(log, valkey, hosted, print, batch_max=BATCH_MAX, rows_max=9).run()


async def served(valkey: Valkey) -> GenerationKeys:
    return await Generations(valkey, NAME).keys("served")


async def trades(valkey: Valkey) -> int:
    """All that the day's board counts."""
    board = await ValkeyLeaderboards(valkey).board("trades", "24h", at_s=END_S, limit=10)
    return sum(each.trades for each in board)


class Traffic:
    """A log that grows, a runner that follows it and a reader that never stops asking."""

    def __init__(self, valkey: Valkey, log: MemoryLog) -> None:
        self._valkey = valkey
        self._log = log
        self.answers: list[int] = []

    async def grow(self) -> None:
        while True:
            self._log.add(*story(1_000 + await self._log.last_sequence(), GROWTH_EVENTS))
            await asyncio.sleep(0.01)

    async def ask(self) -> None:
        while True:
            self.answers.append(await trades(self._valkey))

    async def asked(self, times: int = 5) -> None:
        """Return once it was asked so many times more."""
        goal = len(self.answers) + times

        async def enough() -> bool:
            return len(self.answers) >= goal

        await until(enough)

    async def written_to(self, after: int) -> None:
        """Return once what is served holds more than up to a sequence."""

        async def more() -> bool:
            found = await Generations(self._valkey, NAME).served()
            return found is not None and found.sequence > after

        await until(more)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """All of it within the block; its failures are the block's."""
        following = asyncio.create_task(Runner(self._log, [leaderboards(self._valkey)]).run())
        growing, asking = asyncio.create_task(self.grow()), asyncio.create_task(self.ask())
        try:
            yield
            growing.cancel()
            last = await self._log.last_sequence()

            async def all_there() -> bool:
                found = await Generations(self._valkey, NAME).served()
                return found is not None and found.sequence == last

            await until(all_there)
            assert not following.done()
            assert not asking.done()
        finally:
            for task in (following, growing, asking):
                task.cancel()
            await asyncio.gather(following, growing, asking, return_exceptions=True)


async def test_the_swap_and_the_way_back_fail_no_read_and_lose_no_write(valkey: Valkey) -> None:
    log = MemoryLog(story(1, 1_000))
    await project(valkey, log)
    keys = await served(valkey)
    await valkey.one("DEL", keys.buckets(3_600, "mint1"), keys.buckets(60, "mint1"))
    traffic, work = Traffic(valkey, log), rebuilding(valkey, log)
    async with traffic.going_on():
        await traffic.asked()
        await work.build()
        swapped = await work.serve("next")
        mended = len(traffic.answers)
        await traffic.asked()
        await traffic.written_to(after=swapped.sequence)
        await work.serve("previous")
        await traffic.asked()
        again = await work.serve("previous")
    assert again.sequence > swapped.sequence > 1_000
    answers = traffic.answers[: mended + 1]
    assert answers == sorted(answers), "a swap never shows less than was shown before"
    assert (await verified(valkey, log)).verdict == "equal"


async def test_a_comparison_under_load_finds_no_difference_and_stops_nobody(
    valkey: Valkey,
) -> None:
    log = MemoryLog(story(1, 500))
    await project(valkey, log)
    traffic = Traffic(valkey, log)
    async with traffic.going_on():
        await traffic.asked()
        found = await verified(valkey, log)
        await traffic.asked()
    assert found.verdict == "equal", found
    assert found.sequence is not None
    assert found.sequence > 500
    left = await valkey.one("KEYS", f"{KEYS.root}:*")
    numbers = {key.split(":")[2] for key in left if key.split(":")[2].isdigit()}
    assert numbers == {await valkey.one("GET", KEYS.generation)}, "the replay is thrown away"


async def spoil_a_card(valkey: Valkey, keys: GenerationKeys) -> None:
    card = await valkey.one("HGET", keys.cards, "mint0")
    await valkey.one("HSET", keys.cards, "mint0", card.replace('"buys":', '"buys":1'))


async def lose_a_card(valkey: Valkey, keys: GenerationKeys) -> None:
    await valkey.one("HDEL", keys.cards, "mint0")


async def invent_a_bucket(valkey: Valkey, keys: GenerationKeys) -> None:
    members = await valkey.one("ZRANGE", keys.buckets(60, "mint0"), "0", "0")
    await valkey.one("ZADD", keys.buckets(60, "stranger"), "60", members[0])


async def lose_a_place_in_time(valkey: Valkey, keys: GenerationKeys) -> None:
    await valkey.one("SREM", keys.traded(60, END_S - END_S % 60), "mint0")


@pytest.mark.parametrize(
    ("spoil", "table", "what"),
    [
        (spoil_a_card, "cards", "other values"),
        (lose_a_card, "cards", "missing"),
        (invent_a_bucket, "buckets", "extra"),
        (lose_a_place_in_time, "traded", "missing"),
    ],
)
async def test_a_comparison_names_every_row_that_differs(
    valkey: Valkey,
    spoil: Callable[[Valkey, GenerationKeys], Awaitable[None]],
    table: str,
    what: str,
) -> None:
    log = MemoryLog(story(1, 60))
    await project(valkey, log)
    assert (await verified(valkey, log)).verdict == "equal"
    await spoil(valkey, await served(valkey))
    found = await verified(valkey, log)
    assert found.verdict == "different"
    differing = {it.name: it for it in found.tables if it.digest != it.digest_replayed}
    assert differing.keys() == {table}
    assert differing[table].differences == {what: 1}
    assert [it.what for it in differing[table].first] == [what]
    kept = differing[table].first[0].kept
    if what == "other values":
        assert kept is not None
        assert kept.keys() == {"buys"}


async def test_what_cannot_be_compared_is_said(valkey: Valkey) -> None:
    log = MemoryLog(story(1, 60))
    assert (await verified(valkey, log)).reason == "it has not begun"
    await project(valkey, log)
    longer, shorter = log, MemoryLog(story(1, 30))
    assert "made from another log" in str((await verified(valkey, shorter)).reason)
    async with Generations(valkey, NAME).scratch(version=Leaderboards.version):
        assert "by another program" in str((await verified(valkey, longer)).reason)
    assert (await verified(valkey, longer)).verdict == "equal"
    await valkey.one("HSET", (await served(valkey)).checkpoint, "version", "99")
    assert "version 99" in str((await verified(valkey, longer)).reason)


async def test_a_build_that_was_interrupted_goes_on_where_it_was(valkey: Valkey) -> None:
    log = MemoryLog(story(1, 2_000))
    await project(valkey, log)
    generations = Generations(valkey, NAME)
    building = asyncio.create_task(rebuilding(valkey, log).build())

    async def begun() -> bool:
        found = await generations.beside("next")
        return found is not None and found.sequence > 0

    await until(begun)
    building.cancel()
    await asyncio.wait((building,))
    assert building.cancelled()
    left = await generations.beside("next")
    assert left is not None
    assert 0 < left.sequence < 2_000
    said: list[str] = []
    work = rebuilding(valkey, log, said.append)
    assert (await work.build()).sequence == 2_000
    assert "going on" in said[0]
    await work.build(fresh=True)
    assert "building" in said[-1]
    await work.serve("next")
    assert (await verified(valkey, log)).verdict == "equal"


async def test_a_rebuild_heals_what_was_refused(valkey: Valkey) -> None:
    log = MemoryLog(story(1, 100))
    await project(valkey, log)
    store = LeaderboardStore(valkey)
    await store.take_back(TakenBack(slot=50, sequence=101))
    with pytest.raises(StoreRefusedError):
        await store.checkpoint()
    work = rebuilding(valkey, log)
    await work.build()
    await work.serve("next")
    assert (await store.checkpoint()).sequence == 100
    with pytest.raises(GenerationError, match="was refused"):
        await work.serve("previous")


async def test_what_cannot_be_served_is_refused_in_a_sentence(valkey: Valkey) -> None:
    log, generations = MemoryLog(story(1, 50)), Generations(valkey, NAME)
    work = rebuilding(valkey, log)
    with pytest.raises(GenerationError, match="nothing to rebuild"):
        await work.build()
    await project(valkey, log)
    for place in ("next", "previous"):
        with pytest.raises(GenerationError, match="rebuild it first"):
            await work.serve(place)
    await work.build()
    async with generations.held():
        with pytest.raises(GenerationError, match="by another program"):
            await work.serve("next")
    keys = await generations.keys("next")
    await valkey.one("HSET", keys.checkpoint, "version", "99")
    with pytest.raises(GenerationError, match="version 99"):
        await work.serve("next")
    before = await valkey.one("GET", KEYS.generation)

    async def too_little(sequence: int) -> frozenset[int]:
        assert sequence == 50
        await valkey.one("HSET", keys.checkpoint, "sequence", "49")
        return frozenset()

    with pytest.raises(GenerationError, match="was not brought to sequence 50"):
        await generations.promote("next", too_little)
    assert await valkey.one("GET", KEYS.generation) == before


async def test_what_waited_for_its_slot_until_it_was_parked_stays_parked_across_a_swap(
    valkey: Valkey,
) -> None:
    """The checkpoint is behind such an event long before the event is passed."""
    waiting = curve_traded(200, "mint1", provisional=True, block_time_s=END_S)
    log = MemoryLog([*story(1, 50), waiting, curve_traded(150, "mint2", block_time_s=END_S)])
    await project(valkey, log)
    before, store = await trades(valkey), LeaderboardStore(valkey)
    ahead = Parked(sequence=51, event_id=waiting.id, mint="mint1", reason="bitter")
    await store.park([ahead])
    work = rebuilding(valkey, log)
    await work.build()
    await work.serve("next")
    assert await store.parked() == [ahead]
    log.add(confirmed(200))
    await store.save(Leaderboards().apply(()), seen=52, reached=53)  # by who has parked it
    await work.serve("previous")
    assert await store.parked() == [], "what is served now met the event on its way"
    assert await trades(valkey) == before + 1


async def test_of_two_builds_at_a_time_one_stops(valkey: Valkey) -> None:
    log = MemoryLog(story(1, 1_000))
    await project(valkey, log)
    ended = await asyncio.gather(
        rebuilding(valkey, log).build(), rebuilding(valkey, log).build(), return_exceptions=True
    )
    stopped = [each for each in ended if isinstance(each, ProjectionsStoppedError)]
    assert len(stopped) == 1, ended
    await rebuilding(valkey, log).serve("next")
    assert (await verified(valkey, log)).verdict == "equal"


async def test_who_saves_waits_for_who_holds_and_goes_on_even_if_that_one_has_died(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_S_MAX", 1)
    log = MemoryLog(story(1, 50))
    await project(valkey, log)
    log.add(*story(51, 10))
    async with Generations(valkey, NAME).held() as token:
        saving = asyncio.create_task(project(valkey, log))
        await asyncio.sleep(1.5)
        assert not saving.done(), "it is held for longer than it would last by itself"
    await saving
    with pytest.raises(GenerationError, match="not heard of"):
        await Generations(valkey, NAME).check_held(token)
    await valkey.one("SET", KEYS.held, "of somebody who died", "EX", "1")
    log.add(*story(61, 10))
    await project(valkey, log)
    assert (await verified(valkey, log)).verdict == "equal"


async def test_only_what_nothing_names_is_swept_away(valkey: Valkey) -> None:
    log = MemoryLog(story(1, 60))
    await project(valkey, log)
    work, generations = rebuilding(valkey, log), Generations(valkey, NAME)
    for _ in range(3):
        await work.build()
        await work.serve("next")
    await work.build()
    kept: Sequence[str] = [
        (await generations.keys(role)).root for role in ("served", "previous", "next")
    ]
    roots = {key.rpartition(":cards")[0] for key in await valkey.one("KEYS", "*:cards")}
    assert roots == set(kept)
