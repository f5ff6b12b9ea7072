"""Planned steps, once their transactions are decoded, as what has to be written."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from domain.chain import RawTransaction
from domain.events import encode
from domain.log import Entry
from ingest import dead
from ingest.certificates import gap_closed, gap_opened
from ingest.ledger import Held, Landed, SlotPage, again, alike, fill, price_held
from ingest.plan import Job, Price, Provisional, Seal, Step, TakeBack
from ingest.progress import Progress
from ingest.slots import Contradicted, GapClosed, GapOpened
from ingest.sol_price import PriceAccountError, sol_priced
from ingest.transaction import Batch

Decode: TypeAlias = Callable[[RawTransaction], Batch]


class Writing(msgspec.Struct):
    """An entry for the log, and where to note its place there."""

    entry: Entry
    held: Held | None = None
    page: SlotPage | None = None

    def under_another_id(self) -> "Writing":
        """The same, where the log knows the entry's id by something else."""
        assert self.held is not None, "only events are appended again"
        assert self.page is not None, "only events are appended again"
        entry_id = again(self.held.id, self.page.slot, self.page.attempt)
        return Writing(msgspec.structs.replace(self.entry, id=entry_id), self.held, self.page)


class Round(msgspec.Struct):
    """What is written together: letters first, then entries in order, then certificates."""

    writings: list[Writing | TakeBack] = []
    """What takes back a page says how many events there were, so it waits for their places."""
    dead: list[Entry] = []
    seals: list[Seal | Writing] = []
    """With what the log says of gaps between them: whoever reads that a gap is filled finds the
    certificates before it, and those of the slots before a gap come before that, too."""


class Settler:
    """Turns steps into writings; counts what it sees in `progress`."""

    def __init__(
        self,
        progress: Progress,
        *,
        decode: Decode,
        now_ns: Callable[[], int],
        priced_s: int = 0,
    ) -> None:
        """`decode` reads what has to be read anew; `priced_s` is when the last price was made."""
        self._progress = progress
        self._decode = decode
        self._now_ns = now_ns
        self._priced_s = priced_s

    def settle(self, steps: Sequence[Step], decoded: Iterator[Batch], into: Round) -> None:
        """Add the steps' writings to a round; `decoded` are their jobs' batches in order."""
        for step in steps:
            if isinstance(step, Provisional):
                for job in step.jobs:
                    self._take(step.page, job, next(decoded), into)
            elif isinstance(step, Seal):
                self._seal(step, decoded, into)
            elif isinstance(step, TakeBack):
                into.writings.append(step)
            elif isinstance(step, Price):
                self._price(step, into)
            elif isinstance(step, GapOpened):
                into.seals.append(Writing(gap_opened(step, received_at_ns=self._now_ns())))
            elif isinstance(step, GapClosed):
                into.seals.append(Writing(gap_closed(step, received_at_ns=self._now_ns())))
            elif isinstance(step, Contradicted):
                counts = self._progress.contradictions
                counts[step.source] = counts.get(step.source, 0) + 1

    def _take(self, page: SlotPage, job: Job, batch: Batch, into: Round) -> None:
        fill(job.landed, batch)
        self._write(page, job.landed, batch, into)

    def _write(self, page: SlotPage, landed: Landed, batch: Batch, into: Round) -> None:
        self._count(batch)
        into.dead += batch.dead
        for held, entry in zip(landed.events, batch.entries, strict=True):
            writing = Writing(entry, held, page)
            into.writings.append(writing.under_another_id() if page.attempt else writing)

    def _seal(self, step: Seal, decoded: Iterator[Batch], into: Round) -> None:
        batches = [next(decoded) for _ in step.jobs]
        self._progress.failed += sum(tx.failed for tx in step.sealed.block.transactions)
        if step.sealed.revision > 1:
            self._revise(step, batches, into)
        elif any(landed.events for landed in step.foreign) or not all(
            map(self._holds, step.doubtful)
        ):
            self._begin_again(step, into)
        else:
            for landed in step.foreign:
                landed.letters = 0  # the certificate counts what is in the block
            for job, batch in zip(step.jobs, batches, strict=True):
                self._take(step.page, job, batch, into)
        # Another revision may add to the page before the certificate of this one is made.
        into.seals.append(msgspec.structs.replace(step, page=step.page.copied()))

    def _revise(self, step: Seal, batches: Sequence[Batch], into: Round) -> None:
        """Append what a better copy of a block adds to what was appended of the first one."""
        page = step.page = step.page.newest
        for job, batch in zip(step.jobs, batches, strict=True):
            known = page.transactions.get(job.tx.signature)
            if known is None or not known.events:
                page.transactions[job.tx.signature] = job.landed
                self._take(page, job, batch, into)

    def _holds(self, job: Job) -> bool:
        """Whether what was appended of a transaction is what its other bytes say, too."""
        tx = msgspec.structs.replace(job.tx, received_at_ns=job.landed.received_at_ns)
        read = Landed(tx.index, tx.received_at_ns, None, [])
        fill(read, self._decode(tx))
        job.landed.letters = read.letters  # what a restart read back from the log has none
        return alike(read, job.landed)

    def _begin_again(self, step: Seal, into: Round) -> None:
        """Take back what was appended of the slot, and append what the block holds."""
        old, page = step.page, SlotPage(step.page.slot, step.page.attempt + 1)
        reason = "what was seen of it is not what was confirmed"
        into.writings.append(TakeBack(page.slot, old, reason))
        old.successor = step.page = page
        for tx in step.sealed.block.transactions:
            if not tx.failed:
                job = Job(tx, Landed(tx.index, tx.received_at_ns, None, []))
                page.transactions[tx.signature] = job.landed
                self._take(page, job, self._decode(tx), into)
        for written in old.written:
            self._price(Price(page, written), into, anew=True)

    def _price(self, step: Price, into: Round, *, anew: bool = False) -> None:
        written, page = step.written, step.page
        try:
            event = sol_priced(
                written.data,
                account=written.account,
                owner=written.owner,
                slot=written.slot,
                received_at_ns=written.received_at_ns,
            )
        except PriceAccountError as error:
            into.dead.append(dead.entry(dead.unreadable_account(written, str(error))))
            return
        if event.publish_time_s <= self._priced_s and not anew:
            return  # one a second is enough, and every endpoint sends each
        if any(price.id == event.id for price in page.prices):
            return  # read back from the log when ingest started
        self._priced_s = max(self._priced_s, event.publish_time_s)
        page.written.append(written)
        entry = Entry(subject=event.subject, id=event.id, payload=encode(event))
        held = price_held(page, event, entry.payload)
        writing = Writing(entry, held, page)
        into.writings.append(writing.under_another_id() if page.attempt else writing)

    def _count(self, batch: Batch) -> None:
        progress = self._progress
        progress.transactions += 1
        for kind, count in batch.tails.items():
            progress.tails[kind] = progress.tails.get(kind, 0) + count
