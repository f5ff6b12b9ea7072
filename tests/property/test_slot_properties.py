"""Laws of the slot machine, whatever sources send, in whatever order, and whenever time passes."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec
from hypothesis import given, note, settings
from hypothesis import strategies as st

from curvetape.testing.blocks import block, blockhash, raw
from curvetape.testing.forks import confirmed
from domain.chain import Block
from domain.events import decode, encode
from ingest.certificates import gap_closed, gap_opened
from ingest.recovery import Recovery
from ingest.slots import (
    HOLE_WAIT_S,
    Abandoned,
    Decision,
    GapClosed,
    GapOpened,
    Sealed,
    Slots,
)
from ingest.votes import Link, Voters

START = 100
NEVER_S = 1e9
"""No source is ever taken for silent: who is honest is heard in the end."""
ROUNDS_MAX = 200
UNCHANGED_ROUNDS = 4
"""More than any wait there is."""

Action: TypeAlias = tuple[str, Any, Any]


class Case(msgspec.Struct):
    """A chain, and what sources make of it."""

    chain: list[Block]
    names: list[str]
    actions: list[Action]
    """`offer` a source's block, `saw` a slot, `tick` so many seconds, `restart`."""
    lost: dict[str, set[int]]
    """By source, slots that it never sends."""
    nowhere: set[int]
    """Slots that nobody sends, nor the node, for now."""

    @property
    def slots(self) -> list[int]:
        return [each.slot for each in self.chain]

    def told(self) -> str:
        """The case as short as can be read."""
        done = [
            f"{what}:{more.meta.blockhash}<{more.meta.parent_blockhash}"
            if kind == "offer"
            else f"{kind} {what}"
            for kind, what, more in self.actions
        ]
        return f"{self.slots} {self.names} lost {self.lost} nowhere {self.nowhere}: {done}"


