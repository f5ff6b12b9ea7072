"""A drawn script is the same for a seed, has every kind of fault, and leaves the truth knowable."""

from collections import Counter

import pytest

from curvetape.simulator import faults
from curvetape.simulator.faults import (
    LIES,
    BlockMissing,
    BlocksLag,
    Disconnect,
    Down,
    Duplicates,
    Fault,
    Forked,
    Lasting,
    Reordered,
    ReplayAhead,
    ReplayIgnored,
    ReplayRefused,
    Script,
    Silence,
    TokenRefused,
)
from curvetape.simulator.random_faults import EDGE_SLOTS, ENDPOINTS_MAX, random_script

SLOTS = range(461_400_000, 461_400_060)
SEEDS = range(400)
NEVER_DRAWN = {Fault, Lasting, TokenRefused}
"""The first two are no faults by themselves; the third needs a person."""
LOSING = (BlockMissing, BlocksLag, ReplayAhead, ReplayIgnored, ReplayRefused)
"""What an endpoint does not make good by itself."""


def scripts() -> list[Script]:
    return [random_script(seed, SLOTS) for seed in SEEDS]


def test_the_same_seed_draws_the_same_script() -> None:
    assert scripts() == scripts()
    assert len({str(script) for script in scripts()}) > len(SEEDS) * 0.9


def test_every_kind_of_fault_is_drawn_that_a_program_can_survive() -> None:
    kinds = {
        kind
        for kind in vars(faults).values()
        if isinstance(kind, type) and issubclass(kind, Fault) and kind not in NEVER_DRAWN
    }
    drawn = {type(fault) for script in scripts() for each in script.endpoints for fault in each}
    assert drawn == kinds


def test_every_number_of_endpoints_is_drawn_or_as_many_as_asked_for() -> None:
    counts = Counter(len(script.endpoints) for script in scripts())
    assert set(counts) == {*range(1, ENDPOINTS_MAX + 1)}
    for count in counts:
        assert len(random_script(1, SLOTS, endpoints=count).endpoints) == count


def test_liars_are_outvoted_by_endpoints_that_stay() -> None:
    lying = [script for script in scripts() if script.liars]
    assert len(lying) > 40
    for script in lying:
        honest = [each for place, each in enumerate(script.endpoints) if place not in script.liars]
        assert len(script.liars) < len(honest)
        for each in honest:
            assert not any(isinstance(fault, (Disconnect, Down, Silence, *LIES)) for fault in each)


def test_without_a_node_no_endpoint_loses_anything_for_good() -> None:
    alone = [script for script in scripts() if not script.node]
    assert len(alone) > 40
    for script in alone:
        assert not script.unobtainable
        kept = [fault for each in script.endpoints for fault in each]
        assert not any(isinstance(fault, LOSING) for fault in kept)


def test_what_is_unobtainable_is_missing_everywhere_and_inside_the_chain() -> None:
    lacking = [script for script in scripts() if script.unobtainable]
    assert len(lacking) > 40
    for script in lacking:
        assert script.unobtainable <= set(SLOTS[EDGE_SLOTS:-EDGE_SLOTS])
        for each in script.endpoints:
            missing = {fault.slot for fault in each if isinstance(fault, BlockMissing)}
            assert script.unobtainable <= missing


@pytest.mark.parametrize("kind", [Forked, BlockMissing, Disconnect])
def test_a_kind_can_be_left_out(kind: type[Fault]) -> None:
    for seed in SEEDS:
        script = random_script(seed, SLOTS, without=(kind,))
        assert not any(isinstance(fault, kind) for each in script.endpoints for fault in each)
        assert kind is not BlockMissing or not script.unobtainable


def test_a_lasting_fault_is_on_from_its_moment_for_its_steps() -> None:
    down = Down(at=5, steps=2)
    assert [down.during(now) for now in range(4, 8)] == [False, True, True, False]
    assert Forked().during(0)
    assert Script(seed=1, endpoints=[[Duplicates()], [Forked()], [Reordered()]]).liars == {1}
