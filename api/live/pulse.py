"""How the pipeline is, as this process sees it: slots, rates and lags, told once a second."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.events import CompletionTraded, CurveTraded, PoolTraded, SlotConfirmed, TokenCreated
from domain.log import Recorded
from projections.reads import ProjectionPosition

ROOM = "status"
RATE_S = 10.0
"""What rates are taken over."""


class ReadModelTold(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far a read model is."""

    name: str
    position: int
    lag: Annotated[int, Meta(description="Events of the log that it does not hold yet.")]


class StatusTold(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The pipeline at this moment."""

    sequence: Annotated[int, Meta(description="The log's last event that has arrived here.")]
    deaf: Annotated[bool, Meta(description="Whether the log has more than arrives here.")]
    slot: Annotated[int | None, Meta(description="The newest slot with a certificate.")]
    slot_time: Annotated[int | None, Meta(description="Its block time, in Unix seconds.")]
    slots_per_second: float
    events_per_second: float
    trades_per_second: float
    launches_per_minute: float
    clients: int
    read_models: list[ReadModelTold]


class _Counted(msgspec.Struct, kw_only=True):
    at_s: float
    slots: int = 0
    events: int = 0
    trades: int = 0
    launches: int = 0


class Pulse:
    """Counts what comes by; `now` is a clock that never goes back, in seconds.

    What was in the log before, up to `new_after`, says only which slot was the newest.
    """

    def __init__(self, now: Callable[[], float], *, new_after: int = 0) -> None:
        self._now = now
        self._new_after = new_after
        self._began_s = now()
        self._counted: deque[_Counted] = deque()
        self._newest: SlotConfirmed | None = None

    def take(self, batch: Iterable[Recorded]) -> None:
        """Count some events that have just arrived."""
        counted = _Counted(at_s=self._now())
        for recorded in batch:
            event = recorded.event
            new = int(recorded.sequence > self._new_after)
            counted.events += new
            if isinstance(event, CurveTraded | PoolTraded | CompletionTraded):
                counted.trades += new
            elif isinstance(event, TokenCreated):
                counted.launches += new
            elif isinstance(event, SlotConfirmed):
                counted.slots += new
                # One that was fetched late certifies an older slot.
                if self._newest is None or event.slot >= self._newest.slot:
                    self._newest = event
        self._counted.append(counted)
        self._forget(counted.at_s)  # also while nobody asks

    def told(
        self, *, sequence: int, deaf: bool, clients: int, positions: Sequence[ProjectionPosition]
    ) -> StatusTold:
        """The state, with rates over the last seconds."""
        now_s = self._now()
        self._forget(now_s)
        over_s = max(1.0, min(RATE_S, now_s - self._began_s))

        def per_s(name: str) -> float:
            return float(sum(getattr(each, name) for each in self._counted)) / over_s

        return StatusTold(
            sequence=sequence,
            deaf=deaf,
            slot=None if self._newest is None else self._newest.slot,
            slot_time=None if self._newest is None else self._newest.block_time_s,
            slots_per_second=round(per_s("slots"), 2),
            events_per_second=round(per_s("events"), 1),
            trades_per_second=round(per_s("trades"), 1),
            launches_per_minute=round(per_s("launches") * 60, 1),
            clients=clients,
            read_models=[
                ReadModelTold(
                    name=each.name,
                    position=each.sequence,
                    lag=max(0, sequence - each.sequence),
                )
                for each in positions
            ],
        )

    def _forget(self, now_s: float) -> None:
        while self._counted and self._counted[0].at_s <= now_s - RATE_S:
            self._counted.popleft()