@st.composite
def cases(draw: st.DrawFn, *, restarts: bool = False, ticks: bool = True) -> Case:
    steps = draw(st.lists(st.integers(1, 3), min_size=2, max_size=10))
    slots = [START]
    for step in steps:
        slots.append(slots[-1] + step)
    chain = [block(slot, parent, [raw(slot, slot)]) for parent, slot in pairwise(slots)]
    names = draw(st.sampled_from((["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "liar"])))
    # The newest block comes from everyone, or nobody could know that there is a chain up to it.
    inner = st.sets(st.sampled_from(slots[1:-1]), max_size=2) if slots[1:-1] else st.just(set())
    nowhere = draw(inner)
    lost = {name: nowhere | draw(inner) for name in names}
    offers: list[Action] = []
    for name in names:
        held = [each for each in chain if each.slot not in lost[name]]
        if name == "liar":
            held = _forked(draw, held)
        held += draw(st.lists(st.sampled_from(held), max_size=3)) if held else []
        offers += [("offer", name, each) for each in held]
    seen = draw(st.lists(st.sampled_from(range(START + 1, slots[-1] + 1)), max_size=6))
    others: list[Action] = [("saw", slot, None) for slot in seen]
    if ticks:
        waits = draw(st.lists(st.sampled_from((0.1, 1.0, HOLE_WAIT_S + 0.1)), max_size=4))
        others += [("tick", wait, None) for wait in waits]
    if restarts:
        others += [("restart", None, None)] * draw(st.integers(1, 3))
    return Case(chain, names, draw(st.permutations([*offers, *others])), lost, nowhere)


def _forked(draw: st.DrawFn, held: list[Block]) -> list[Block]:
    """What one who is on a fork from some block on has of the chain."""
    since = draw(st.sampled_from([each.slot for each in held])) if held else 0
    return [
        each
        if each.slot < since
        else block(
            each.slot,
            each.meta.parent_slot,
            fork="x",
            parent_fork="" if each.meta.parent_slot < since else "x",
        )
        for each in held
    ]


class World:
    """Runs a case on a machine, and holds every decision to the laws."""

    def __init__(self, case: Case) -> None:
        note(case.told())
        self.case = case
        self.now_s = 0.0
        self.sealed: list[int] = []
        self.abandoned: list[int] = []
        self.waiting: set[int] = set()
        """Slots of which something was appended that is not decided."""
        self.recovery = Recovery()
        self.recovery.take(1, b"", confirmed(START, blockhash=blockhash(START)))
        self.slots = self._machine()

    def run(self, actions: Sequence[Action], *, decide: bool = True) -> None:
        """Carry actions out, and after each what is decided then."""
        for kind, what, more in actions:
            if kind == "offer":
                self.slots.offer(what, more, self.now_s)
            elif kind == "saw" and self.slots.takes(what):
                self.slots.saw(what)
                self.waiting.add(what)
            elif kind == "tick":
                self.now_s += what
            elif kind == "restart":
                self.slots = self._machine()
            if decide:
                self.decide()

    def finish(self, *, missing: set[int]) -> None:
        """Everyone says again what he has, the node what is asked for, until nothing changes."""
        case, chain = self.case, {each.slot: each for each in self.case.chain}
        for name in case.names:
            if name != "liar":
                held = [each for each in case.chain if each.slot not in case.lost[name]]
                self.run([("offer", name, each) for each in held])
        unchanged = 0
        for _ in range(ROUNDS_MAX):
            before = (list(self.sealed), list(self.slots.gaps))
            wanted = {slot for a, b in self.slots.wants() for slot in range(a, b + 1)}
            for slot in sorted(wanted & chain.keys() - missing):
                self.run([("offer", "node", chain[slot])])
            self.run([("tick", HOLE_WAIT_S + 0.1, None)])
            unchanged = unchanged + 1 if (self.sealed, self.slots.gaps) == before else 0
            if unchanged == UNCHANGED_ROUNDS:
                return

    def decide(self) -> None:
        for decision in self.slots.decide(self.now_s):
            self._note(decision)

    def _machine(self) -> Slots:
        voters = Voters(
            self.case.names, arbiters=["node"], agree_wait_s=0.5, draw_wait_s=5, silent_s=NEVER_S
        )
        slots = Slots(voters, start=self.recovery.start, gaps=self.recovery.gaps)
        for slot in self.waiting:
            slots.saw(slot)
        return slots

    def _note(self, decision: Decision) -> None:
        if isinstance(decision, Sealed):
            self._seal(decision.block)
        elif isinstance(decision, Abandoned):
            assert decision.slot in self.waiting, "what was never appended is not taken back"
            self.waiting.remove(decision.slot)
            self.abandoned.append(decision.slot)
        elif isinstance(decision, GapOpened):
            self._take(gap_opened(decision, received_at_ns=1).payload)
        elif isinstance(decision, GapClosed):
            self._take(gap_closed(decision, received_at_ns=1).payload)

    def _take(self, payload: bytes) -> None:
        self.recovery.take_gaps([decode(payload)])

    def _seal(self, sealed: Block) -> None:
        slot, parent = sealed.slot, sealed.meta.parent_slot
        in_gap = self._in_gap(slot)
        assert sealed.meta.blockhash == blockhash(slot), "the majority's block is sealed"
        assert in_gap or slot not in self.sealed, "once"
        assert parent in (START, *self.sealed) or self._in_gap(parent), "behind its parent"
        if not in_gap:
            passed = [seen for seen in self.waiting if seen < slot]
            assert passed == [], "what it passes over is taken back before"
        self.waiting.discard(slot)
        if slot not in self.sealed:
            self.sealed.append(slot)
        meta = sealed.meta
        certificate = confirmed(
            slot,
            parent_slot=parent,
            blockhash=meta.blockhash,
            parent_blockhash=meta.parent_blockhash,
        )
        self.recovery.take(len(self.sealed) + 1, encode(certificate), certificate)

    def _in_gap(self, slot: int) -> bool:
        return any(before.slot < slot <= until.slot for before, until in self.recovery.gaps)

    def in_gaps(self) -> set[int]:
        """The chain's slots in gaps that are open."""
        return {slot for slot in self.case.slots if self._in_gap(slot)}


@given(cases())
@settings(max_examples=300, deadline=None)
def test_each_block_is_sealed_once_behind_its_parent_and_only_what_nobody_has_is_a_gap(
    case: Case,
) -> None:
    world = World(case)
    world.run(case.actions)
    world.finish(missing=case.nowhere)
    last = case.slots[-1]
    assert sorted(world.sealed) == [slot for slot in case.slots if slot not in case.nowhere]
    assert world.in_gaps() == case.nowhere
    assert len(set(world.abandoned)) == len(world.abandoned)
    assert not [slot for slot in world.waiting if slot <= last]


@given(cases())
@settings(max_examples=150, deadline=None)
def test_a_gap_is_filled_by_what_it_lacked_however_late_that_comes(case: Case) -> None:
    world = World(case)
    world.run(case.actions)
    world.finish(missing=case.nowhere)
    world.finish(missing=set())
    assert sorted(world.sealed) == case.slots
    assert world.slots.gaps == []
    assert world.recovery.gaps == []


@given(cases(ticks=False))
@settings(max_examples=150, deadline=None)
def test_it_makes_no_difference_how_offers_are_batched(case: Case) -> None:
    one_by_one, together = World(case), World(case)
    offers = [action for action in case.actions if action[0] == "offer"]
    one_by_one.run(offers)
    together.run(offers, decide=False)
    together.decide()
    assert together.sealed == one_by_one.sealed
    assert together.slots.start == one_by_one.slots.start
    assert together.slots.wants() == one_by_one.slots.wants()


@given(cases(restarts=True))
@settings(max_examples=300, deadline=None)
def test_a_restart_at_any_point_changes_nothing_in_the_end(case: Case) -> None:
    world = World(case)
    world.run(case.actions)
    world.finish(missing=case.nowhere)
    assert sorted(world.sealed) == [slot for slot in case.slots if slot not in case.nowhere]
    assert world.in_gaps() == case.nowhere
    world.run([("restart", None, None)])
    world.finish(missing=set())
    assert sorted(world.sealed) == case.slots
    assert world.recovery.gaps == []
    assert world.recovery.start == Link(case.slots[-1], blockhash(case.slots[-1]))
