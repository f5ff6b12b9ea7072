"""Whether each market's reserves continue from event to event, from the log alone.

Walks the log once, in sequence. Memory goes with the number of markets, not of events.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

import msgspec

from domain.events import (
    AnyEvent,
    GapDetected,
    GapFilled,
    MintEvent,
    PoolEvent,
    SlotAbandoned,
    SlotConfirmed,
)
from projections.audit.breaks import NOT_JUDGED, PROVEN_WRONG, Break, Cause, extra, judged
from projections.audit.counted import Counted
from projections.audit.segments import Chain
from projections.audit.spans import Span, Spans
from projections.audit.steps import stepper

BREAKS_KEPT_MAX = 10_000
"""Breaks that a report holds; all are counted."""
MARKETS_LISTED_MAX = 1_000
"""Markets that a report lists one by one, where it was asked for single mints."""

Verdict: TypeAlias = Literal["connected", "not proven", "damaged"]


class MarketLife(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One curve or pool, as far as the log has it."""

    mint: str
    pool: str | None = None
    events: int
    segments: int
    """1 where every event continues the one before it."""
    whole_life: bool
    """False where the market's beginning is not in the log."""
    first_slot: int
    last_slot: int


class ReserveReport(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the walk found."""

    verdict: Verdict
    events: int
    """Events of markets that count."""
    mints: int
    curves: int
    pools: int
    pools_canonical: int
    from_mid_life: int
    """Markets whose beginning is not in the log, so that nothing says what was before."""
    breaks: dict[Cause, int]
    mints_broken: int
    """Mints with an event that is missing or too many."""
    worst: tuple[Break, ...]
    """The breaks themselves, those that prove something wrong first."""
    open_gaps: tuple[Span, ...]
    waiting: int
    """Events at the end whose slot is not proven yet; they are in no number above."""
    let_go: int
    """Events that waited too long for their slot's certificate, and were not looked at."""
    unreadable: int
    """Messages of the log that are missing, or no event known here."""
    mints_absent: tuple[str, ...]
    """Mints that were asked for and of which the log has nothing that counts."""
    markets: tuple[MarketLife, ...]
    """Each market, where single mints were asked for."""


class Reserves:
    """Walks the log's events in sequence; `report` may be asked for at any point."""

    def __init__(
        self,
        *,
        mints: Collection[str] = (),
        from_slot: int = 0,
        retractions: Mapping[int, int] | None = None,
    ) -> None:
        self._mints = frozenset(mints)
        self._from_slot = from_slot
        self._counted = Counted(retractions or {})
        self._chains: dict[str, Chain] = {}
        self._gaps = Spans()
        self._events = 0
        self._unreadable = 0
        self._breaks: list[Break] = []
        self._causes: Counter[Cause] = Counter()
        self._broken: set[str] = set()

    @property
    def late(self) -> Mapping[int, int]:
        """Retractions that came after what they take back was placed: walk again with these."""
        return self._counted.late

    def take(self, sequence: int, event: AnyEvent) -> None:
        """The log's next event."""
        if stepper(type(event)) is not None:
            assert isinstance(event, MintEvent), "steps are about a mint"
            if event.pos.slot < self._from_slot or (self._mints and event.mint not in self._mints):
                return
            if not self._counted.hold(sequence, event):
                self._place(event)
        elif isinstance(event, SlotConfirmed):
            for waiting in self._counted.confirmed(event.slot):
                self._place(waiting.event)
        elif isinstance(event, SlotAbandoned):
            self._counted.abandoned(sequence, event)
        elif isinstance(event, GapDetected):
            self._gaps.add(max(event.from_slot, self._from_slot), event.to_slot)
        elif isinstance(event, GapFilled):
            self._gaps.remove(event.from_slot, event.to_slot)

    def unreadable(self) -> None:
        """The log's next message is missing, or no event that is known."""
        self._unreadable += 1

    def report(self) -> ReserveReport:
        """What was found so far."""
        found = _Found(list(self._breaks), Counter(self._causes), set(self._broken))
        for chain in self._chains.values():
            for crack in chain.cracks():
                found.add(judged(chain, crack, self._gaps))
            for stray in chain.strays:
                found.add(extra(chain, stray))
            found.causes["extra"] += chain.strays_dropped
        chains = self._chains.values()
        listed = sorted(chains, key=lambda it: (it.mint, it.pool or ""))[:MARKETS_LISTED_MAX]
        return ReserveReport(
            verdict=self._verdict(found.causes),
            events=self._events,
            mints=len({chain.mint for chain in chains}),
            curves=sum(chain.pool is None for chain in chains),
            pools=sum(chain.pool is not None for chain in chains),
            pools_canonical=sum(chain.canonical is True for chain in chains),
            from_mid_life=sum(not chain.whole_life for chain in chains),
            breaks={cause: count for cause, count in sorted(found.causes.items()) if count},
            mints_broken=len(found.broken),
            worst=tuple(sorted(found.breaks, key=_urgency)),
            open_gaps=tuple(self._gaps),
            waiting=self._counted.waiting,
            let_go=self._counted.let_go,
            unreadable=self._unreadable,
            mints_absent=tuple(self._absent()),
            markets=tuple(_life(chain) for chain in listed) if self._mints else (),
        )

    def _verdict(self, causes: Counter[Cause]) -> Verdict:
        if self._unreadable:
            return "damaged"
        proven_wrong = sum(causes.values()) - sum(causes[cause] for cause in NOT_JUDGED)
        unproven = proven_wrong or len(self._gaps) or self._counted.let_go or self._absent()
        return "not proven" if unproven else "connected"

    def _absent(self) -> list[str]:
        return sorted(self._mints - {chain.mint for chain in self._chains.values()})

    def _place(self, event: AnyEvent) -> None:
        assert isinstance(event, MintEvent), "steps are about a mint"
        make = stepper(type(event))
        assert make is not None, "only steps are placed"
        step = make(event)
        chain = self._chains.get(step.address)
        if chain is None:
            pool = step.address if step.market == "pool" else None
            chain = self._chains[step.address] = Chain(event.mint, pool)
        if chain.canonical is None and isinstance(event, PoolEvent):
            chain.canonical = event.canonical
        chain.place(step, event.pos, event.id)
        self._events += 1
        if chain.folded:
            found = _Found(self._breaks, self._causes, self._broken)
            for crack in chain.folded:
                found.add(judged(chain, crack, self._gaps))
            chain.folded = ()


class _Found(msgspec.Struct):
    breaks: list[Break]
    causes: Counter[Cause]
    broken: set[str]

    def add(self, found: Break) -> None:
        self.causes[found.cause] += 1
        if found.cause in PROVEN_WRONG:
            self.broken.add(found.mint)
        if len(self.breaks) < BREAKS_KEPT_MAX:
            self.breaks.append(found)


_ORDER: tuple[Cause, ...] = ("extra", "missing", "gap", "repriced", "surplus")


def _urgency(found: Break) -> tuple[int, int, int, str]:
    return _ORDER.index(found.cause), found.before.slot, found.before.tx, found.before.id


def _life(chain: Chain) -> MarketLife:
    firm = [it for it in chain.segments if not it.floating]
    return MarketLife(
        mint=chain.mint,
        pool=chain.pool,
        events=chain.events,
        segments=max(len(firm), 1),
        whole_life=chain.whole_life,
        first_slot=chain.segments[0].first.slot,
        last_slot=chain.segments[-1].last.slot,
    )
