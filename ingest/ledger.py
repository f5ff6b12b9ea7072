"""What the log holds of the slots that are not proven yet, so that nothing is appended twice."""

from collections import OrderedDict
from collections.abc import Callable

import msgspec
from solders.signature import Signature

from domain.certificate import payload_digest
from domain.chain import AccountWritten, RawTransaction
from domain.events import AnyEvent, ProgramEvent, SolPriced
from domain.position import Position
from ingest.transaction import Batch

REMEMBERED_PAGES = 512
"""Pages of proven slots that are kept, for copies of their blocks that hold more."""


class Held(msgspec.Struct):
    """One event of the log, or on its way there."""

    id: str
    pos: Position
    digest: bytes
    """See `domain.certificate.payload_digest`."""
    sequence: int | None = None
    """None until it is acknowledged."""


class Landed(msgspec.Struct):
    """One transaction in one slot."""

    index: int
    received_at_ns: int
    fingerprint: int | None
    """Stands for the transaction's own bytes; None where they are not known any more."""
    events: list[Held]
    letters: int = 0
    """How many dead letters came of it."""


class SlotPage(msgspec.Struct):
    """All that was appended of one slot and was not taken back."""

    slot: int
    attempt: int = 0
    """How often what was appended of the slot has been taken back."""
    transactions: dict[bytes, Landed] = {}
    """By signature."""
    prices: list[Held] = []
    written: list[AccountWritten] = []
    """The accounts that the prices were read from; not known any more after a restart."""
    successor: "SlotPage | None" = None
    """What was begun anew when all of a proven slot's page was taken back."""

    @property
    def newest(self) -> "SlotPage":
        """This page, or what was begun in its place."""
        page = self
        while page.successor is not None:
            page = page.successor
        return page

    def copied(self) -> "SlotPage":
        """The page as it is now, whatever is added to it later."""
        return msgspec.structs.replace(
            self, transactions=dict(self.transactions), prices=[*self.prices]
        )

    def events(self) -> list[Held]:
        """The slot's events in the order in which a certificate counts them."""
        found = [held for landed in self.transactions.values() for held in landed.events]
        return sorted([*found, *self.prices], key=_order)

    @property
    def letters(self) -> int:
        """How many dead letters came of the slot."""
        return sum(landed.letters for landed in self.transactions.values())


class Ledger:
    """A page for each slot that is not proven, and the last of those that are."""

    def __init__(self) -> None:
        self._pages: dict[int, SlotPage] = {}
        self._closed: OrderedDict[int, SlotPage] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pages)

    def page(self, slot: int) -> SlotPage:
        """The slot's page; an empty one where nothing was appended."""
        found = self._pages.get(slot)
        if found is None:
            found = self._pages[slot] = SlotPage(slot)
        return found

    def slots(self) -> list[int]:
        """The slots of which something was appended."""
        return [slot for slot, page in self._pages.items() if page.transactions or page.prices]

    def take_back(self, slot: int) -> SlotPage:
        """Turn the page; the old one is answered."""
        old = self.page(slot)
        self._pages[slot] = SlotPage(slot, old.attempt + 1)
        return old

    def close(self, slot: int) -> SlotPage:
        """The page of a slot that is proven, now or before; it stands apart from now on."""
        page = self._closed.get(slot)
        if page is None:
            page = self._closed[slot] = self.page(slot)
            del self._pages[slot]
            while len(self._closed) > REMEMBERED_PAGES:
                self._closed.popitem(last=False)
        return page

    def forget_closed(self) -> None:
        """Drop pages of proven slots, as where they are not whole."""
        self._closed.clear()

    def close_until(self, slot: int, *, keep: Callable[[int], bool]) -> None:
        """Let go of all slots up to one that nothing can be added to any more."""
        for old in [each for each in self._pages if each <= slot and not keep(each)]:
            del self._pages[old]


def again(event_id: str, slot: int, attempt: int) -> str:
    """The id of an entry whose event's own id stands for something else in the log already.

    A transaction can land in one slot, die with it and land again in another; and a slot whose
    events were taken back can be appended again.
    """
    return f"{event_id}@{slot}.{attempt}"


def fingerprint(tx: RawTransaction) -> int:
    """Stands for all of a transaction that decoding looks at, within this process."""
    if not tx.inner_instructions_known:
        return hash(tx.details.encoded())
    called = [(index, tuple(calls)) for index, calls in tx.inner_instructions]
    return hash((tx.index, tx.fee_lamports, tx.compute_units, tuple(tx.instructions), *called))


def fill(landed: Landed, batch: Batch) -> None:
    """Note what a transaction was decoded to."""
    landed.events = [
        Held(event_id, pos, payload_digest(entry.payload))
        for (event_id, pos), entry in zip(batch.places, batch.entries, strict=True)
    ]
    landed.letters = len(batch.dead)


def price_held(page: SlotPage, event: SolPriced, payload: bytes) -> Held:
    """Note a price on its page."""
    price = Held(event.id, event.pos, payload_digest(payload))
    page.prices.append(price)
    return price


def recorded(page: SlotPage, sequence: int, payload: bytes, event: AnyEvent) -> None:
    """Note on its page an event that the log holds, as after a restart."""
    entry = Held(event.id, event.pos, payload_digest(payload), sequence)
    if not isinstance(event, ProgramEvent):
        page.prices.append(entry)
        return
    signature = bytes(Signature.from_string(event.signature))
    known = page.transactions.get(signature)
    if known is None:
        known = Landed(event.pos.tx, event.received_at_ns, None, [])
        page.transactions[signature] = known
    known.events.append(entry)


def alike(first: Landed, second: Landed) -> bool:
    """Whether two readings of one transaction, with one time of receipt, say the same."""
    return first.index == second.index and [each.digest for each in first.events] == [
        each.digest for each in second.events
    ]


def _order(each: Held) -> tuple[Position, str]:
    return each.pos, each.id
