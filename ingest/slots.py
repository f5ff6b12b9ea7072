"""Slots as a state machine: which are proven, which died, which are missing; pure.

It is given confirmed blocks, in any order, any number of times, from any number of sources, and the
slots of which something was appended before it was proven. It answers with decisions, in the order
in which they have to be carried out: a block is sealed only when its parent is.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec

from domain.chain import Block, Evidence, RawTransaction
from ingest.heads import behind_hole, next_block
from ingest.segment import Segment
from ingest.votes import Ballot, Candidate, Link, Voters

HOLE_WAIT_S = 3.0
"""How long a missing block is waited for before the blocks behind it are sealed without it."""
WAITING_BLOCKS_MAX = 256
"""Blocks behind a missing one that are held; with more of them nothing is waited for."""
HELD_BLOCKS_MAX = 4 * WAITING_BLOCKS_MAX
"""Beyond these the blocks furthest ahead are let go of; they are fetched again in their time."""
RIVAL_SLOTS = 32
"""Blocks that could be next, in so many slots from the lowest one on, are asked for as well."""
REMEMBERED_SLOTS = 512
"""Sealed slots of which copies with further transactions are still taken."""
AHEAD_SLOTS_MAX = 512
"""What is this far ahead of every confirmed block is no part of the same chain."""
ASTRAY_SLOTS = 50_000
"""A source this far from what is sealed is on another network, or of no use."""

State: TypeAlias = Literal["unknown", "seen", "confirmed", "sealed", "abandoned", "incomplete"]


class Sealed(msgspec.Struct, frozen=True):
    """The block is proven: append what is missing of it, then its certificate."""

    block: Block
    """From the second revision on with those transactions only that are new."""
    proof: "Proof"
    revision: int = 1
    """From 2 on a better copy of a block that was sealed before."""


class Proof(msgspec.Struct, frozen=True):
    """What a certificate says of all of a block's transactions that are ours."""

    ours: int
    failed: int | None
    signatures: tuple[bytes, ...]
    """Of those that succeeded, in the block's order."""


class Abandoned(msgspec.Struct, frozen=True):
    """Take back all that was appended of the slot."""

    slot: int
    reason: str


class GapOpened(msgspec.Struct, frozen=True):
    """Slots that could not be proven in time; those behind them will be sealed now."""

    start: Link
    until: Link
    reason: str


class GapClosed(msgspec.Struct, frozen=True):
    """Slots of a gap that are proven now, from behind `start` up to `until`."""

    start: Link
    until: Link


class Contradicted(msgspec.Struct, frozen=True):
    """A source sent another block than the one that was sealed for the slot."""

    source: str
    slot: int
    blockhash: str


Decision: TypeAlias = Sealed | Abandoned | GapOpened | GapClosed | Contradicted


class _Remembered(msgspec.Struct):
    """A sealed block without its bytes."""

    blockhash: str
    revision: int
    evidence: Evidence
    failed: set[bytes]
    """Signatures of those transactions of ours that failed; metas come without these."""
    places: dict[bytes, int]
    """Where in the block each transaction of ours stands that succeeded."""

    def proof(self) -> Proof:
        """What its certificate says."""
        ordered = sorted(self.places, key=self.places.__getitem__)
        failed = None if self.evidence == "meta" else len(self.failed)
        return Proof(len(ordered) + (failed or 0), failed, tuple(ordered))

    def improve(self, block: Block) -> list[RawTransaction] | None:
        """Take another copy in; those of its transactions that are new, None if it adds nothing.

        A copy that has those that failed as well adds nothing by that alone: it is what every
        block says beside every meta.
        """
        fresh = [
            tx for tx in block.transactions if not tx.failed and tx.signature not in self.places
        ]
        failed = {tx.signature for tx in block.transactions if tx.failed}
        if not fresh and (self.evidence == "meta" or failed <= self.failed):
            return None
        self.places |= {tx.signature: tx.index for tx in fresh}
        self.failed |= failed
        self.evidence = "block" if block.evidence == "block" else self.evidence
        self.revision += 1
        return fresh


