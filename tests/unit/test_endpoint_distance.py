"""A source knows when it is far behind its endpoint, and when the endpoint's stream lags."""

import pytest

from adapters.yellowstone.distance import Distance
from adapters.yellowstone.limits import Limits

LIMITS = Limits(
    catch_up_slots=150, live_slots=32, lag_slots_max=150, lag_growth_slots=20, lag_watch_s=60
)


@pytest.mark.parametrize(
    ("slot", "newest", "catching_up"),
    [(1_000, 1_150, False), (1_000, 1_151, True), (None, 5_000, False), (1_000, None, False)],
)
def test_it_catches_up_when_it_begins_far_behind(
    slot: int | None, newest: int | None, catching_up: bool
) -> None:
    assert Distance(LIMITS, slot=slot, newest=newest).catching_up is catching_up


def test_between_near_and_far_it_stays_what_it_was() -> None:
    distance = Distance(LIMITS, slot=1_000, newest=1_151)
    distance.read(1_118)
    assert (distance.behind, distance.catching_up) == (33, True)
    distance.read(1_119)
    assert (distance.behind, distance.catching_up) == (32, False)
    distance.known(1_269)
    assert (distance.behind, distance.catching_up) == (150, False)
    distance.known(1_270)
    assert (distance.behind, distance.catching_up) == (151, True)


def test_an_older_slot_takes_nothing_back() -> None:
    distance = Distance(LIMITS, slot=1_000, newest=1_000)
    distance.read(1_010)
    distance.read(1_005)
    distance.known(1_002)
    assert (distance.slot, distance.newest) == (1_010, 1_010)


def lagging(pace: float, *, idle: bool = True, seconds: int = 600) -> int | None:
    """The second at which a stream is found too slow, of which each second has so many slots.

    The endpoint makes 2.5 slots a second; the stream begins 200 behind.
    """
    distance = Distance(LIMITS, slot=10_000, newest=10_200)
    for second in range(0, seconds, 5):
        distance.known(int(10_200 + 2.5 * second))
        distance.read(int(10_000 + pace * second))
        if distance.lags(now_s=second, idle=idle):
            return second
    return None


def test_a_stream_that_loses_forty_two_slots_a_minute_is_found_in_a_minute() -> None:
    assert lagging(2.5 - 42 / 60) == 60


def test_a_stream_that_comes_nearer_is_given_its_time() -> None:
    assert lagging(2.6) is None


def test_a_stream_that_stays_where_it_is_does_not_lag() -> None:
    assert lagging(2.5) is None


def test_a_reader_that_is_slow_itself_does_not_blame_the_stream() -> None:
    assert lagging(1.0, idle=False) is None


def test_near_the_head_nothing_lags() -> None:
    distance = Distance(LIMITS, slot=1_000, newest=1_000)
    for second in range(0, 600, 5):
        distance.known(1_000 + second // 5)
        assert not distance.lags(now_s=second, idle=True)
