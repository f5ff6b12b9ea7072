"""The chain as a server knows it: the newest slots, and how settled each of them is."""

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from adapters.yellowstone.retained import RetainedSlot
from adapters.yellowstone.selection import Commitment, Selection
from adapters.yellowstone.wire import geyser_pb2

RETAINED_SLOTS_MAX = 1_500
RETAINED_BYTES_MAX = 256 << 20
CONFIRMED_AFTER_SLOTS = 2
FINALIZED_AFTER_SLOTS = 32
PARSED_SLOTS_MAX = 8
BLOCKHASH_VALID_BLOCKS = 150
"""For how many blocks a transaction may name a blockhash."""


class SlotGoneError(Exception):
    """A slot that was asked for is older than what is retained."""

    def __init__(self, slot: int, first_available: int) -> None:
        super().__init__(
            f"broadcast from {slot} is not available, last available: {first_available}"
        )
        self.slot = slot
        self.first_available = first_available


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the past is kept for replays; None for all of it."""

    slots_max: int | None = RETAINED_SLOTS_MAX
    bytes_max: int | None = RETAINED_BYTES_MAX


class Follower(Protocol):
    """One who wants to know that there is a new step."""

    @property
    def caught_up(self) -> bool:
        """Whether it has sent everything so far."""
        ...

    def notice(self) -> None:
        """Called after every step."""
        ...


class Hub:
    """Takes whole blocks in slot order and answers what a subscriber is to be sent.

    Time goes in steps, one for each block: in step `n` block `n` is processed, the block
    `confirmed_after_slots` before it is confirmed and the one `finalized_after_slots` before it
    is finalized. A subscriber goes through the steps, each at its own speed; replay and live
    stream are the same walk, so there is no seam between them. Use it from one thread only.
    """

    def __init__(
        self,
        *,
        confirmed_after_slots: int = CONFIRMED_AFTER_SLOTS,
        finalized_after_slots: int = FINALIZED_AFTER_SLOTS,
        retention: Retention | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        assert 0 <= confirmed_after_slots <= finalized_after_slots
        self._lags = (0, confirmed_after_slots, finalized_after_slots)
        self._retention = retention or Retention()
        self._older_slots_exist = False
        self._now_s = now_s
        self._slots: deque[RetainedSlot] = deque()
        self._first = 0
        self._size_bytes = 0
        self._settled = False
        self.steps = 0
        self.transactions = 0
        """Transactions published so far."""
        self.followers: set[Follower] = set()

    def publish(self, block: geyser_pb2.SubscribeUpdateBlock) -> None:
        """Take over a whole block, with all its transactions and accounts.

        Slots have to rise; slots that are left out are skipped slots. The block may not be
        changed afterwards. `block_time` becomes the time of every update of the slot. A chain's
        first block names itself as its parent, as Solana's genesis does; only before such a one
        nothing can have been missed.
        """
        assert not self._settled, "a settled chain has no further blocks"
        newest = self.newest
        assert newest is None or block.slot > newest.slot, "slots have to rise"
        slot = RetainedSlot(block, now_s=int(self._now_s()), transactions_before=self.transactions)
        self._slots.append(slot)
        self._size_bytes += slot.size_bytes
        self.transactions += slot.transactions_count
        self._evict()
        if len(self._slots) > PARSED_SLOTS_MAX:
            self._slots[-PARSED_SLOTS_MAX - 1].forget_parsed()
        self._step(1)

    def settle(self) -> None:
        """Say that no block will follow: what was published becomes confirmed and finalized."""
        if not self._settled:
            self._settled = True
            self._step(self._lags[-1])

    @property
    def followed(self) -> bool:
        """Whether every follower has sent everything so far."""
        return all(follower.caught_up for follower in self.followers)

    @property
    def newest(self) -> RetainedSlot | None:
        """The newest slot; None before the first."""
        return self._slots[-1] if self._slots else None

    @property
    def first_available(self) -> int | None:
        """The oldest slot that can still be replayed."""
        return self._slots[0].slot if self._slots else None

    def at(self, commitment: Commitment) -> RetainedSlot | None:
        """The newest slot that is at least this settled."""
        return self._slot(min(self.steps - 1 - self._lags[commitment], self._last))

    def blockhash_valid(self, blockhash: str, commitment: Commitment) -> bool:
        """Whether a transaction may name this blockhash, as seen from a commitment."""
        newest = min(self.steps - 1 - self._lags[commitment], self._last)
        recent = range(max(self._first, newest - BLOCKHASH_VALID_BLOCKS + 1), newest + 1)
        return any(self._slots[index - self._first].blockhash == blockhash for index in recent)

    def step_from(self, slot: int, commitment: Commitment) -> int:
        """The step in which that slot, or the next existing one, reaches the commitment.

        `SlotGoneError` when slots from there on are no longer retained.
        """
        if self._slots and slot < self._slots[0].slot and self._older_slots_exist:
            raise SlotGoneError(slot, self._slots[0].slot)
        before = bisect_left(self._slots, slot, key=lambda retained: retained.slot)
        return self._first + before + self._lags[commitment]

    def gone(self, step: int, commitment: Commitment) -> bool:
        """Whether what the step brings at this commitment is no longer retained."""
        return 0 <= step - self._lags[commitment] < self._first

    def behind(self, step: int, commitment: Commitment) -> int:
        """Transactions published after those that the step brings."""
        slot = self._slot(step - self._lags[commitment])
        return 0 if slot is None else self.transactions - slot.transactions_before

    def updates(self, step: int, asked: Selection) -> Iterator[bytes]:
        """Everything that a step brings to a subscriber, in order."""
        fresh = self._slot(step)
        if fresh is not None:
            yield from fresh.changed(geyser_pb2.SLOT_FIRST_SHRED_RECEIVED, asked)
            yield from fresh.changed(geyser_pb2.SLOT_CREATED_BANK, asked)
        if (content := self._slot(step - self._lags[asked.commitment])) is not None:
            yield from content.updates(asked)
        if fresh is not None:
            yield from fresh.changed(geyser_pb2.SLOT_COMPLETED, asked)
        for lag, status in zip(self._lags, _STATUSES, strict=True):
            if (settled := self._slot(step - lag)) is not None:
                yield from settled.changed(status, asked)

    @property
    def _last(self) -> int:
        return self._first + len(self._slots) - 1

    def _slot(self, index: int) -> RetainedSlot | None:
        inside = self._first <= index <= self._last
        return self._slots[index - self._first] if inside else None

    def _step(self, count: int) -> None:
        self.steps += count
        for follower in tuple(self.followers):
            follower.notice()

    def _evict(self) -> None:
        kept_min = self._lags[-1] + 1
        slots_max, bytes_max = self._retention.slots_max, self._retention.bytes_max
        while len(self._slots) > kept_min and (
            (slots_max is not None and len(self._slots) > slots_max)
            or (bytes_max is not None and self._size_bytes > bytes_max)
        ):
            self._size_bytes -= self._slots.popleft().size_bytes
            self._first += 1
            self._older_slots_exist = True


_STATUSES = (
    geyser_pb2.SLOT_PROCESSED,
    geyser_pb2.SLOT_CONFIRMED,
    geyser_pb2.SLOT_FINALIZED,
)
