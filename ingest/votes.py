"""Which confirmed block follows another one: what several sources say, weighed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from domain.chain import Block, RawTransaction

SILENT_S = 10.0
"""A source that has sent no block for this long is no longer waited for."""
FIRST_WAIT_S = 60.0
"""How long an empty log waits for half of all sources to be for the block that it begins with: it
has nothing yet that could show that a source is on another network."""
AGREE_WAIT_S = 2.0
"""How long the only other source is waited for, when there are two."""
DRAW_WAIT_S = 10.0
"""How long sources that contradict each other are held to be able to agree; then the one that was
named first is believed."""


class Link(NamedTuple):
    """A block as its children name it; without a hash, any block of that slot."""

    slot: int
    blockhash: str | None

    def is_parent_of(self, block: Block) -> bool:
        """Whether the block says that it follows this one; a chain's first one names itself."""
        meta = block.meta
        return meta.slot > meta.parent_slot == self.slot and self.blockhash in (
            None,
            meta.parent_blockhash,
        )


class Candidate(msgspec.Struct):
    """A block as far as it is known: what all copies of it hold together, and who sent one."""

    block: Block
    voters: set[str]
    offered_s: float
    """When the first copy came."""

    @property
    def link(self) -> Link:
        """How its children name it."""
        return Link(self.block.slot, self.block.meta.blockhash)

    def add(self, voter: str, block: Block) -> None:
        """Take another copy in: what one of them misses, the other may have."""
        self.voters.add(voter)
        if (union := united(self.block, block)) is not None:
            self.block = union


class Ballot(NamedTuple):
    """Who is for a candidate."""

    voters: set[str]
    candidate: Candidate


class Voters:
    """Who may vote, and how far each of them is."""

    def __init__(
        self,
        names: Iterable[str],
        *,
        arbiters: Iterable[str] = (),
        agree_wait_s: float = AGREE_WAIT_S,
        draw_wait_s: float = DRAW_WAIT_S,
        silent_s: float = SILENT_S,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        """`arbiters` are never waited for, but settle a draw: they are asked slot by slot."""
        self._heard_s: dict[str, float | None] = dict.fromkeys(names)
        self._slots = dict.fromkeys(self._heard_s, -1)
        self._ranks = {name: rank for rank, name in enumerate(self._heard_s)}
        self._arbiters = frozenset(arbiters)
        self._agree_wait_s = agree_wait_s
        self._draw_wait_s = draw_wait_s
        self._silent_s = silent_s
        self._first_wait_s = first_wait_s
        self._started_s: float | None = None

    def heard(self, voter: str, slot: int, now_s: float) -> None:
        """Note that a voter has sent a confirmed block."""
        if voter in self._heard_s:
            self._heard_s[voter] = now_s
            self._slots[voter] = max(self._slots[voter], slot)

    def others_near(self, voter: str, slot: int, distance: int) -> bool:
        """Whether another voter has sent a block of around this slot."""
        return any(
            abs(theirs - slot) <= distance
            for name, theirs in self._slots.items()
            if name != voter and theirs >= 0
        )

    @property
    def agree_wait_s(self) -> float:
        """How long the only other source is waited for."""
        return self._agree_wait_s

    def are_most(self, voters: set[str]) -> bool:
        """Whether more than half of all that are named are among these."""
        return 2 * len(voters & self._heard_s.keys()) > len(self._heard_s)

    def suffice(self, voters: set[str]) -> bool:
        """Whether these are to be believed whatever the others have: most, or an arbiter."""
        return bool(voters & self._arbiters) or self.are_most(voters)

    def may_begin(self, voters: set[str], now_s: float) -> bool:
        """Whether a log may begin with what was chosen, which these are for.

        Two sources protect from loss, three from lies: one of two is enough, two of three.
        """
        if 2 * len(voters & self._heard_s.keys()) >= len(self._heard_s):
            return True
        return self._started_s is not None and now_s - self._started_s >= self._first_wait_s

    def chosen(self, ballots: Sequence[Ballot], now_s: float) -> Candidate | None:
        """The candidate that most of those who can vote are for; None while that is open."""
        if self._started_s is None:
            self._started_s = now_s
        if not ballots:
            return None
        voted = set[str]().union(*(ballot.voters for ballot in ballots))
        highest = max(ballot.candidate.block.slot for ballot in ballots)
        waited = [
            name
            for name, slot in self._slots.items()
            if name not in voted and slot <= highest and self._is_live(name, now_s)
        ]
        first_s = min(ballot.candidate.offered_s for ballot in ballots)
        is_one_of_two = len(waited) == len(voted) == 1 and len(self._living(now_s) | voted) == 2
        if is_one_of_two and now_s - first_s >= self._agree_wait_s:
            waited = []  # of two sources, the one that keeps up is believed
        needed = (len(voted) + len(waited)) // 2 + 1
        best, winner = min(ballots, key=lambda each: (-len(each.voters), self._rank(each.voters)))
        if len(best) >= needed:
            return winner
        is_draw = 2 * len(best) == len(voted) and not waited
        settled = self._rank(best) < 0 or now_s - first_s >= self._draw_wait_s
        return winner if is_draw and settled else None

    def _rank(self, voters: Iterable[str]) -> int:
        """The lower, the more believed in a draw; below 0 with an arbiter among them."""
        return min(
            -1 if voter in self._arbiters else self._ranks.get(voter, len(self._ranks))
            for voter in voters
        )

    def _living(self, now_s: float) -> set[str]:
        return {name for name in self._slots if self._is_live(name, now_s)}

    def _is_live(self, name: str, now_s: float) -> bool:
        heard_s = self._heard_s[name]
        since_s = self._started_s if heard_s is None else heard_s
        return since_s is not None and now_s - since_s < self._silent_s


def united(first: Block, second: Block) -> Block | None:
    """A block with the transactions of both copies; None where the first copy has them all.

    Copies without failed transactions are less than those with them, where all else is equal.
    """
    known = {tx.signature for tx in first.transactions}
    fresh = [tx for tx in second.transactions if tx.signature not in known]
    if not fresh:
        return None
    transactions = sorted([*first.transactions, *fresh], key=_index)
    better = second if first.evidence == "meta" else first
    return msgspec.structs.replace(better, transactions=transactions)


def _index(tx: RawTransaction) -> int:
    return tx.index
