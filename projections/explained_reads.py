"""What the query side may ask about one transaction, and what the log says of it."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from domain.events import ProgramEvent, SlotAbandoned, SlotConfirmed
from domain.log import Recorded
from projections.price import fill

EventState: TypeAlias = Literal["counts", "taken_back", "not_decided"]


class ExplainedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the transaction."""

    sequence: int
    state: EventState
    event: ProgramEvent
    price: float | None
    """The price that a trade leaves, in quote units per token unit."""


class Explanations(Protocol):
    """Reads the log, and never writes to it."""

    async def explained(self, signature: str, slot: int | None) -> Sequence[ExplainedEvent]:
        """The events of a transaction, in sequence; none where the log has none.

        Without its slot only the newest part of the log is looked at. May raise
        `projections.reads.ReadsUnavailableError`.
        """
        ...


def explained(
    found: Sequence[Recorded], decisions: Sequence[tuple[int, SlotConfirmed | SlotAbandoned]]
) -> list[ExplainedEvent]:
    """Whether each event counts, by what the log says about its slot behind it."""
    told = []
    for recorded in found:
        event = recorded.event
        if not isinstance(event, ProgramEvent):
            continue
        behind = [
            decision
            for sequence, decision in decisions
            if sequence > recorded.sequence and decision.slot == event.pos.slot
        ]
        state: EventState = "counts"
        if any(isinstance(decision, SlotAbandoned) for decision in behind):
            state = "taken_back"
        elif event.provisional and not behind:
            state = "not_decided"
        trade = fill(recorded.event)
        told.append(
            ExplainedEvent(
                sequence=recorded.sequence,
                state=state,
                event=event,
                price=None if trade is None else trade.price,
            )
        )
    return told
