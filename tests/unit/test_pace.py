"""A chain keeps time by the wall clock, and catches up only as far as it may."""

import pytest

from curvetape.simulator.pace import BEHIND_S_MAX, Pace

GENESIS_S = 1_792_857_598.0


def pace(now_s: float) -> Pace:
    return Pace(first_slot=1_000, first_slot_s=GENESIS_S, slot_ms=400, now_s=lambda: now_s)


def test_each_slot_is_due_its_own_length_after_the_one_before() -> None:
    assert pace(GENESIS_S).wait_s(1_000) == 0
    assert pace(GENESIS_S).wait_s(1_010) == pytest.approx(4)
    assert pace(GENESIS_S + 10).wait_s(1_010) == pytest.approx(-6)


def test_a_chain_that_is_a_little_behind_leaves_nothing_out() -> None:
    assert pace(GENESIS_S + BEHIND_S_MAX).live_slot(1_000) == 1_000


def test_a_chain_that_is_far_behind_goes_on_with_the_slot_that_is_due_now() -> None:
    now = pace(GENESIS_S + 100)
    assert now.live_slot(1_000) == 1_250
    assert now.wait_s(1_250) == pytest.approx(0)
