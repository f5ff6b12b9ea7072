"""A stretch of the chain that grows from its start: blocks that wait for their parents."""

from domain.chain import Block
from ingest.votes import Candidate, Link


class Segment:
    """Confirmed blocks behind `start`, up to `until` where the stretch is a gap."""

    def __init__(self, start: Link | None, *, until: Link | None = None) -> None:
        self.start = start
        """The newest block that is sealed; None where the chain has yet to begin."""
        self.until = until
        self.sealed = 0
        """Blocks sealed since it was last noted what is filled."""
        self.support: dict[Link, set[str]] = {}
        """Who sent a block that names this one as its parent."""
        self._noted = start
        self._candidates: dict[int, list[Candidate]] = {}
        self._children: dict[int, list[Candidate]] = {}
        self.waiting = 0
        """Blocks that are held."""

    @property
    def is_filled(self) -> bool:
        """Whether the start has come to the end."""
        return (
            self.start is not None and self.until is not None and self.start.slot >= self.until.slot
        )

    def covers(self, slot: int) -> bool:
        """Whether a gap's missing slots include this one."""
        assert self.start is not None, "a gap lies behind something"
        assert self.until is not None, "a gap has an end"
        return self.start.slot < slot <= self.until.slot

    def holds(self, slot: int) -> bool:
        """Whether a block of the slot waits here."""
        return slot in self._candidates

    def slots(self) -> list[int]:
        """The slots of the blocks that wait, in order."""
        return sorted(self._candidates)

    def highest(self) -> int | None:
        """The highest slot of a block that waits; None where none does."""
        return max(self._candidates, default=None)

    def at(self, slot: int) -> list[Candidate]:
        """The blocks that wait in a slot; more than one where sources disagree."""
        return self._candidates.get(slot, [])

    def add(self, source: str, block: Block, now_s: float) -> None:
        """Take a block from a source; one of another fork than the start's is let go."""
        if self._is_foreign(block):
            return
        meta = block.meta
        parent = Link(meta.parent_slot, meta.parent_blockhash)
        self.support.setdefault(parent, set()).add(source)
        for known in self.at(block.slot):
            if known.block.meta.blockhash == meta.blockhash:
                known.add(source, block)
                return
        self.keep(Candidate(block, {source}, now_s))

    def keep(self, candidate: Candidate) -> None:
        """Hold a block."""
        self._candidates.setdefault(candidate.block.slot, []).append(candidate)
        self._children.setdefault(candidate.block.meta.parent_slot, []).append(candidate)
        self.waiting += 1

    def children(self) -> list[Candidate]:
        """The blocks that name the start as their parent; more than one where sources disagree."""
        start, until = self.start, self.until
        if start is None:
            return []
        if start.blockhash is None:
            # The slot may have had no block; the next one names an earlier parent then.
            found = [
                each
                for slot in self.slots()
                for each in self.at(slot)
                if each.block.meta.parent_slot <= start.slot
            ]
        else:
            named = self._children.get(start.slot, ())
            found = [each for each in named if start.is_parent_of(each.block)]
        if until is None or until.blockhash is None:
            return found
        return [
            each
            for each in found
            if each.block.slot < until.slot or each.block.meta.blockhash == until.blockhash
        ]

    def roots(self) -> list[Candidate]:
        """The blocks right behind holes: their parents are not here."""
        children = self.children()
        return [
            each
            for held in self._candidates.values()
            for each in held
            if self._parent_of(each) is None and not any(each is child for child in children)
        ]

    def linked(self) -> list[Candidate]:
        """The blocks that lead to a gap's end, as far back from there as they are here."""
        found: list[Candidate] = []
        until = self.until
        each = None if until is None else self._held(until.slot, until.blockhash)
        while each is not None:
            found.append(each)
            each = self._parent_of(each)
        return found

    def heard_from(self, candidate: Candidate) -> set[str]:
        """Who sent a block, or the next one behind it."""
        return candidate.voters | self.support.get(candidate.link, set())

    def votes(self, candidate: Candidate) -> set[str]:
        """Who sent a block, or any that follows it."""
        votes: set[str] = set()
        behind = [candidate]
        while behind:
            each = behind.pop()
            votes |= self.heard_from(each)
            named = self._children.get(each.block.slot, ())
            behind += [child for child in named if each.link.is_parent_of(child.block)]
        return votes

    def _parent_of(self, candidate: Candidate) -> Candidate | None:
        meta = candidate.block.meta
        if meta.parent_slot >= meta.slot:
            return None
        return self._held(meta.parent_slot, meta.parent_blockhash)

    def _held(self, slot: int, blockhash: str | None) -> Candidate | None:
        return next(
            (each for each in self.at(slot) if each.block.meta.blockhash == blockhash), None
        )

    def begin(self, parent: Link) -> None:
        """Have a first block's parent stand for the start."""
        self.start = self._noted = parent

    def drop(self, slot: int) -> None:
        """Let go of the blocks of a slot."""
        for candidate in self._candidates.pop(slot):
            self._children[candidate.block.meta.parent_slot].remove(candidate)
            self.waiting -= 1

    def drop_highest(self) -> None:
        """Let go of the blocks that are furthest ahead."""
        self.drop(max(self._candidates))

    def advance(self, sealed: Candidate) -> None:
        """Go on behind a block that is sealed."""
        self.start = sealed.link
        self.sealed += 1
        self._drop_until(sealed.block.slot)
        for slot in self.slots():
            if all(self._is_foreign(each.block) for each in self._candidates[slot]):
                self.drop(slot)

    def leap(self, until: Link, *, into: "Segment") -> None:
        """Go on behind a gap; what is held of the gap's slots goes over to it."""
        for candidate in self._drop_until(until.slot):
            into.keep(candidate)
        self.start = self._noted = until
        self.sealed = 0

    def split(self, orphan: Candidate) -> "Segment":
        """End before a block whose parent is missing; what comes from there on is another gap."""
        meta = orphan.block.meta
        middle = Link(meta.parent_slot, meta.parent_blockhash)
        rest = Segment(middle, until=self.until)
        rest.support = self.support
        for slot in self.slots():
            if slot > middle.slot:
                for candidate in self._candidates[slot]:
                    rest.keep(candidate)
        kept = self._drop_until(middle.slot)
        self._candidates, self._children, self.waiting = {}, {}, 0
        for candidate in kept:
            self.keep(candidate)
        self.until = middle
        return rest

    def note_filled(self) -> tuple[Link, Link]:
        """What was filled since the last note: from behind the first link up to the second."""
        assert self._noted is not None, "a gap lies behind something"
        assert self.start is not None, "a gap lies behind something"
        noted, self._noted = self._noted, self.start
        self.sealed = 0
        return noted, self.start

    def _is_foreign(self, block: Block) -> bool:
        """Whether the block's chain has parted from ours before the start."""
        start = self.start
        if start is None or start.blockhash is None:
            return False
        return block.meta.parent_slot <= start.slot and not start.is_parent_of(block)

    def _drop_until(self, slot: int) -> list[Candidate]:
        """Let go of the blocks up to a slot, and answer them."""
        dropped = [
            candidate
            for held in [held for held in self._candidates if held <= slot]
            for candidate in self._candidates.pop(held)
        ]
        for parent in [parent for parent in self._children if parent <= slot]:
            kept = [each for each in self._children[parent] if each.block.slot > slot]
            if kept:
                self._children[parent] = kept
            else:
                del self._children[parent]
        for link in [link for link in self.support if link.slot < slot]:
            del self.support[link]
        self.waiting -= len(dropped)
        return dropped
