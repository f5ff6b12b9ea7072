"""A hub whose subscribers see the chain as a faulty endpoint shows it.

What it does to an update depends on the endpoint's seed, the slot and the update's place in it, so
the same fault does the same whenever and to whomever it is sent; only what happens a number of
times is counted.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

import grpc

from adapters.yellowstone.hub import Hub, Place, Retention, SlotGoneError
from adapters.yellowstone.retained import RetainedSlot
from adapters.yellowstone.selection import Selection
from adapters.yellowstone.subscription import StreamEndError
from adapters.yellowstone.wire import geyser_pb2
from curvetape.simulator.faults import (
    BlockIncomplete,
    BlockMissing,
    BlocksLag,
    BlocksOutOfOrder,
    BlocksRefused,
    Duplicates,
    Fault,
    MetaFirst,
    Reordered,
    ReplayAhead,
    ReplayIgnored,
    ReplayRefused,
    TransactionsLate,
    TransactionsMissing,
)
from curvetape.simulator.state import chance

CONFIRMED_AFTER_SLOTS = 2
FINALIZED_AFTER_SLOTS = 40
"""Settling lets what is late come, so it takes longer than anything may be late."""

F = TypeVar("F", bound=Fault)


def all_of(faults: Sequence[Fault], kind: type[F]) -> Iterator[F]:
    """The faults of one kind."""
    return (fault for fault in faults if isinstance(fault, kind))


class DistortedHub(Hub):
    """Keeps the whole chain, and shows it with faults."""

    def __init__(self, faults: Sequence[Fault], *, seed: int) -> None:
        super().__init__(
            confirmed_after_slots=CONFIRMED_AFTER_SLOTS,
            finalized_after_slots=FINALIZED_AFTER_SLOTS,
            retention=Retention(slots_max=None, bytes_max=None),
        )
        self._faults = tuple(faults)
        self._seed = seed
        self._happened: Counter[tuple[Fault, str]] = Counter()
        self.replays_asked = 0
        """How often a stream was opened with `from_slot`."""

    def begin(self, asked: Selection, from_slot: int | None) -> Place:
        """Where a stream begins, if not refused."""
        for refused in self._all(BlocksRefused):
            if asked.blocks:
                raise StreamEndError(grpc.StatusCode[refused.code], refused.details)
        if from_slot is None:
            return super().begin(asked, None)
        self.replays_asked += 1
        for refused_slot in self._all(ReplayRefused):
            if self._happens(refused_slot, refused_slot.times):
                newest = self.newest
                raise SlotGoneError(from_slot, from_slot + 1 if newest is None else newest.slot)
        for ignored in self._all(ReplayIgnored):
            if self._happens(ignored, ignored.times):
                return super().begin(asked, None)
        for ahead in self._all(ReplayAhead):
            if self._happens(ahead, ahead.times):
                return super().begin(asked, from_slot + ahead.by)
        return super().begin(asked, from_slot)

    def content(self, step: int, asked: Selection) -> Iterator[bytes]:
        """What a step brings, with what is late, and without what is not to come."""
        due = step - self._lags[asked.commitment]
        if asked.commitment == geyser_pb2.PROCESSED:
            if (slot := self._slot(due)) is not None:
                yield from self.dead_content(slot, asked)
            return
        yield from self._twice(due, self._settled_content(due, asked))

    def dead_content(self, dead: RetainedSlot, asked: Selection) -> Iterator[bytes]:
        """What a slot, living or dead, holds for a subscriber at `processed`."""
        transactions = self._seen(dead, asked)
        metas = list(dead.metas(asked))
        first, second = (metas, transactions) if self._any(MetaFirst) else (transactions, metas)
        whole = [*dead.accounts(asked), *first, *dead.blocks(asked), *second]
        yield from self._twice(dead.slot, iter(whole))

    def _settled_content(self, due: int, asked: Selection) -> Iterator[bytes]:
        slot = self._slot(due)
        alone = bool(asked.block_metas or asked.transactions or asked.statuses)
        shown = slot if slot is not None and not (alone and self._missing(slot, "alone")) else None
        meta_first = self._any(MetaFirst)
        if slot is not None:
            yield from slot.accounts(asked)
        if shown is not None and meta_first:
            yield from shown.metas(asked)
        late_max = max((fault.steps for fault in self._all(TransactionsLate)), default=0)
        for back in range(late_max + 1):
            single = shown if back == 0 else self._slot(due - back)
            if single is not None:
                yield from self._single(single, back, asked)
        if asked.blocks:
            for back in range(self._delay_max() + 1):
                block = self._slot(due - back)
                if block is not None and self._delay(due - back) == back:
                    yield from self._block(block, asked)
        if shown is not None and not meta_first:
            yield from shown.metas(asked)

    def _seen(self, slot: RetainedSlot, asked: Selection) -> list[bytes]:
        updates = list(slot.transactions(asked))
        for missing in self._all(TransactionsMissing):
            updates = [
                update
                for place, update in enumerate(updates)
                if self._draw("missing", slot.slot, place) >= missing.share
            ]
        if self._any(Reordered):
            chance(self._seed ^ slot.slot).shuffle(updates)
        return updates

    def _single(self, slot: RetainedSlot, back: int, asked: Selection) -> Iterator[bytes]:
        """A settled slot's single transactions that come `back` steps after their time."""
        cut = [fault.share for fault in self._all(BlockIncomplete) if fault.slot == slot.slot]
        for place, update in enumerate(slot.transactions(asked)):
            late = [
                fault.steps
                for fault in self._all(TransactionsLate)
                if self._draw("late", slot.slot, place) < fault.share
            ]
            comes = (late[0] if late else 0) == back
            if comes and not any(self._draw("cut", slot.slot, place) < share for share in cut):
                yield update

    def _block(self, slot: RetainedSlot, asked: Selection) -> Iterator[bytes]:
        if self._missing(slot, "block"):
            return
        for update in slot.blocks(asked):
            shares = [
                fault.share
                for fault in self._all(BlockIncomplete)
                if fault.slot == slot.slot and self._happens(fault, fault.times)
            ]
            yield self._incomplete(update, shares[0]) if shares else update

    def _incomplete(self, update: bytes, share: float) -> bytes:
        sent = geyser_pb2.SubscribeUpdate.FromString(update)
        count = len(sent.block.transactions)
        dropped = max(1, int(count * share)) if count else 0
        for place in sorted(self._order(sent.block.slot, count)[:dropped], reverse=True):
            del sent.block.transactions[place]
        return sent.SerializeToString()

    def _missing(self, slot: RetainedSlot, what: str) -> bool:
        return any(
            fault.slot == slot.slot and self._happens(fault, fault.times, what)
            for fault in self._all(BlockMissing)
        )

    def _delay(self, index: int) -> int:
        """How many steps after its time the block of an index comes."""
        disordered = sum(
            int(self._draw("order", index, 0) * (fault.by + 1))
            for fault in self._all(BlocksOutOfOrder)
        )
        return disordered + sum(
            min(fault.lag_max, max(0, index - fault.at) // fault.every)
            for fault in self._all(BlocksLag)
        )

    def _delay_max(self) -> int:
        disordered = sum(fault.by for fault in self._all(BlocksOutOfOrder))
        return disordered + sum(fault.lag_max for fault in self._all(BlocksLag))

    def _twice(self, number: int, updates: Iterator[bytes]) -> Iterator[bytes]:
        share = max((fault.share for fault in self._all(Duplicates)), default=0.0)
        for place, update in enumerate(updates):
            yield update
            if share and self._draw("twice", number, place) < share:
                yield update

    def _happens(self, fault: Fault, times: int | None, what: str = "") -> bool:
        """Count a fault, apart for each kind of update; whether it still happens."""
        self._happened[fault, what] += 1
        return times is None or self._happened[fault, what] <= times

    def _order(self, slot: int, count: int) -> list[int]:
        order = list(range(count))
        chance(self._seed ^ slot).shuffle(order)
        return order

    def _draw(self, purpose: str, number: int, place: int) -> float:
        """From 0 up to 1, always the same for the same place."""
        text = f"{self._seed}:{purpose}:{number}:{place}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48

    def _all(self, kind: type[F]) -> Iterator[F]:
        return all_of(self._faults, kind)

    def _any(self, kind: type[Fault]) -> bool:
        return next(self._all(kind), None) is not None
