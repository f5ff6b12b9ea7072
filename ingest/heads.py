"""Which block follows a stretch of the chain, and which one stands behind a hole: by majority.

A source votes for the lowest block that it is for among those that could be next. It is for a block
if it sent it, or any block that follows it. So one that is on a fork of its own is outvoted by
those that are past a hole which nobody can fill.
"""

from collections.abc import Sequence

from ingest.segment import Segment
from ingest.votes import Ballot, Candidate, Voters


def next_block(segment: Segment, voters: Voters, now_s: float) -> Candidate | None:
    """The block that follows the start; None while that is open, or there is none."""
    children = segment.children()
    if not children:
        return None
    if len(children) == 1 and voters.are_most(segment.heard_from(children[0])):
        return children[0]
    if segment.until is not None:
        return _next_in_gap(segment, children, voters, now_s)
    roots = segment.roots()
    chosen = voters.chosen(_ballots(segment, [*children, *roots]), now_s)
    if chosen is None and roots and _keeps_up(segment, children, roots, voters, now_s):
        chosen = voters.chosen(_ballots(segment, children), now_s)
    return chosen if any(chosen is child for child in children) else None


def behind_hole(segment: Segment, voters: Voters, now_s: float) -> Candidate | None:
    """The block that most are for, if the ones before it are missing."""
    roots = segment.roots()
    if not roots:
        return None
    if segment.until is not None:
        linked = segment.linked()
        sure = [
            root
            for root in roots
            if any(root is each for each in linked) or voters.suffice(segment.votes(root))
        ]
        return min(sure, key=_slot, default=None)
    children = segment.children()
    chosen = voters.chosen(_ballots(segment, [*children, *roots]), now_s)
    if chosen is None:
        # Lower heads may split the votes of those who all agree on a higher one.
        agreed = [root for root in roots if voters.are_most(segment.votes(root))]
        return min(agreed, key=_slot, default=None)
    return chosen if any(chosen is root for root in roots) else None


def _next_in_gap(
    gap: Segment, children: Sequence[Candidate], voters: Voters, now_s: float
) -> Candidate | None:
    """One that leads to the gap's end, or that enough are for: the others have passed the gap."""
    linked = gap.linked()
    for child in children:
        if any(child is each for each in linked):
            return child
    sure = [child for child in children if voters.suffice(gap.votes(child))]
    return sure[0] if len(sure) == 1 else voters.chosen(_ballots(gap, sure), now_s)


def _keeps_up(
    segment: Segment,
    children: Sequence[Candidate],
    roots: Sequence[Candidate],
    voters: Voters,
    now_s: float,
) -> bool:
    """Whether what follows the start has as many for it as what lies behind a hole, long enough."""
    if now_s - min(child.offered_s for child in children) < voters.agree_wait_s:
        return False
    best = max((segment.votes(child) for child in children), key=len)
    beyond = set[str]().union(*(segment.votes(root) for root in roots)) - best
    return len(beyond) <= len(best)


def _ballots(segment: Segment, heads: Sequence[Candidate]) -> list[Ballot]:
    """Who is for which head; a source counts for the lowest one only."""
    ballots: list[Ballot] = []
    counted: set[str] = set()
    slot = -1
    lower: set[str] = set()
    for head in sorted(heads, key=_slot):
        if head.block.slot > slot:
            slot, counted = head.block.slot, counted | lower
            lower = set()
        votes = segment.votes(head)
        lower |= votes
        if votes - counted:
            ballots.append(Ballot(votes - counted, head))
    return ballots


def _slot(candidate: Candidate) -> int:
    return candidate.block.slot
