"""A generated market's history with all that makes a log differ from the chain."""

import msgspec

from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import burned, completed, migrated, pool_traded, sol_priced
from curvetape.testing.metadata import described
from curvetape.testing.simulated import first_blocks, views
from domain.events import AnyEvent, CurveTraded, ProgramEvent, TokenCreated
from ingest.transaction import translated

BLOCKS = 40
FORKED, LATE, GONE = 12, (8, 30), 20
"""By number: the block that was begun anew, those that come when all else is there, and the one
that died."""


def blocks(count: int = BLOCKS) -> list[list[AnyEvent]]:
    """The events of a generated market, by block."""
    made = []
    for block, _ in first_blocks(60)[:count]:
        events: list[AnyEvent] = []
        for tx in views(block):
            if not tx.failed:
                events += translated(tx).events
        made.append(events)
    _graduate(made)
    for number, events in enumerate(made):
        slot = events[0].pos.slot
        events.append(sol_priced(slot, price=15_000_000_000 + number))
    return made


def _graduate(made: list[list[AnyEvent]]) -> None:
    """Have the first token that is traded leave its curve, in part within a block that is late."""
    mint = next(it.mint for events in made for it in events if isinstance(it, CurveTraded))
    leaving: list[AnyEvent] = [
        completed(1, mint),
        migrated(1, mint),
        pool_traded(1, mint, base_supply=10**15),
        burned(1, mint),
        pool_traded(1, mint, base_supply=10**15 - 1),
    ]
    for number, event in enumerate(leaving):
        events = made[LATE[1] - 2 + number]
        at = events[-1]
        assert isinstance(at, ProgramEvent), "the market makes nothing else"
        moved_there = _moved(event, at.pos.slot, number)
        events.append(msgspec.structs.replace(moved_there, block_time_s=at.block_time_s))


def as_it_came() -> CertifiedLog:
    """The log of a chain with forks, gaps that are filled late, and a slot that died."""
    held = CertifiedLog()
    late: list[list[AnyEvent]] = []
    for number, events in enumerate(blocks()):
        slot = events[0].pos.slot
        if number in LATE:
            late.append(events)
            held.gap(slot, slot)
            continue
        held.append(*events)
        if number == FORKED:
            held.abandon(slot)
            held.append(*events)
        if number == GONE:
            held.abandon(slot)
        else:
            held.seal(slot)
    for events in reversed(late):
        slot = events[0].pos.slot
        held.append(*events)
        held.seal(slot)
        held.fill(slot, slot)
    _describe(held)
    return held


def as_it_was() -> CertifiedLog:
    """The log of the same chain had everything come in time, and nothing died."""
    held = CertifiedLog()
    for number, events in enumerate(blocks()):
        if number != GONE:
            held.append(*events)
            held.seal(events[0].pos.slot)
    _describe(held)
    return held


def _describe(held: CertifiedLog) -> None:
    created = sorted({it.mint for *_, it in held.messages if isinstance(it, TokenCreated)})
    for number, mint in enumerate(created[:3], 1):
        held.add(described(number, mint))


def _moved(event: AnyEvent, slot: int, place: int) -> AnyEvent:
    """The event in another slot, behind all that is there."""
    pos = msgspec.structs.replace(event.pos, slot=slot, tx=5_000 + place)
    return msgspec.structs.replace(event, pos=pos, id=f"{place}{event.id[1:]}")
