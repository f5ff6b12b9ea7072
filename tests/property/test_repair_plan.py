"""Whatever a node does, every wanted slot is asked for again until it has come."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.repair_pace import WAIT_S_MAX, Pace
from ingest.repair_plan import Plan
from ingest.repair_steps import Fetch, ListSlots, Look

SLOTS_MAX = 1_800
STEP_S = 0.05
STEPS_MAX = 40_000

ranges = st.lists(
    st.tuples(st.integers(0, SLOTS_MAX), st.integers(0, 40)).map(lambda r: (r[0], r[0] + r[1])),
    min_size=1,
    max_size=4,
)


@given(wanted=ranges, seed=st.integers(0, 1 << 32), failing=st.floats(0, 0.7))
@settings(max_examples=40, deadline=None)
def test_every_wanted_slot_comes_in_the_end(
    wanted: list[tuple[int, int]], seed: int, failing: float
) -> None:
    random = Random(seed)
    blocks = {slot for slot in range(SLOTS_MAX + 100) if random.random() < 0.9}
    owed = {slot for first, last in wanted for slot in range(first, last + 1)} & blocks
    plan, came, now_s = Plan(), set[int](), 0.0
    for _ in range(STEPS_MAX):
        if came == owed:
            break
        now_s += STEP_S
        still = [
            (first, last) for first, last in wanted if owed & set(range(first, last + 1)) - came
        ]
        match plan.next(still, now_s):
            case Fetch(slot=slot):
                assert slot in owed, "only what is wanted and exists is fetched"
                if random.random() < failing:
                    plan.failed(slot, now_s)
                else:
                    plan.offered(slot, now_s)
                    came.add(slot)
            case ListSlots() as step:
                assert step.to_slot - step.from_slot < 500
                if random.random() < failing:
                    plan.not_listed(step, now_s)
                else:
                    slots = range(step.from_slot, step.to_slot + 1)
                    # A node may also not know all of its slots yet.
                    plan.listed(
                        step, [s for s in slots if s in blocks and random.random() < 0.9], now_s
                    )
            case Look():
                plan.kept(0)
            case None:
                now_s += 1.0
    assert came == owed


def test_what_is_remembered_is_bounded_however_much_is_wanted() -> None:
    plan, now_s = Plan(), 0.0
    for _ in range(12_000):
        now_s += 0.05
        match plan.next([(0, 100_000_000)], now_s):
            case Fetch(slot=slot):
                plan.failed(slot, now_s)
            case ListSlots() as step:
                plan.listed(step, range(step.from_slot, step.to_slot + 1), now_s)
            case Look():
                plan.kept(0)
    assert plan.remembered <= 64 * 500 + 20_000 + 4_096


@given(
    answers=st.lists(st.sampled_from(["answered", "failed", "busy"]), max_size=60),
    rate_per_s=st.floats(0.5, 50),
)
@settings(deadline=None)
def test_no_more_is_asked_than_the_rate_allows(answers: list[str], rate_per_s: float) -> None:
    burst, now_s = 4, 0.0
    pace = Pace(rate_per_s_max=rate_per_s, burst_max=burst, now_s=now_s)
    for asked, answer in enumerate(answers, start=1):
        wait_s = pace.wait_s(now_s)
        assert wait_s <= WAIT_S_MAX + 5
        now_s += wait_s
        assert pace.wait_s(now_s) <= 1e-6
        pace.ask(now_s)
        assert asked <= burst + now_s * rate_per_s + 1
        if answer == "answered":
            pace.answered()
        elif answer == "failed":
            pace.failed(now_s)
        else:
            pace.busy(now_s, 1.0)
