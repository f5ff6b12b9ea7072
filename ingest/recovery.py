"""Where ingest left off, read back from the log's own end; pure."""

from collections.abc import Iterable

import msgspec

from domain.events import (
    BESIDE_SLOTS,
    AnyEvent,
    GapDetected,
    GapFilled,
    SlotAbandoned,
    SlotConfirmed,
    SolPriced,
)
from ingest.ledger import Ledger, recorded
from ingest.slots import GapClosed
from ingest.votes import Link


class Certified(msgspec.Struct, frozen=True):
    """The log's newest certificate, to which the next one is chained."""

    hash: str
    sequence: int
    slot: int


class Recovery:
    """Takes the log's newest messages in sequence, and all of its gaps, and says what follows."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.certified: Certified | None = None
        self.gaps: list[tuple[Link, Link]] = []
        """Open gaps, as the links before and at their end."""
        self.filled: list[GapClosed] = []
        """What of gaps has its certificates, though the log does not say yet that it is filled."""
        self.priced_s = 0
        """The newest second with a price; the log's last price may be an older one, which was
        appended again when its slot was begun anew."""
        self._start: Link | None = None
        self._unproven = 0

    @property
    def start(self) -> Link | None:
        """The block behind which the chain goes on; None where there is no certificate yet."""
        ends = [until for _, until in self.gaps]
        if self._start is not None:
            ends.append(self._start)
        elif self.certified is None:
            return None
        return max(ends, key=lambda link: link.slot, default=None)

    @property
    def unproven_after(self) -> int | None:
        """The newest slot of a log from before certificates."""
        return self._unproven if self.certified is None and self._unproven else None

    def take_gaps(self, events: Iterable[AnyEvent]) -> None:
        """Read every `gap.detected` and `gap.filled` of the log, in sequence."""
        for event in events:
            if isinstance(event, GapDetected):
                self.gaps.append(
                    (
                        Link(event.from_slot - 1, event.parent_blockhash),
                        Link(event.to_slot, event.blockhash),
                    )
                )
            elif isinstance(event, GapFilled):
                self.gaps = [part for gap in self.gaps for part in _without(gap, event)]

    def take_certificate(self, sequence: int, event: SlotConfirmed) -> None:
        """Read the log's newest certificate, however far back it is."""
        self.certified = Certified(event.hash, sequence, event.slot)
        self._stand_at(event)

    def take(self, sequence: int, payload: bytes, event: AnyEvent) -> None:
        """Read one of the newest messages."""
        if isinstance(event, SlotConfirmed):
            self.certified = Certified(event.hash, sequence, event.slot)
            self._stand_at(event)
            self.gaps = [part for gap in self.gaps for part in self._behind(gap, event)]
            self.ledger.close(event.slot)
        elif isinstance(event, SlotAbandoned):
            self.ledger.take_back(event.slot)
        elif type(event) not in BESIDE_SLOTS:
            if isinstance(event, SolPriced):
                self.priced_s = max(self.priced_s, event.publish_time_s)
            if event.provisional:
                recorded(self.ledger.page(event.pos.slot), sequence, payload, event)
            else:
                # From before certificates: it has counted already, and is never taken back.
                self._unproven = max(self._unproven, event.pos.slot)

    def finish(self) -> None:
        """Forget what is decided; call it once everything was read."""
        if (start := self.start) is not None:
            self.ledger.close_until(start.slot, keep=self._is_missing)
        self.ledger.forget_closed()

    def _stand_at(self, event: SlotConfirmed) -> None:
        if self._start is None or event.slot > self._start.slot:
            self._start = Link(event.slot, event.blockhash)

    def _behind(self, gap: tuple[Link, Link], sealed: SlotConfirmed) -> list[tuple[Link, Link]]:
        """What is left of a gap when a block of it has its certificate: it is filled in order."""
        before, until = gap
        follows = (
            sealed.parent_slot <= before.slot
            if before.blockhash is None
            else (sealed.parent_slot, sealed.parent_blockhash) == before
        )
        if not follows or not before.slot < sealed.slot <= until.slot:
            return [gap]
        left = Link(sealed.slot, sealed.blockhash)
        self.filled.append(GapClosed(before, left))
        return [(left, until)] if left.slot < until.slot else []

    def _is_missing(self, slot: int) -> bool:
        return any(before.slot < slot <= until.slot for before, until in self.gaps)


def _without(gap: tuple[Link, Link], filled: GapFilled) -> list[tuple[Link, Link]]:
    """What is left of a gap, none to two parts."""
    before, until = gap
    if filled.to_slot <= before.slot or filled.from_slot > until.slot:
        return [gap]
    left = (before, Link(filled.from_slot - 1, filled.parent_blockhash))
    right = (Link(filled.to_slot, filled.blockhash), until)
    return [part for part in (left, right) if part[0].slot < part[1].slot]