class Slots:
    """What is known of the chain; `decide` says what follows from it."""

    def __init__(
        self,
        voters: Voters,
        *,
        start: Link | None = None,
        gaps: Sequence[tuple[Link, Link]] = (),
        filled: Iterable[GapClosed] = (),
        unproven_after: int | None = None,
        hole_wait_s: float = HOLE_WAIT_S,
    ) -> None:
        """`start` is the newest block sealed in order, None before the first.

        `gaps` are those that are open, as the links before and at their end; what was `filled` of
        them has its certificates, and the log has yet to say so. `unproven_after` is
        the newest slot of a log that has events but no certificate yet.
        """
        self._voters = voters
        self._live = Segment(start)
        self._gaps = [Segment(before, until=until) for before, until in gaps]
        self._unproven_after = unproven_after
        self._hole_wait_s = hole_wait_s
        self._seen: set[int] = set()
        self._remembered: OrderedDict[int, _Remembered] = OrderedDict()
        self._pending: list[Decision] = [*filled]

    @property
    def start(self) -> Link | None:
        """The newest block that is sealed in order; None before the first."""
        return self._live.start

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """The open gaps as first and last slot."""
        return [
            (gap.start.slot + 1, gap.until.slot)
            for gap in self._gaps
            if gap.start is not None and gap.until is not None
        ]

    def owed(self) -> int | None:
        """The slot from which on blocks are needed in order; None where any is as good."""
        start = self._live.start
        if start is not None:
            return start.slot + 1
        return None if self._unproven_after is None else self._unproven_after + 1

    def state(self, slot: int) -> State:
        """How far a slot is; `abandoned` also says of one below the start that it has no block."""
        if any(first <= slot <= last for first, last in self.gaps):
            return "incomplete"
        if slot in self._remembered:
            return "sealed"
        if self._live.start is not None and slot <= self._live.start.slot:
            return "abandoned" if self._remembers(slot) else "unknown"
        if self._live.holds(slot):
            return "confirmed"
        return "seen" if slot in self._seen else "unknown"

    def takes(self, slot: int) -> bool:
        """Whether a transaction of the slot may be appended before its block is there."""
        start = self._live.start
        if start is None or slot <= start.slot:
            return False
        newest = self._live.highest()
        return slot <= (start.slot if newest is None else newest) + AHEAD_SLOTS_MAX

    def saw(self, slot: int) -> None:
        """Note that something of the slot was appended, and awaits its proof."""
        self._seen.add(slot)

    def is_astray(self, source: str, slot: int) -> bool:
        """Whether a block of this slot shows that its source is on another network.

        What is far ahead may be where a log goes on that was left alone for long, unless another
        source is where the log is.
        """
        start = self._live.start
        if start is None or abs(slot - start.slot) <= ASTRAY_SLOTS:
            return False
        if slot < start.slot:
            return self._gap_at(slot) is None
        return self._voters.others_near(source, start.slot, ASTRAY_SLOTS)

    def offer(self, source: str, block: Block, now_s: float) -> None:
        """Take a confirmed block from a source that is not astray."""
        self._voters.heard(source, block.slot, now_s)
        segment = self._segment_of(block.slot)
        if segment is None:
            self._compare(source, block)
        else:
            segment.add(source, block, now_s)
            if segment.waiting > HELD_BLOCKS_MAX:
                segment.drop_highest()

    def decide(self, now_s: float) -> list[Decision]:
        """All that can be decided by now; call it after offers, and now and then as time passes."""
        decisions, self._pending = self._pending, []
        for gap in tuple(self._gaps):
            decisions += self._fill(gap, now_s)
        decisions += self._go_on(now_s)
        return decisions

    def wants(self) -> list[tuple[int, int]]:
        """Slots, as first and last, whose blocks should be asked for one by one."""
        wanted = self.gaps
        live = self._live
        if live.start is not None:
            rivals, roots = live.children(), live.roots()
            last = min((root.block.meta.parent_slot for root in roots), default=0)
            heads = sorted(each.block.slot for each in (*rivals, *roots))
            if len(heads) > 1:  # the node can tell which of them are of the chain
                last = max(last, *(slot for slot in heads if slot <= heads[0] + RIVAL_SLOTS))
            wanted.append((live.start.slot + 1, last))
        return [(first, last) for first, last in wanted if first <= last]

    def _segment_of(self, slot: int) -> Segment | None:
        if (gap := self._gap_at(slot)) is not None:
            return gap
        start = self._live.start
        return self._live if start is None or slot > start.slot else None

    def _gap_at(self, slot: int) -> Segment | None:
        return next((gap for gap in self._gaps if gap.covers(slot)), None)

    def _remembers(self, slot: int) -> bool:
        return bool(self._remembered) and slot > min(self._remembered)

    def _compare(self, source: str, block: Block) -> None:
        """A block of a slot that is decided: it is known, or better, or another one."""
        known = self._remembered.get(block.slot)
        if known is None:
            return
        if known.blockhash != block.meta.blockhash:
            self._pending.append(Contradicted(source, block.slot, block.meta.blockhash))
            return
        if (fresh := known.improve(block)) is not None:
            better = msgspec.structs.replace(block, transactions=fresh, evidence=known.evidence)
            self._pending.append(Sealed(better, known.proof(), known.revision))

    def _go_on(self, now_s: float) -> Iterator[Decision]:
        """Seal what follows the newest block; behind a hole that stays, begin anew."""
        live = self._live
        if live.start is None:
            yield from self._begin(now_s)
        while live.start is not None:
            yield from self._advance(live, now_s)
            orphan = self._given_up(live, now_s)
            if orphan is None:
                return
            yield from self._open_gap(live, orphan)

    def _begin(self, now_s: float) -> Iterator[Decision]:
        """The first block of all has no parent that could have been sealed."""
        live = self._live
        doubted: set[Link] = set()
        for slot in live.slots():
            ballots = [Ballot(live.heard_from(each), each) for each in live.at(slot)]
            first = self._voters.chosen(ballots, now_s)
            if first is None:
                continue
            parent = Link(first.block.meta.parent_slot, first.block.meta.parent_blockhash)
            # Nobody is for a block who is not for its parent, too.
            if parent in doubted or not self._voters.may_begin(live.votes(first), now_s):
                doubted.add(first.link)
                continue
            before = self._unproven_after
            if before is not None and before < parent.slot:
                reason = "the log has no certificates before this, and nothing could be replayed"
                self._gaps.append(Segment(Link(before, None), until=parent))
                yield GapOpened(Link(before, None), parent, reason)
            live.begin(parent)
            for other in live.slots():
                if all(self._are_astray(each.voters, other) for each in live.at(other)):
                    live.drop(other)
            yield from self._seal(live, first)
            return

    def _are_astray(self, voters: Iterable[str], slot: int) -> bool:
        return all(self.is_astray(voter, slot) for voter in voters)

    def _advance(self, segment: Segment, now_s: float) -> Iterator[Decision]:
        while (chosen := next_block(segment, self._voters, now_s)) is not None:
            yield from self._seal(segment, chosen)
            if segment.until is not None and segment.until.slot <= chosen.block.slot:
                return

    def _seal(self, segment: Segment, chosen: Candidate) -> Iterator[Decision]:
        block = chosen.block
        if segment is self._live:
            yield from self._abandon(self._passed(block.slot), "the confirmed chain passes over it")
        self._seen.discard(block.slot)
        segment.advance(chosen)
        yield Sealed(block, self._remember(block).proof())

    def _passed(self, slot: int) -> list[int]:
        return [seen for seen in self._seen if seen < slot]

    def _abandon(self, slots: Iterable[int], reason: str) -> Iterator[Decision]:
        for slot in sorted(slots):
            self._seen.discard(slot)
            yield Abandoned(slot, reason)

    def _remember(self, block: Block) -> _Remembered:
        remembered = _Remembered(
            block.meta.blockhash,
            1,
            block.evidence,
            {tx.signature for tx in block.transactions if tx.failed},
            {tx.signature: tx.index for tx in block.transactions if not tx.failed},
        )
        self._remembered[block.slot] = remembered
        while len(self._remembered) > REMEMBERED_SLOTS:
            self._remembered.popitem(last=False)
        return remembered

    def _given_up(self, segment: Segment, now_s: float) -> Candidate | None:
        """The block that is next once those before it are waited for no longer."""
        behind = behind_hole(segment, self._voters, now_s)
        if behind is None or self._is_doubtful(segment, behind, now_s):
            return None
        waited = now_s - behind.offered_s >= self._hole_wait_s
        return behind if waited or segment.waiting > WAITING_BLOCKS_MAX else None

    def _is_doubtful(self, segment: Segment, behind: Candidate, now_s: float) -> bool:
        """Whether a block is so far ahead that it needs those who may also begin a log."""
        assert segment.start is not None, "only what has begun has holes"
        is_far = behind.block.slot - segment.start.slot > ASTRAY_SLOTS
        return is_far and not self._voters.may_begin(segment.votes(behind), now_s)

    def _open_gap(self, live: Segment, orphan: Candidate) -> Iterator[Decision]:
        assert live.start is not None, "a gap lies behind something"
        meta = orphan.block.meta
        until = Link(meta.parent_slot, meta.parent_blockhash)
        yield from self._abandon(
            self._passed(until.slot + 1), "its block could not be had; it is part of a gap"
        )
        gap = Segment(live.start, until=until)
        self._gaps.append(gap)
        yield GapOpened(live.start, until, "no source sent the blocks of these slots in time")
        live.leap(until, into=gap)

    def _fill(self, gap: Segment, now_s: float) -> Iterator[Decision]:
        """Seal what follows in a gap; what is missing in its middle splits it."""
        yield from self._advance(gap, now_s)
        if gap.is_filled:
            self._gaps.remove(gap)
            yield from _closed(gap)
            return
        # Noted right behind the certificates, so that a restart does not seal these blocks again.
        yield from _closed(gap)
        orphan = self._given_up(gap, now_s)
        if orphan is not None:
            self._gaps.append(gap.split(orphan))


def _closed(gap: Segment) -> Iterator[Decision]:
    """What was filled since it was last said."""
    if gap.sealed:
        before, now = gap.note_filled()
        yield GapClosed(before, now)
