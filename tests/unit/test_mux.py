"""Several sources are read as one: none waits for another, and one that fails is left out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from curvetape.testing.blocks import raw
from domain.chain import ChainUpdate, RawTransaction, SourceError
from ingest.mux import BATCHES_MAX, TICK_S, AllSourcesEndedError, Mux

WAIT_S_MAX = 10.0


class Scripted:
    """A source that hands over batches of one transaction, then ends, fails or stays silent."""

    def __init__(
        self,
        name: str,
        count: int,
        *,
        then: BaseException | None = None,
        stays: bool = False,
        after: asyncio.Event | None = None,
    ) -> None:
        self.name = name
        self.handed_over = 0
        self.closed = False
        self._count = count
        self._then = then
        self._stays = stays
        self._after = after

    async def batches(self) -> AsyncIterator[Sequence[ChainUpdate]]:
        """One batch for each number, from 0 on."""
        try:
            if self._after is not None:
                await self._after.wait()
            for number in range(self._count):
                self.handed_over += 1
                yield [raw(1, number)]
            if self._stays:
                await asyncio.Event().wait()
            if self._then is not None:
                raise self._then
        finally:
            self.closed = True


class Said(list[str]):
    """What was said aloud."""


def numbers(source: str, read: Sequence[tuple[str, Sequence[ChainUpdate]]]) -> list[int]:
    """Which of a source's batches were read, in the order of reading."""
    found = []
    for name, updates in read:
        for update in updates:
            assert isinstance(update, RawTransaction)
            if name == source:
                found.append(update.index)
    return found


async def read_into(
    read: list[tuple[str, Sequence[ChainUpdate]]],
    mux: Mux,
    each: Callable[[], None] = lambda: None,
) -> None:
    """Read all batches, without the ticks; `each` is called after every one and every tick."""
    async with asyncio.timeout(WAIT_S_MAX):
        async for batch in mux.batches():
            if batch[1]:
                read.append(batch)
            each()


async def everything(mux: Mux) -> list[tuple[str, Sequence[ChainUpdate]]]:
    """All batches, without the ticks."""
    read: list[tuple[str, Sequence[ChainUpdate]]] = []
    await read_into(read, mux)
    return read


async def test_all_sources_are_read_to_their_ends_each_in_its_order() -> None:
    said = Said()
    read = await everything(Mux([Scripted("a", 40), Scripted("b", 25)], say=said.append))
    assert numbers("a", read) == list(range(40))
    assert numbers("b", read) == list(range(25))
    assert said == []


async def test_a_slow_endpoint_is_not_waited_for() -> None:
    late = asyncio.Event()
    sources = [Scripted("slow", 1, after=late), Scripted("fast", 30)]
    read: list[tuple[str, Sequence[ChainUpdate]]] = []

    def let_go() -> None:
        if len(numbers("fast", read)) == 30:
            late.set()

    await read_into(read, Mux(sources, say=Said().append), let_go)
    assert numbers("slow", read) == [0]
    assert numbers("fast", read[:30]) == list(range(30))


async def test_a_source_that_fails_is_left_out_and_said_while_the_others_go_on() -> None:
    said = Said()
    go_on = asyncio.Event()
    bad = Scripted("bad", 3, then=SourceError("a refuses us; ask its owner"))
    good = Scripted("good", 20, after=go_on)
    read: list[tuple[str, Sequence[ChainUpdate]]] = []

    def let_go() -> None:
        if said:
            go_on.set()

    with pytest.raises(SourceError, match="a refuses us"):
        await read_into(read, Mux([bad, good], say=said.append), let_go)
    assert numbers("bad", read) == [0, 1, 2]
    assert numbers("good", read) == list(range(20))
    assert said == ["ALARM: a refuses us; ask its owner; the other sources go on without it"]


async def test_when_every_source_fails_the_error_says_each_reason() -> None:
    said = Said()
    sources = [
        Scripted("a", 2, then=SourceError("a is closed")),
        Scripted("b", 4, then=SourceError("b wants a token")),
    ]
    read: list[tuple[str, Sequence[ChainUpdate]]] = []
    with pytest.raises(AllSourcesEndedError) as caught:
        await read_into(read, Mux(sources, say=said.append))
    assert str(caught.value) == "no source is left: a is closed; b wants a token"
    assert (numbers("a", read), numbers("b", read)) == ([0, 1], [0, 1, 2, 3])
    assert len(said) == 2


async def test_the_error_of_an_only_source_is_raised_as_it_is() -> None:
    error = SourceError("the endpoint is on another network")
    with pytest.raises(SourceError) as caught:
        await everything(Mux([Scripted("only", 1, then=error)], say=Said().append))
    assert caught.value is error


async def test_reading_ends_with_the_sources_that_are_needed() -> None:
    """A helper that is asked for single blocks never ends by itself."""
    needed, helper = Scripted("stream", 5), Scripted("helper", 2, stays=True)
    read = await everything(Mux([needed, helper], needed=[needed], say=Said().append))
    assert numbers("stream", read) == list(range(5))
    assert helper.closed


async def test_sources_that_are_not_needed_do_not_keep_a_lost_ingest_alive() -> None:
    needed = Scripted("stream", 0, then=SourceError("gone"))
    helper = Scripted("helper", 0, stays=True)
    with pytest.raises(SourceError, match="gone"):
        await everything(Mux([needed, helper], needed=[needed], say=Said().append))
    assert helper.closed


async def test_a_reader_that_stands_still_holds_up_its_sources() -> None:
    sources = [Scripted("a", 1_000), Scripted("b", 1_000)]
    batches = Mux(sources, say=Said().append).batches()
    assert (await anext(batches))[1]
    await asyncio.sleep(2 * TICK_S)
    # One was read, the queue is full, and each source holds the batch that it cannot put.
    assert sum(source.handed_over for source in sources) == 1 + BATCHES_MAX + len(sources)
    await batches.aclose()  # type: ignore[attr-defined]  # an async generator
    assert all(source.closed for source in sources)


async def test_a_source_that_waits_hands_over_the_batch_when_there_is_room() -> None:
    source = Scripted("a", 3 * BATCHES_MAX)
    read = []
    async for batch in Mux([source], say=Said().append).batches():
        read.append(batch)
        await asyncio.sleep(0.001)
    assert numbers("a", read) == list(range(3 * BATCHES_MAX))


async def test_silence_is_told_as_time_that_passes() -> None:
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    batches = Mux([Scripted("quiet", 0, stays=True)], say=Said().append).batches()
    ticks = [await anext(batches) for _ in range(3)]
    assert ticks == [("", ())] * 3
    assert loop.time() - begun_s >= 2.5 * TICK_S
    await batches.aclose()  # type: ignore[attr-defined]  # an async generator


async def test_a_reader_that_goes_away_ends_every_source() -> None:
    sources = [Scripted("a", 3, stays=True), Scripted("b", 3, stays=True)]
    batches = Mux(sources, say=Said().append).batches()
    await anext(batches)
    await batches.aclose()  # type: ignore[attr-defined]  # an async generator
    assert [source.closed for source in sources] == [True, True]


async def test_a_bug_in_one_source_is_not_taken_for_a_failure_of_its_endpoint() -> None:
    """It ends the reading of all: going on without the source would hide it."""
    said = Said()
    sources = [Scripted("a", 0, then=ZeroDivisionError()), Scripted("b", 0, stays=True)]
    with pytest.raises(ExceptionGroup) as caught:
        await everything(Mux(sources, say=said.append))
    assert caught.group_contains(ZeroDivisionError)
    assert sources[1].closed
    assert said == []
