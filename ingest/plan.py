"""What to do about each update of the chain: what is new, what is proven, what is taken back."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from domain.chain import AccountWritten, Block, ChainUpdate, RawTransaction
from ingest.ledger import Landed, Ledger, SlotPage, fingerprint
from ingest.slots import (
    Abandoned,
    Contradicted,
    Decision,
    GapClosed,
    GapOpened,
    Sealed,
    Slots,
)

PAGES_MAX = 2_000
"""Pages of slots that are past, beyond which the ledger is cleared of them."""


class Job(msgspec.Struct):
    """A transaction to decode, and where to note what it was decoded to."""

    tx: RawTransaction
    landed: Landed


class Provisional(msgspec.Struct):
    """Append what these transactions did, before their slot is proven."""

    page: SlotPage
    jobs: list[Job]


class Seal(msgspec.Struct):
    """Append what the log lacks of a proven block, then its certificate."""

    sealed: Sealed
    page: SlotPage
    jobs: list[Job]
    doubtful: list[Job]
    """What was appended of other bytes than these; the events may be the same all the same."""
    foreign: list[Landed]
    """What was appended of the slot and is not in the block."""


class TakeBack(msgspec.Struct):
    """Say that what was appended of a slot counts no more."""

    slot: int
    page: SlotPage
    reason: str


class Price(msgspec.Struct):
    """Append the price that an account says."""

    page: SlotPage
    written: AccountWritten


Step: TypeAlias = Provisional | Seal | TakeBack | Price | GapOpened | GapClosed | Contradicted


class Planner:
    """Compares what arrives with what the log holds or is about to hold; pure."""

    def __init__(self, slots: Slots, ledger: Ledger) -> None:
        self.slots = slots
        self.ledger = ledger
        self.known = 0
        """Copies of transactions that were there already."""
        self.late_prices = 0
        """Prices of slots that had their certificate already."""
        self.astray: dict[str, int] = {}
        """Sources that are on another network, and a slot that shows it."""
        for slot in ledger.slots():
            slots.saw(slot)

    def plan(self, source: str, updates: Sequence[ChainUpdate], now_s: float) -> list[Step]:
        """The steps that follow from a source's updates, in the order to take them in.

        Call it without updates from time to time: some decisions follow from waiting.
        """
        steps: list[Step] = []
        fresh: dict[int, Provisional] = {}
        for update in updates:
            if isinstance(update, RawTransaction):
                self._transaction(update, fresh)
            elif isinstance(update, Block):
                if self.slots.is_astray(source, update.slot):
                    self.astray.setdefault(source, update.slot)
                else:
                    self.slots.offer(source, update, now_s)
            elif self.slots.start is None or self.slots.takes(update.slot):
                self.slots.saw(update.slot)
                steps.append(Price(self.ledger.page(update.slot), update))
            else:
                self.late_prices += 1
        steps += fresh.values()
        for decision in self.slots.decide(now_s):
            steps += self._carry_out(decision)
        self._tidy()
        return steps

    def _transaction(self, tx: RawTransaction, fresh: dict[int, Provisional]) -> None:
        if tx.failed or not self.slots.takes(tx.slot):
            return
        page = self.ledger.page(tx.slot)
        if tx.signature in page.transactions:
            self.known += 1
            return
        self.slots.saw(tx.slot)
        job = _claim(page, tx, known_by=fingerprint(tx))
        step = fresh.get(tx.slot)
        if step is None:
            fresh[tx.slot] = Provisional(page, [job])
        else:
            step.jobs.append(job)

    def _carry_out(self, decision: Decision) -> Iterator[Step]:
        if isinstance(decision, Sealed):
            yield self._seal(decision)
        elif isinstance(decision, Abandoned):
            page = self.ledger.take_back(decision.slot)
            yield TakeBack(decision.slot, page, decision.reason)
        else:
            yield decision

    def _seal(self, sealed: Sealed) -> Seal:
        block = sealed.block
        page = self.ledger.close(block.slot)
        step = Seal(sealed, page, [], [], [])
        if sealed.revision > 1:
            # Only once the first revision is carried out is it known what the log lacks of these.
            step.jobs += [Job(tx, _landed(tx)) for tx in block.transactions if not tx.failed]
            return step
        proven = set(sealed.proof.signatures)
        for signature, landed in page.transactions.items():
            if signature not in proven:
                step.foreign.append(landed)
        for tx in block.transactions:
            if tx.failed:
                continue
            known = page.transactions.get(tx.signature)
            if known is None:
                step.jobs.append(_claim(page, tx))
            elif known.index != tx.index or known.fingerprint != fingerprint(tx):
                step.doubtful.append(Job(tx, known))
            else:
                self.known += 1
        return step

    def _tidy(self) -> None:
        start = self.slots.start
        if start is not None and len(self.ledger) > PAGES_MAX:
            gaps = self.slots.gaps
            self.ledger.close_until(
                start.slot, keep=lambda slot: any(first <= slot <= last for first, last in gaps)
            )


def _claim(page: SlotPage, tx: RawTransaction, *, known_by: int | None = None) -> Job:
    landed = _landed(tx, known_by=known_by)
    page.transactions[tx.signature] = landed
    return Job(tx, landed)


def _landed(tx: RawTransaction, *, known_by: int | None = None) -> Landed:
    return Landed(tx.index, tx.received_at_ns, known_by, [])
