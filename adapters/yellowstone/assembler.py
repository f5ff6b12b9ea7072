"""Confirmed blocks put together from their metas and from transactions that come apart from them.

A block's meta does not say that its transactions have come: they may come before it, after it,
or among those of other slots. So a block is held until later blocks have shown themselves.
"""

from collections.abc import Iterator

import msgspec

from domain.chain import Block, BlockMeta, RawTransaction

SLOTS_MAX = 64
"""Slots that are remembered; a transaction that comes later than that is lost, and counted."""
TRANSACTIONS_MAX = 8_000
"""Transactions of these slots, at about 12 KB each; beyond it the oldest slots are forgotten."""


class _Slot(msgspec.Struct, kw_only=True):
    transactions: dict[bytes, RawTransaction]
    """By signature: a replay may bring one twice."""
    meta: BlockMeta | None = None
    changed: bool = True
    """Whether it holds more than what was given out of it."""
    received_at_ns: int = 0


class Assembler:
    """Takes what one stream brings, in any order; gives blocks out, and again when more came."""

    def __init__(
        self,
        *,
        settle_slots: int,
        slots_max: int = SLOTS_MAX,
        transactions_max: int = TRANSACTIONS_MAX,
    ) -> None:
        """A block is given out once metas of `settle_slots` later slots have come.

        As many slots are remembered at any time, whatever the limit of transactions is.
        """
        self._settle_slots = settle_slots
        self._slots_max = slots_max
        self._transactions_max = transactions_max
        self._transactions = 0
        self._slots: dict[int, _Slot] = {}
        self._forgotten = -1
        self.lost = 0
        """Transactions that came when their slot was forgotten, or whose block never came."""

    @property
    def waits(self) -> bool:
        """Whether there is a block that `rest` would give out."""
        return any(slot.changed and slot.meta is not None for slot in self._slots.values())

    def transaction(self, tx: RawTransaction) -> Iterator[Block]:
        """Take a transaction; gives out what has to make room for it."""
        if tx.slot <= self._forgotten:
            self.lost += 1
            return
        slot = self._slot(tx.slot)
        if tx.signature not in slot.transactions:
            slot.transactions[tx.signature] = tx
            self._transactions += 1
            slot.changed = True
            slot.received_at_ns = max(slot.received_at_ns, tx.received_at_ns)
        yield from self._make_room()

    def meta(self, meta: BlockMeta, received_at_ns: int) -> Iterator[Block]:
        """Take a block's meta; gives out, by rising slots, what is settled by it."""
        if meta.slot <= self._forgotten:
            return
        slot = self._slot(meta.slot)
        if slot.meta != meta:
            slot.meta = meta
            slot.changed = True
            slot.received_at_ns = max(slot.received_at_ns, received_at_ns)
        known = sorted(number for number, each in self._slots.items() if each.meta is not None)
        settled = known[: -self._settle_slots] if self._settle_slots else known
        for number in settled:
            yield from self._given(self._slots[number])
        yield from self._make_room()

    def rest(self) -> Iterator[Block]:
        """The stream has brought nothing for a while: give out every block that has its meta."""
        for number in sorted(self._slots):
            yield from self._given(self._slots[number])

    def _slot(self, number: int) -> _Slot:
        if number not in self._slots:
            self._slots[number] = _Slot(transactions={})
        return self._slots[number]

    def _make_room(self) -> Iterator[Block]:
        while len(self._slots) > self._slots_max or (
            self._transactions > self._transactions_max
            and len(self._slots) > self._settle_slots + 1
        ):
            number = min(self._slots)
            slot = self._slots.pop(number)
            self._transactions -= len(slot.transactions)
            self._forgotten = number
            if slot.meta is None:
                self.lost += len(slot.transactions)
            yield from self._given(slot)

    def _given(self, slot: _Slot) -> Iterator[Block]:
        if slot.meta is None or not slot.changed:
            return
        slot.changed = False
        yield Block(
            meta=slot.meta,
            transactions=sorted(slot.transactions.values(), key=lambda tx: tx.index),
            evidence="meta",
            received_at_ns=slot.received_at_ns,
        )
