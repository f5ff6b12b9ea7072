"""The chain as a server knows it: the newest slots, and how settled each of them is."""

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from adapters.yellowstone.retained import RetainedSlot
from adapters.yellowstone.selection import Commitment, Selection
from adapters.yellowstone.wire import geyser_pb2

RETAINED_SLOTS_MAX = 1_500
RETAINED_BYTES_MAX = 256 << 20
CONFIRMED_AFTER_SLOTS = 2
FINALIZED_AFTER_SLOTS = 32
PARSED_SLOTS_MAX = 8
DEAD_BLOCKS_MAX = 64
"""Dead blocks between two that live."""
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


class Place(NamedTuple):
    """Where in the chain's course a subscriber is; places come in their own order."""

    step: int
    part: int = 0
    """0 for the step's own block, then one for each block that was processed and died."""


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

    Time goes in steps, one for each block that lives: in step `n` block `n` is processed, the
    block `confirmed_after_slots` before it is confirmed and the one `finalized_after_slots` before
    it is finalized. Blocks on forks that die are further parts of the step that they follow: they
    are processed, never settled, and said to be dead at the start of the next step. A subscriber
    goes through the places, each at its own speed; replay and live stream are the same walk, so
    there is no seam between them. Use it from one thread only.
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
        self._forks: dict[int, list[RetainedSlot]] = {}
        """By step: the blocks that were processed after its own and died."""
        self._first = 0
        self._size_bytes = 0
        self._settled = False
        self.steps = 0
        self.transactions = 0
        """Transactions published so far, without those of dead blocks."""
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
        slot = self._retained(block)
        self._slots.append(slot)
        self.transactions += slot.transactions_count
        self._evict()
        if len(self._slots) > PARSED_SLOTS_MAX:
            self._slots[-PARSED_SLOTS_MAX - 1].forget_parsed()
        for dead in self._forks.get(self.steps - PARSED_SLOTS_MAX, ()):
            dead.forget_parsed()
        self._step(1)

    def publish_dead(self, block: geyser_pb2.SubscribeUpdateBlock) -> None:
        """Take over a whole block that is processed now and dies with its fork.

        Its slot is one that the chain will skip, or one whose block follows (a leader that made
        two); its parent a block of the chain or a dead one. Subscribers at `processed` are sent
        all of it, and nobody at any other commitment.
        """
        assert not self._settled, "a settled chain has no further blocks"
        newest = self.newest
        assert newest is not None, "a fork needs a block to part from"
        assert block.slot >= newest.slot, "a dead block is no older than the newest one"
        forks = self._forks.setdefault(self.steps - 1, [])
        assert len(forks) < DEAD_BLOCKS_MAX, "a chain that only dies is none"
        forks.append(self._retained(block))
        self._notice()

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

    @property
    def head(self) -> Place:
        """The place of what is published next."""
        last = self.steps - 1
        return Place(last, 1 + len(self._forks.get(last, ()))) if self.steps else Place(0)

    def begin(self, asked: Selection, from_slot: int | None) -> Place:
        """Where a stream begins: at the head, or with that slot or the next existing one.

        `SlotGoneError` when slots from there on are no longer retained.
        """
        return self.head if from_slot is None else self.place_of(from_slot, asked.commitment)

    def after(self, place: Place) -> Place | None:
        """This place, or the next one when it is past its step's end; None for the future."""
        if place.step >= self.steps:
            return None
        if place.part <= len(self._forks.get(place.step, ())):
            return place
        return Place(place.step + 1) if place.step + 1 < self.steps else None

    def place_of(self, slot: int, commitment: Commitment) -> Place:
        """Where that slot, or the next existing one, reaches the commitment.

        `SlotGoneError` when slots from there on are no longer retained.
        """
        if self._slots and slot < self._slots[0].slot and self._older_slots_exist:
            raise SlotGoneError(slot, self._slots[0].slot)
        before = bisect_left(self._slots, slot, key=lambda retained: retained.slot)
        step = self._first + before
        if commitment == geyser_pb2.PROCESSED:
            # Dead blocks stand before the step of the next living one.
            earlier = self._forks.get(step - 1, ())
            for part, dead in enumerate(earlier, 1):
                if dead.slot >= slot:
                    return Place(step - 1, part)
            return Place(step - 1, 1 + len(earlier)) if step else Place(0)
        return Place(step + self._lags[commitment])

    def block(self, slot: int) -> geyser_pb2.SubscribeUpdateBlock | None:
        """The living block of a slot once more, as it was published; None where there is none."""
        at = bisect_left(self._slots, slot, key=lambda retained: retained.slot)
        found = at < len(self._slots) and self._slots[at].slot == slot
        return self._slots[at].block() if found else None

    def slots(self, commitment: Commitment) -> list[int]:
        """The retained slots that are at least this settled, in order."""
        count = min(self.steps - self._lags[commitment] - self._first, len(self._slots))
        return [self._slots[at].slot for at in range(max(count, 0))]

    def gone(self, step: int, commitment: Commitment) -> bool:
        """Whether what the step brings at this commitment is no longer retained."""
        return 0 <= step - self._lags[commitment] < self._first

    def behind(self, step: int, commitment: Commitment) -> int:
        """Transactions published after those that the step brings."""
        slot = self._slot(step - self._lags[commitment])
        return 0 if slot is None else self.transactions - slot.transactions_before

    def updates(self, place: Place, asked: Selection) -> Iterator[bytes]:
        """Everything that a place brings to a subscriber, in order."""
        step, part = place
        if part:
            yield from self._processed_only(self._forks[step][part - 1], asked)
            return
        for dead in self._forks.get(step - 1, ()):
            yield from dead.changed(geyser_pb2.SLOT_DEAD, asked)
        fresh = self._slot(step)
        if fresh is not None:
            yield from fresh.changed(geyser_pb2.SLOT_FIRST_SHRED_RECEIVED, asked)
            yield from fresh.changed(geyser_pb2.SLOT_CREATED_BANK, asked)
        yield from self.content(step, asked)
        if fresh is not None:
            yield from fresh.changed(geyser_pb2.SLOT_COMPLETED, asked)
        for lag, status in zip(self._lags, _STATUSES, strict=True):
            if (settled := self._slot(step - lag)) is not None:
                yield from settled.changed(status, asked)

    def content(self, step: int, asked: Selection) -> Iterator[bytes]:
        """What the slot that reaches the subscriber's commitment in a step holds for it."""
        if (slot := self._slot(step - self._lags[asked.commitment])) is not None:
            yield from slot.updates(asked)

    def dead_content(self, dead: RetainedSlot, asked: Selection) -> Iterator[bytes]:
        """What a dead slot holds for a subscriber at `processed`."""
        yield from dead.updates(asked)

    def _processed_only(self, dead: RetainedSlot, asked: Selection) -> Iterator[bytes]:
        yield from dead.changed(geyser_pb2.SLOT_FIRST_SHRED_RECEIVED, asked)
        yield from dead.changed(geyser_pb2.SLOT_CREATED_BANK, asked)
        if asked.commitment == geyser_pb2.PROCESSED:
            yield from self.dead_content(dead, asked)
        yield from dead.changed(geyser_pb2.SLOT_COMPLETED, asked)
        yield from dead.changed(geyser_pb2.SLOT_PROCESSED, asked)

    @property
    def _last(self) -> int:
        return self._first + len(self._slots) - 1

    def _slot(self, index: int) -> RetainedSlot | None:
        inside = self._first <= index <= self._last
        return self._slots[index - self._first] if inside else None

    def _step(self, count: int) -> None:
        self.steps += count
        self._notice()

    def _notice(self) -> None:
        for follower in tuple(self.followers):
            follower.notice()

    def _retained(self, block: geyser_pb2.SubscribeUpdateBlock) -> RetainedSlot:
        slot = RetainedSlot(block, now_s=int(self._now_s()), transactions_before=self.transactions)
        self._size_bytes += slot.size_bytes
        return slot

    def _evict(self) -> None:
        kept_min = self._lags[-1] + 1
        slots_max, bytes_max = self._retention.slots_max, self._retention.bytes_max
        while len(self._slots) > kept_min and (
            (slots_max is not None and len(self._slots) > slots_max)
            or (bytes_max is not None and self._size_bytes > bytes_max)
        ):
            dropped = [self._slots.popleft(), *self._forks.pop(self._first, ())]
            self._size_bytes -= sum(slot.size_bytes for slot in dropped)
            self._first += 1
            self._older_slots_exist = True


_STATUSES = (
    geyser_pb2.SLOT_PROCESSED,
    geyser_pb2.SLOT_CONFIRMED,
    geyser_pb2.SLOT_FINALIZED,
)
