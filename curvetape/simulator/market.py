"""The generated market: blocks of real wire format from a seed, one slot after the other.

The same identity makes the same bytes in every process. Each slot draws from a source of chance
of its own, so a block depends on the state before it and on its slot, and on nothing else.
"""

import hashlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from adapters.yellowstone.wire import geyser_pb2, solana_storage_pb2
from curvetape.simulator.accounts import text
from curvetape.simulator.activity import Activity
from curvetape.simulator.events import Emitted
from curvetape.simulator.oracle import START_PRICE, price_account
from curvetape.simulator.snapshots import (
    RETAINED_SLOTS,
    FolderSnapshots,
    MemorySnapshots,
    Snapshots,
)
from curvetape.simulator.state import Identity, Skip, State, World, chance
from curvetape.simulator.transactions import Writer

FIRST_SLOT = 461_400_000
FIRST_HEIGHT = 439_100_000
RETAINED_SLOTS_MIN = 75
"""Readers resume a little before what they have, and may themselves have been some seconds late."""
RETAINED_TRANSACTIONS = 8_000
"""How many transactions are worth making again; the limits in slots go first."""
REPLAY_SLOTS_MAX = 2_000
"""Blocks are not made again from a state that is older than this."""
SKIPS_MAX = 100
RECENT_BLOCKHASH_SLOTS = 12

_LEADER_SLOTS = 4
_SKIPPED_LEADERS = 3
"""So many leaders in 256 make no blocks at all."""
_WAVE_SLOTS = 700
_WAVE = 0.2
_NOISE = 0.15


class OtherMarketError(Exception):
    """The data folder holds a market that was made from something else than what was asked for."""

    def __init__(self, folder: Path, stored: Identity, asked: dict[str, object]) -> None:
        differing = ", ".join(
            f"{name} is {getattr(stored, name)} there, was asked to be {value}"
            for name, value in asked.items()
            if getattr(stored, name) != value
        )
        super().__init__(
            f"{folder} holds another market: {differing}. Use another --data folder, or ask for "
            "what is stored there."
        )
        self.folder = folder
        self.stored = stored
        self.asked = asked


