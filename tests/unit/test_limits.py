"""Requests are counted by the second, here and with others; who does not listen is blocked."""

from collections.abc import Mapping

from api.limits import CALLERS_MAX, OTHERS, Limit, Limits


class _Clock:
    def __init__(self) -> None:
        self.now_s = 1_800_000_000.25

    def __call__(self) -> float:
        return self.now_s


class _Shared:
    """Counts in memory; away if `away`."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.away = False

    async def add(self, counts: Mapping[str, int], *, keep_s: int) -> Mapping[str, int]:
        if self.away:
            return {}
        for key, count in counts.items():
            self.totals[key] = self.totals.get(key, 0) + count
        return {key: self.totals[key] for key in counts}


def _limits(
    clock: _Clock,
    *,
    shared: _Shared | None = None,
    rate: int = 10,
    abuse: int = 5,
    block_s: int = 60,
) -> Limits:
    limit = Limit(rate=rate, abuse=abuse, block_s=block_s)
    return Limits(limit, shared=shared, now_s=clock)


def _allowed(limits: Limits, caller: str, count: int) -> int:
    return sum(limits.take(caller).ok for _ in range(count))


def test_as_many_requests_are_answered_in_a_second_as_the_limit_says() -> None:
    clock = _Clock()
    limits = _limits(clock)
    assert [limits.take("a").remaining for _ in range(10)] == [*range(9, -1, -1)]
    refused = limits.take("a")
    assert (refused.ok, refused.limit, refused.wait_s, refused.blocked) == (False, 10, 1, False)
    assert limits.take("b").ok
    clock.now_s += 1
    assert limits.take("a").ok


def test_a_caller_may_have_a_limit_of_its_own() -> None:
    limits = _limits(_Clock())
    assert [limits.take("key", 2).ok for _ in range(3)] == [True, True, False]


def test_who_goes_on_in_spite_of_refusals_is_blocked_for_a_while() -> None:
    clock = _Clock()
    limits = _limits(clock)
    assert _allowed(limits, "a", 10 + 5) == 10
    clock.now_s += 1
    refused = limits.take("a")
    assert (refused.ok, refused.blocked, refused.wait_s) == (False, True, 59)
    assert limits.take("b").ok
    clock.now_s += 59
    assert limits.take("a").ok


def test_who_waits_after_a_refusal_is_not_blocked() -> None:
    clock = _Clock()
    limits = _limits(clock)
    for _ in range(3 * 60):  # one refusal now and then is no abuse
        assert _allowed(limits, "a", 10) == 10
        clock.now_s += 1
    assert limits.take("a").ok


def test_nobody_is_blocked_where_that_is_off() -> None:
    clock = _Clock()
    limits = _limits(clock, block_s=0)
    _allowed(limits, "a", 1_000)
    clock.now_s += 1
    assert limits.take("a").ok


async def test_what_others_count_counts_here() -> None:
    clock, shared = _Clock(), _Shared()
    here, there = _limits(clock, shared=shared), _limits(clock, shared=shared)
    assert (_allowed(here, "a", 6), _allowed(there, "a", 3)) == (6, 3)
    for _ in range(2):
        await here.sync()
        await there.sync()
    assert here.take("a").ok
    await here.sync()
    await there.sync()
    assert (_allowed(here, "a", 5), _allowed(there, "a", 5)) == (0, 0)


async def test_callers_whose_own_limit_is_low_are_told_of_too() -> None:
    clock, shared = _Clock(), _Shared()
    here, there = (_limits(clock, shared=shared, rate=1_000) for _ in range(2))
    assert here.take("key", 2).ok
    assert there.take("key", 2).ok
    for _ in range(2):
        await here.sync()
        await there.sync()
    assert not here.take("key", 2).ok


async def test_who_is_refused_everywhere_is_blocked_everywhere() -> None:
    clock, shared = _Clock(), _Shared()
    processes = [_limits(clock, shared=shared, abuse=6) for _ in range(2)]
    for limits in processes:
        _allowed(limits, "a", 10 + 3)
    for limits in processes * 2:
        await limits.sync()
    clock.now_s += 1
    assert [limits.take("a").blocked for limits in processes] == [True, True]


async def test_while_the_others_cannot_be_asked_each_counts_for_itself() -> None:
    clock, shared = _Clock(), _Shared()
    shared.away = True
    limits = _limits(clock, shared=shared)
    assert _allowed(limits, "a", 4) == 4
    await limits.sync()
    assert _allowed(limits, "a", 10) == 6
    shared.away = False
    await limits.sync()
    assert shared.totals[f"rate:{int(clock.now_s)}:a"] == 10


def test_a_flood_of_callers_shares_one_allowance_and_no_memory() -> None:
    limits = _limits(_Clock())
    for number in range(CALLERS_MAX):
        limits.take(str(number))
    assert _allowed(limits, "one more", 6) == 6
    assert _allowed(limits, "another", 6) == 4
    assert len(limits._counts) == CALLERS_MAX + 1
    assert OTHERS in limits._counts
