"""An event that leaderboards cannot apply is set aside on Valkey, and applied after a fix."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from adapters.embedded.valkey import ValkeyServer
from adapters.valkey.client import Command, Condition, Valkey
from adapters.valkey.generations import Generations
from adapters.valkey.leaderboards import LeaderboardStore
from adapters.valkey.reads import ValkeyLeaderboards
from curvetape.bootstrap import leaderboards
from curvetape.testing.events import created, curve_traded, recorded
from curvetape.testing.leaderboards import valkey_of
from curvetape.testing.memory_log import MemoryLog
from curvetape.unparking import Unparked, unpark
from domain.events import AnyEvent
from domain.log import Entry, Recorded
from projections.leaderboards import Changes, Leaderboards
from projections.parking import Parked
from projections.projection import StoreRefusedError, host
from projections.runner import Runner

EVENTS: Sequence[AnyEvent] = [created(1, "m"), *(curve_traded(slot, "m") for slot in range(2, 12))]
BAD = 5
AT_S = curve_traded(len(EVENTS), "m").block_time_s


class Choosy(Leaderboards):
    """Does not take one of the events."""

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        if any(each.sequence == BAD for each in batch):
            raise ValueError("bitter")
        return super().apply(batch)


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


async def choke(valkey: Valkey) -> list[Entry]:
    """Project the events with the core that does not take one; the letters that it wrote."""
    letters: list[Entry] = []

    async def tell(letter: Entry) -> None:
        letters.append(letter)

    hosted = host(Choosy(), LeaderboardStore(valkey))
    await Runner(MemoryLog(EVENTS), [hosted], batch_max=4, tell=tell).run(follow=False)
    return letters


async def mended(valkey: Valkey) -> Unparked:
    return await unpark(MemoryLog(EVENTS), leaderboards(valkey))


async def trades(valkey: Valkey) -> int:
    (found,) = await ValkeyLeaderboards(valkey).board("trades", "1h", at_s=AT_S, limit=10)
    return found.trades


async def test_the_rest_goes_on_and_a_retry_applies_it(valkey: Valkey) -> None:
    letters = await choke(valkey)
    assert [each.subject for each in letters] == ["dead.project.leaderboards"]
    store = LeaderboardStore(valkey)
    assert [(it.sequence, it.mint) for it in await store.parked()] == [(BAD, "m")]
    assert (await store.checkpoint()).sequence == len(EVENTS)
    assert await Generations(valkey, "leaderboards").parked() == 1
    assert await trades(valkey) == 9
    assert await mended(valkey) == Unparked(name="leaderboards", applied=1, stayed=())
    assert await trades(valkey) == 10, "although the checkpoint has not moved"
    assert await store.parked() == []
    assert await mended(valkey) == Unparked(name="leaderboards", applied=0, stayed=())


async def test_of_two_who_release_it_one_does(valkey: Valkey) -> None:
    await choke(valkey)
    changes = Leaderboards().apply(recorded(EVENTS)[BAD - 1 : BAD])
    stores = [LeaderboardStore(valkey) for _ in range(2)]
    await stores[0].release(changes, [BAD])
    with pytest.raises(StoreRefusedError, match="somebody else has released"):
        await stores[1].release(changes, [BAD])
    assert await trades(valkey) == 10


class Overtaken(Valkey):
    """Has read the rows, when somebody else changes them first."""

    overtake: Callable[[], Awaitable[object]] | None = None

    async def change(
        self, conditions: Sequence[Condition], commands: Sequence[Command], *, spoilt: Command
    ) -> Condition | None:
        if (overtake := self.overtake) is not None:
            self.overtake = None
            await overtake()
        return await super().change(conditions, commands, spoilt=spoilt)


async def test_a_save_and_a_retry_at_the_same_time_both_count(valkey: Valkey) -> None:
    await choke(valkey)
    (late,) = recorded([curve_traded(12, "m", block_time_s=AT_S)], after=len(EVENTS))
    overtaken = Overtaken(valkey._client)
    overtaken.overtake = lambda: mended(valkey)
    await LeaderboardStore(overtaken).save(
        Leaderboards().apply([late]), seen=len(EVENTS), reached=late.sequence
    )
    assert overtaken.overtake is None
    assert await trades(valkey) == 11
    overtaken.overtake = lambda: LeaderboardStore(valkey).save(
        Leaderboards().apply(()), seen=late.sequence, reached=late.sequence + 1
    )
    parked = Parked(sequence=BAD, event_id="again", mint="m", reason="bitter")
    await LeaderboardStore(valkey).park([parked])
    changes = Leaderboards().apply(recorded(EVENTS)[BAD - 1 : BAD])
    await LeaderboardStore(overtaken).release(changes, [BAD])
    assert await trades(valkey) == 12
    assert (await LeaderboardStore(valkey).checkpoint()).sequence == late.sequence + 1


async def test_what_is_parked_and_not_passed_over_yet_goes_along_with_a_swap(
    valkey: Valkey,
) -> None:
    await choke(valkey)
    ahead = Parked(sequence=len(EVENTS) + 1, event_id="ahead", mint="m", reason="bitter")
    store, generations = LeaderboardStore(valkey), Generations(valkey, "leaderboards")
    await store.park([ahead])
    await generations.create("next", version=Leaderboards.version)

    async def catch_up(sequence: int) -> frozenset[int]:
        changes = Leaderboards().apply(recorded(EVENTS))
        beside = LeaderboardStore(valkey, role="next")
        await beside.save(changes, seen=0, reached=sequence)
        return frozenset()

    await generations.promote("next", catch_up)
    assert await store.parked() == [ahead], "the other one is in the rows"
    await store.save(Leaderboards().apply(()), seen=len(EVENTS), reached=ahead.sequence)


async def test_what_was_not_passed_over_yet_counts_once_when_a_swap_is_taken_back(
    valkey: Valkey,
) -> None:
    """What is served again meets the event on its way, and takes it where its core does."""
    await choke(valkey)
    late = curve_traded(12, "m", block_time_s=AT_S)
    ahead = Parked(sequence=len(EVENTS) + 1, event_id=late.id, mint="m", reason="bitter")
    store, generations = LeaderboardStore(valkey), Generations(valkey, "leaderboards")
    await store.park([ahead])
    await generations.create("next", version=Leaderboards.version)
    beside = LeaderboardStore(valkey, role="next")
    await beside.save(Leaderboards().apply(recorded(EVENTS)), seen=0, reached=len(EVENTS))
    await generations.promote("next", nothing_to_do)
    await store.save(Leaderboards().apply(()), seen=len(EVENTS), reached=ahead.sequence)

    async def catch_up(sequence: int) -> frozenset[int]:
        before = LeaderboardStore(valkey, role="previous")
        assert (await before.checkpoint()).sequence == len(EVENTS)
        log = MemoryLog([*EVENTS, late])
        await Runner(log, [host(Leaderboards(), before)]).run(follow=False)
        return frozenset()

    await generations.promote("previous", catch_up)
    assert await trades(valkey) == 10, "of eleven, one is parked"
    assert [it.sequence for it in await store.parked()] == [BAD]


async def nothing_to_do(sequence: int) -> frozenset[int]:
    """The generation is there already."""
    return frozenset()
