"""What waits for a read model is taken together and in order; none is lost or held unbounded."""

import asyncio

import pytest

from curvetape.testing.events import curve_traded
from domain.log import Recorded
from projections.ahead import Ahead
from projections.projection import TakenBack
from projections.settling import Settled

STOP = TakenBack(slot=3, sequence=9)


def stretch(after: int, sequence: int, *, stop: TakenBack | None = None) -> Settled:
    return Settled(
        after=after,
        sequence=sequence,
        reread_after=after,
        events=[Recorded(it, curve_traded(it, "m")) for it in range(after + 1, sequence + 1)],
        stop=stop,
    )


def places(taken: Settled | None) -> tuple[int, int, int, list[int]] | None:
    if taken is None:
        return None
    events = [it.sequence for it in taken.events]
    return taken.after, taken.sequence, taken.reread_after, events


async def test_what_waits_is_taken_together() -> None:
    ahead = Ahead(10)
    for each in (stretch(0, 2), stretch(2, 2), stretch(2, 5), None):
        await ahead.put(each)
    assert places(await ahead.take(0)) == (0, 5, 2, [1, 2, 3, 4, 5])
    assert await ahead.take(5) is None


async def test_no_more_is_taken_than_may_be_applied_at_once() -> None:
    ahead = Ahead(4)
    for each in (stretch(0, 3), stretch(3, 6)):
        await ahead.put(each)
    assert places(await ahead.take(0)) == (0, 3, 0, [1, 2, 3])
    assert places(await ahead.take(3)) == (3, 6, 3, [4, 5, 6])


async def test_what_the_rows_hold_already_is_not_joined_with_what_they_lack() -> None:
    ahead = Ahead(10)
    for each in (stretch(0, 3), stretch(3, 5), stretch(5, 6)):
        await ahead.put(each)
    assert places(await ahead.take(3)) == (0, 3, 0, [1, 2, 3])
    assert places(await ahead.take(3)) == (3, 6, 5, [4, 5, 6])


async def test_nothing_is_joined_behind_a_stop() -> None:
    ahead = Ahead(10)
    for each in (stretch(0, 2), stretch(2, 3, stop=STOP), None):
        await ahead.put(each)
    taken = await ahead.take(0)
    assert places(taken) == (0, 3, 2, [1, 2, 3])
    assert taken is not None
    assert taken.stop is STOP
    assert await ahead.take(3) is None


@pytest.mark.parametrize(
    "full", [stretch(0, 4), Settled(after=0, sequence=4, reread_after=0, events=())]
)
async def test_who_gives_waits_for_who_takes(full: Settled) -> None:
    ahead = Ahead(4)
    await ahead.put(full)
    giving = asyncio.create_task(ahead.put(stretch(4, 5)))
    await asyncio.sleep(0)
    assert not giving.done()
    await ahead.take(0)
    await giving
    assert places(await ahead.take(4)) == (4, 5, 4, [5])


async def test_who_gives_is_not_held_by_who_has_stopped() -> None:
    ahead = Ahead(1)
    await ahead.put(stretch(0, 4))
    giving = asyncio.create_task(ahead.put(stretch(4, 5)))
    await asyncio.sleep(0)
    ahead.close()
    await giving


async def test_a_wait_that_is_cancelled_takes_nothing() -> None:
    ahead = Ahead(4)
    taking = asyncio.create_task(ahead.take(0))
    await asyncio.sleep(0)
    taking.cancel()
    await ahead.put(stretch(0, 1))
    await asyncio.gather(taking, return_exceptions=True)
    assert places(await ahead.take(0)) == (0, 1, 0, [1])
