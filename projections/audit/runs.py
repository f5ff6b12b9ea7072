"""Blocks that name their parents, joined to runs in which each block follows the one before it."""

from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple

import msgspec

from domain.events import SlotConfirmed
from projections.audit.spans import Spans


class Run(msgspec.Struct, gc=False):
    """Neighbours from the first slot to the last, each linked to its parent by the hash."""

    first: int
    parent_slot: int
    parent_blockhash: str
    last: int
    blockhash: str
    first_sequence: int
    """Where the log holds the certificate of the first slot."""


class Misfit(NamedTuple):
    """A certificate that contradicts another one."""

    sequence: int
    slot: int
    what: str


class Runs:
    """Certificates in slot order, whatever order the log has them in."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def first_slot(self) -> int | None:
        """The lowest slot with a certificate."""
        return self._runs[0].first if self._runs else None

    @property
    def last_slot(self) -> int | None:
        """The highest slot with a certificate."""
        return self._runs[-1].last if self._runs else None

    def add(self, sequence: int, certificate: SlotConfirmed) -> str | None:
        """Link a slot that has had no certificate; what is wrong with its place, if anything."""
        slot = certificate.slot
        fresh = Run(
            slot,
            certificate.parent_slot,
            certificate.parent_blockhash,
            slot,
            certificate.blockhash,
            sequence,
        )
        runs = self._runs
        if runs and _continues(runs[-1], fresh):
            _extend(runs[-1], fresh)
            return None
        at = bisect_right(runs, slot, key=_first)
        if at and slot <= runs[at - 1].last:
            return "the slots around it are linked to each other without it"
        runs.insert(at, fresh)
        if at + 1 < len(runs) and _continues(fresh, runs[at + 1]):
            _extend(fresh, runs.pop(at + 1))
        if at and _continues(runs[at - 1], fresh):
            _extend(runs[at - 1], runs.pop(at))
        return None

    def misfits(self) -> list[Misfit]:
        """Runs whose parent cannot be where the run before ends."""
        found = []
        for left, right in pairwise(self._runs):
            if right.parent_slot < left.last:
                what = f"its parent is slot {right.parent_slot}, which slot {left.last} came after"
            elif right.parent_slot == left.last:
                what = f"its parent's hash is not that of the certificate of slot {left.last}"
            else:
                continue
            found.append(Misfit(right.first_sequence, right.first, what))
        return found

    def unproven(self) -> Spans:
        """Slots between runs: that there was no block in them is not proven."""
        spans = Spans()
        for left, right in pairwise(self._runs):
            spans.add(left.last + 1, right.parent_slot)
        return spans


def _continues(left: Run, right: Run) -> bool:
    return right.parent_slot == left.last and right.parent_blockhash == left.blockhash


def _extend(left: Run, right: Run) -> None:
    left.last, left.blockhash = right.last, right.blockhash


def _first(run: Run) -> int:
    return run.first
