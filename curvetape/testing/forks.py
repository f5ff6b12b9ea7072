"""Slots that are decided, for tests: certificates, abandoned slots, and logs full of both."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from curvetape.testing.events import GENESIS_S, curve_traded
from domain.events import AnyEvent, CurveTraded, Event, GapDetected, SlotAbandoned, SlotConfirmed
from domain.position import LAST_INNER, LAST_OUTER, LAST_TX, Position

E = TypeVar("E", bound=Event)


def confirmed(slot: int, *, revision: int = 1, **fields: Any) -> SlotConfirmed:
    """A slot's certificate; its digests are made up."""
    given: dict[str, Any] = {
        "slot": slot,
        "parent_slot": slot - 1,
        "blockhash": f"block{slot}",
        "parent_blockhash": f"block{slot - 1}",
        "executed": 1_000,
        "ours": 1,
        "decoded": 1,
        "unknown": 0,
        "transactions_digest": "00" * 32,
        "events_digest": "00" * 32,
        "evidence": "block",
        "revision": revision,
        "hash": "00" * 32,
    }
    return SlotConfirmed(
        **_behind(slot), id=f"slot.confirmed:{slot}.{revision}", **(given | fields)
    )


def abandoned(slot: int, retracted: int, *, attempt: int = 1) -> SlotAbandoned:
    """The end of a slot that died with its fork."""
    return SlotAbandoned(
        **_behind(slot),
        id=f"slot.abandoned:{slot}.{attempt}",
        slot=slot,
        attempt=attempt,
        retracted=retracted,
        reason="the confirmed chain passes over it",
    )


def gap(from_slot: int, to_slot: int) -> GapDetected:
    """Slots that no source had."""
    return GapDetected(
        **_behind(from_slot),
        id=f"gap.detected:{from_slot}-{to_slot}",
        from_slot=from_slot,
        to_slot=to_slot,
        reason="no source has them",
    )


def _behind(slot: int) -> dict[str, Any]:
    return {
        "pos": Position(slot, LAST_TX, LAST_OUTER, LAST_INNER),
        "received_at_ns": (GENESIS_S + slot) * 1_000_000_000,
    }


def provisional(event: E) -> E:
    """The event as ingest appends it before its slot is proven."""
    return msgspec.structs.replace(event, provisional=True)


def trade(slot: int, number: int = 0, *, mint: str = "m", **fields: Any) -> CurveTraded:
    """A provisional trade; those of one slot differ by number."""
    given: dict[str, Any] = {
        "id": f"{'s' * 80}{slot}-{number}:2.0",
        "pos": Position(slot, number, 2, 0),
        "provisional": True,
    }
    return curve_traded(slot, mint, **(given | fields))


@st.composite
def decided_logs(draw: st.DrawFn, *, slots: int = 4, steps_max: int = 40) -> list[AnyEvent]:
    """Events, certificates, revisions, abandoned slots and gaps, in any order that ingest may give.

    Some slots stay undecided. No slot is taken back after its certificate let events of it count.
    """
    steps = st.tuples(st.sampled_from(_STEPS), st.integers(1, slots))
    log: list[AnyEvent] = []
    waiting = dict.fromkeys(range(1, slots + 1), 0)
    applied: set[int] = set()
    for number, (step, slot) in enumerate(draw(st.lists(steps, max_size=steps_max))):
        if step == "event":
            log.append(trade(slot, number))
            waiting[slot] += 1
        elif step == "old event":
            # From before there were certificates, so of a slot that is never decided.
            log.append(trade(slots + slot, number, provisional=False))
        elif step == "certificate":
            log.append(confirmed(slot, revision=number + 1))
            if waiting[slot]:
                applied.add(slot)
            waiting[slot] = 0
        elif step == "gap":
            log.append(gap(slot, slot + 1))
        elif slot not in applied:
            log.append(abandoned(slot, waiting[slot], attempt=number + 1))
            waiting[slot] = 0
    return log


_STEPS = ("event", "event", "event", "certificate", "abandoned", "old event", "gap")


@st.composite
def forked(draw: st.DrawFn, history: Sequence[AnyEvent]) -> list[AnyEvent]:
    """A log of these events, each in a slot of its own, with forks that die among them.

    Some slots are appended from a fork first, taken back and appended again; some slots are of
    forks alone. Slots interleave, and each that belongs to the history is certified in the end.
    """
    queues: list[list[AnyEvent]] = []
    for event in history:
        slot = event.pos.slot
        queue: list[AnyEvent] = []
        for attempt in range(draw(st.integers(0, 2))):
            copies = draw(st.integers(0, 2))
            queue += [trade(slot, copy, mint="mint1") for copy in range(copies)]
            queue.append(abandoned(slot, copies, attempt=attempt + 1))
        queues.append([*queue, provisional(event), confirmed(slot)])
    of_forks_alone = range(1_001, 1_001 + draw(st.integers(0, 2)))
    queues += ([trade(slot, mint="mint1"), abandoned(slot, 1)] for slot in of_forks_alone)
    log: list[AnyEvent] = []
    while queues:
        queue = queues[draw(st.integers(0, len(queues) - 1))]
        log.append(queue.pop(0))
        queues = [each for each in queues if each]
    return log
