"""Nobody is taken for silent, and no block for missing, because ingest itself did not look."""

from collections.abc import Callable

import pytest

from curvetape.testing.blocks import block, blockhash, chained
from ingest.attention import AttentiveClock
from ingest.mux import TICK_S
from ingest.slots import Sealed, Slots
from ingest.votes import SILENT_S, Link, Voters

START = Link(100, blockhash(100))


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s

    def passes(self, seconds: float, clock: Callable[[], float]) -> None:
        """Let time pass in which the clock is asked at every tick."""
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            clock()


def test_time_passes_while_somebody_listens_and_a_tick_while_nobody_does() -> None:
    watch = Watch()
    clock = AttentiveClock(watch)
    began_s = clock()
    watch.passes(5.0, clock)
    assert clock() - began_s == pytest.approx(5.0)
    watch.now_s += 60.0
    assert clock() - began_s == pytest.approx(5.0 + TICK_S)
    watch.now_s += 0.01
    assert clock() - began_s == pytest.approx(5.01 + TICK_S)


def test_a_fork_that_is_read_first_once_the_log_is_back_is_not_believed() -> None:
    """The others were not silent while nobody read; their blocks wait to be read next."""
    watch = Watch()
    clock = AttentiveClock(watch)
    slots = Slots(Voters(["a", "b", "c"]), start=START)
    for source in ("a", "b", "c"):
        slots.offer(source, block(101, 100), clock())
    assert [type(each) for each in slots.decide(clock())] == [Sealed]
    watch.now_s += 3 * SILENT_S  # the log was away
    fork = block(102, 101, fork="x", parent_fork="")
    slots.offer("a", fork, clock())
    assert slots.decide(clock()) == []
    (_, ours) = chained([101, 102])
    for source in ("b", "c"):
        slots.offer(source, ours, clock())
    (decision,) = slots.decide(clock())
    assert isinstance(decision, Sealed)
    assert decision.block.meta.blockhash == ours.meta.blockhash
