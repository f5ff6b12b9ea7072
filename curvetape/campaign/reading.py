"""What a log of certificates says, message by message: what counts, what does not, what is open."""

from collections.abc import Iterable, Sequence

from curvetape.simulator.forked_chain import ForkedChain
from domain.events import AnyEvent, ProgramEvent, SlotAbandoned, SlotConfirmed, SolPriced, decode
from domain.log import Stored
from ingest.recovery import Recovery


class Reading:
    """Reads a log as any reader of it has to: an event counts once its slot is confirmed."""

    def __init__(self) -> None:
        self.sequence = 0
        """Of the last message that was read."""
        self.counted: dict[int, list[AnyEvent]] = {}
        """Events that count, by slot."""
        self.certified: dict[int, SlotConfirmed] = {}
        """The newest certificate of each slot."""
        self.first_certified: int | None = None
        """The slot of the log's first certificate."""
        self.retracted = 0
        self.revoked: list[int] = []
        """Slots with events that were taken back when they counted already."""
        self._waiting: dict[int, list[AnyEvent]] = {}
        self._recovery = Recovery()

    def take(self, log: Iterable[Stored]) -> None:
        """Read on."""
        for stored in log:
            self.sequence = stored.sequence
            event = decode(stored.payload)
            self._recovery.take_gaps([event])
            if isinstance(event, SlotConfirmed):
                if self.first_certified is None:
                    self.first_certified = event.slot
                self.certified[event.slot] = event
                waiting = self._waiting.pop(event.slot, [])
                self.counted.setdefault(event.slot, []).extend(waiting)
            elif isinstance(event, SlotAbandoned):
                self.retracted += len(self._waiting.pop(event.slot, []))
                if self.counted.pop(event.slot, []):
                    self.revoked.append(event.slot)
            elif isinstance(event, ProgramEvent | SolPriced):
                self._waiting.setdefault(event.pos.slot, []).append(event)

    @property
    def gaps(self) -> Sequence[tuple[int, int]]:
        """Open gaps, as first and last slot."""
        return sorted((before.slot + 1, until.slot) for before, until in self._recovery.gaps)


class Watch:
    """Reads a log that is being written, to know when it has come to its end."""

    def __init__(self, chain: ForkedChain, last: int, unobtainable: frozenset[int]) -> None:
        """`last` is the slot up to which it has to be complete."""
        self._last = last
        self._slots = chain.slots
        self._truth = {slot: len(truth.events) for slot, truth in chain.ledger.items()}
        self._unobtainable = unobtainable
        self._reading = Reading()

    @property
    def sequence(self) -> int:
        """Of the last message that was read."""
        return self._reading.sequence

    def take(self, log: Iterable[Stored]) -> None:
        """Read on."""
        self._reading.take(log)

    @property
    def is_settled(self) -> bool:
        """Whether the chain's last block is certified, and gaps hold what cannot be had only.

        And no certified slot lacks an event: without filtered blocks, what comes late is added to
        the slot by another certificate. What never comes is waited for in vain.
        """
        missing = [
            set(range(first, last + 1)).intersection(self._slots)
            for first, last in self._reading.gaps
        ]
        certified = self._reading.certified
        return (
            max(certified, default=-1) >= self._last
            and all(gap and gap <= self._unobtainable for gap in missing)
            and all(map(self._is_whole, certified))
        )

    def _is_whole(self, slot: int) -> bool:
        events = [it for it in self._reading.counted.get(slot, ()) if isinstance(it, ProgramEvent)]
        return len(events) >= self._truth.get(slot, 0)