class Market:
    """A simulated chain with its launches, trades and graduations."""

    def __init__(self, state: State, snapshots: Snapshots) -> None:
        self._state = state
        self._snapshots = snapshots
        self._world = World(state)
        self._writer = Writer(self._world)
        self._activity = Activity(self._world, self._writer)
        self.emitted: list[Emitted] = []
        """What the programs emitted in the last block, in the chain's order."""

    @classmethod
    def open(
        cls,
        data_dir: Path | None,
        *,
        seed: int,
        rate_per_s: float,
        slot_ms: int,
        genesis_time_s: int | None,
    ) -> "Market":
        """Go on with the market of the folder, or begin one there; None keeps it in memory only.

        `rate_per_s` is the mean number of transactions that concern our programs. Without a
        genesis time a new market begins now. `OtherMarketError` when the folder's market has
        another identity.
        """
        snapshots: Snapshots = MemorySnapshots() if data_dir is None else FolderSnapshots(data_dir)
        state = next(snapshots.newest(), None)
        if state is not None and data_dir is not None:
            asked: dict[str, object] = {
                "seed": seed,
                "rate_per_s": float(rate_per_s),
                "slot_ms": slot_ms,
            }
            if genesis_time_s is not None:
                asked["genesis_time_s"] = genesis_time_s
            if any(getattr(state.identity, name) != value for name, value in asked.items()):
                raise OtherMarketError(data_dir, state.identity, asked)
            return cls(state, snapshots)
        begins_s = int(time.time()) if genesis_time_s is None else genesis_time_s
        market = cls(_genesis(Identity(seed, float(rate_per_s), slot_ms, begins_s)), snapshots)
        market.save()
        return market

    @property
    def slot(self) -> int:
        """The slot of the next block."""
        return self._state.slot

    @property
    def seed(self) -> int:
        """What the market's chance comes from."""
        return self._state.identity.seed

    @property
    def genesis_time_s(self) -> int:
        """When the first slot began, in seconds since 1970."""
        return self._state.identity.genesis_time_s

    def next_block(self) -> geyser_pb2.SubscribeUpdateBlock:
        """The block of `slot`; the slots that its leaders skip are passed over."""
        state, identity, slot = self._state, self._state.identity, self._state.slot
        now_s = identity.genesis_time_s + (slot - FIRST_SLOT) * identity.slot_ms // 1_000
        random = chance(int.from_bytes(_digest(identity.seed, b"chance", slot)))
        self._world.open_slot(slot, now_s, random)
        recent = slot - 1 - int(random.random() * RECENT_BLOCKHASH_SLOTS)
        self._writer.open_block(_digest(identity.seed, b"blockhash", recent))
        account = price_account(self._world)
        self._activity.fill(_count(identity, slot, random))
        index = self._writer.next_index
        block = geyser_pb2.SubscribeUpdateBlock.FromString(b"".join(self._writer.written))
        block.slot = slot
        block.blockhash = text(_digest(identity.seed, b"blockhash", slot))
        block.parent_slot = state.parent_slot
        block.parent_blockhash = text(_digest(identity.seed, b"blockhash", state.parent_slot))
        block.block_time.CopyFrom(solana_storage_pb2.UnixTimestamp(timestamp=now_s))
        block.block_height.CopyFrom(solana_storage_pb2.BlockHeight(block_height=state.block_height))
        block.executed_transaction_count = index + int(random.random() * 900)
        block.entries_count = 200 + int(random.random() * 600)
        block.updated_account_count = block.executed_transaction_count * 5
        if account is not None:
            block.accounts.append(account)
        self.emitted = self._writer.emitted
        state.parent_slot = slot
        state.block_height += 1
        state.slot = _next_slot(identity.seed, slot + 1)
        return block

    def skip_to(self, slot: int) -> None:
        """Leave slots out, as after a night without power: the next block is that of `slot`.

        When the leader of `slot` skips it, it is the first one after it that does not. Slots that
        have been made already stay as they are.
        """
        target = _next_slot(self._state.identity.seed, slot)
        if target <= self._state.slot:
            return
        self._state.skips = [*self._state.skips, Skip(self._state.slot, target)][-SKIPS_MAX:]
        self._state.slot = target
        self.save()

    def save(self) -> None:
        """Keep the state as it is now, so that a restart goes on from here."""
        self._snapshots.save(self._state)

    def retained_blocks(self) -> Iterator[geyser_pb2.SubscribeUpdateBlock]:
        """The last slots' blocks once more, byte for byte as they were.

        They are made again from an older snapshot, one at a time as they are asked for: enough for
        readers that were a little behind, but no more than takes a few seconds. None come when
        there is no snapshot that is recent enough.
        """
        until, wanted = self._state.slot, self._state.slot - _retained_slots(self._state.identity)
        skips = {skip.at_slot: skip.to_slot for skip in self._state.skips}
        older = None
        for state in self._snapshots.newest():
            if state.slot > until:
                continue
            older = state
            if state.slot <= wanted:
                break
        if older is None or older.slot < until - REPLAY_SLOTS_MAX:
            return
        again = Market(older, MemorySnapshots())
        while again.slot < until:
            if again.slot in skips:
                again._state.slot = skips[again.slot]
                continue
            yield again.next_block()


def _retained_slots(identity: Identity) -> int:
    per_slot = identity.rate_per_s * identity.slot_ms / 1_000
    affordable = int(RETAINED_TRANSACTIONS / per_slot)
    return min(max(affordable, RETAINED_SLOTS_MIN), RETAINED_SLOTS)


def _genesis(identity: Identity) -> State:
    first = _next_slot(identity.seed, FIRST_SLOT)
    return State(
        identity=identity,
        slot=first,
        parent_slot=first - 1,
        block_height=FIRST_HEIGHT,
        sol_price=START_PRICE,
        sol_price_average=START_PRICE,
    )


def _digest(seed: int, purpose: bytes, number: int) -> bytes:
    return hashlib.sha256(b"%s:%d:%d" % (purpose, seed, number)).digest()


def _next_slot(seed: int, slot: int) -> int:
    """The first slot from here on whose leader makes a block."""
    while _digest(seed, b"leader", slot // _LEADER_SLOTS)[0] < _SKIPPED_LEADERS:
        slot = (slot // _LEADER_SLOTS + 1) * _LEADER_SLOTS
    return slot


def _count(identity: Identity, slot: int, random: Random) -> int:
    """How many transactions a slot has: the rate, with a slow wave and noise around it."""
    mean = identity.rate_per_s * identity.slot_ms / 1_000 / (1 - _SKIPPED_LEADERS / 256)
    mean *= 1 + _WAVE * math.sin(2 * math.pi * (slot % _WAVE_SLOTS) / _WAVE_SLOTS)
    mean *= max(0.0, random.gauss(1, _NOISE))
    whole = int(mean)
    return whole + (random.random() < mean - whole)
