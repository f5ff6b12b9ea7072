"""The confirmed blocks of a Yellowstone server's chain, for JSON-RPC beside it."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from adapters.solana_rpc.chain import Block
from adapters.yellowstone.hub import Hub
from adapters.yellowstone.wire import geyser_pb2


class HubChain:
    """What the hub retains; use it from the hub's thread."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def block(self, slot: int) -> Block | None:
        """The slot's block, once it is confirmed."""
        newest = self.newest()
        return self._hub.block(slot) if newest is not None and slot <= newest else None

    def slots(self, from_slot: int, to_slot: int) -> Sequence[int]:
        """The confirmed slots of the range, rising."""
        slots = self._hub.slots(geyser_pb2.CONFIRMED)
        return slots[bisect_left(slots, from_slot) : bisect_right(slots, to_slot)]

    def newest(self) -> int | None:
        """The newest confirmed slot."""
        confirmed = self._hub.at(geyser_pb2.CONFIRMED)
        return None if confirmed is None else confirmed.slot

    def first_available(self) -> int | None:
        """The oldest slot that is retained."""
        return self._hub.first_available
