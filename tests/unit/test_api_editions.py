"""The edition of an answer is asked for once by all who wait, and never kept."""

import asyncio
from collections.abc import Sequence

import pytest

from api.edition import VERSION, Editions
from curvetape.testing.events import recorded
from curvetape.testing.market import MARKET
from curvetape.testing.reads import MemoryReads
from projections.reads import ProjectionPosition, ReadsUnavailableError

BOTH = ("tokens", "trades")


class _Counted:
    """Counts the questions; answers the next event loop turn."""

    def __init__(self, *sequences: int) -> None:
        self.asked = 0
        self.down = False
        self._held = [
            ProjectionPosition(name=name, version=3, sequence=sequence, reread_after=sequence)
            for name, sequence in zip(BOTH, sequences, strict=False)
        ]

    async def positions(self) -> Sequence[ProjectionPosition]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise ReadsUnavailableError("down")
        return self._held


async def test_an_answer_from_several_read_models_is_as_old_as_the_oldest() -> None:
    found = await Editions(_Counted(9, 7)).current(BOTH)
    assert (found.position, found.tag) == (7, f'W/"{VERSION}-tokens.3.9-trades.3.7"')


async def test_a_read_model_that_has_not_begun_is_at_the_start() -> None:
    assert (await Editions(_Counted(9)).current(BOTH)).position == 0


async def test_requests_at_the_same_time_share_one_question() -> None:
    reads = _Counted(9, 7)
    editions = Editions(reads)
    found = await asyncio.gather(*(editions.current([name]) for name in BOTH * 5))
    assert ({each.position for each in found}, reads.asked) == ({7, 9}, 1)


async def test_a_later_request_asks_anew() -> None:
    reads = MemoryReads(recorded(MARKET[:3]))
    editions = Editions(reads)
    assert (await editions.current(BOTH)).position == 3
    reads.apply(recorded(MARKET[3:5], after=3))
    assert (await editions.current(BOTH)).position == 5


async def test_a_failure_reaches_all_who_wait_and_nobody_later() -> None:
    reads = _Counted(9, 7)
    reads.down = True
    editions = Editions(reads)
    failed = await asyncio.gather(
        *(editions.current(BOTH) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in failed] == [ReadsUnavailableError] * 3
    reads.down = False
    assert (await editions.current(BOTH)).position == 7


async def test_a_request_that_is_given_up_leaves_the_others_their_answer() -> None:
    editions = Editions(_Counted(9, 7))
    given_up = asyncio.create_task(editions.current(BOTH))
    other = asyncio.create_task(editions.current(BOTH))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert (await other).position == 7
