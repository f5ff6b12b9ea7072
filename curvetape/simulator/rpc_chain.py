"""The chain as a JSON-RPC node has it: confirmed blocks, and none that died."""

from collections.abc import Collection, Sequence

from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.wire import geyser_pb2
from curvetape.simulator.forked_chain import Step

_CONFIRMED = geyser_pb2.CONFIRMED


class ConfirmedBlocks:
    """A hub's confirmed blocks, as a JSON-RPC server asks for them."""

    def __init__(self, hub: Hub, *, missing: Collection[int] = ()) -> None:
        """`missing` are slots that the node knows to have a block, which it cannot give."""
        self._hub = hub
        self._missing = frozenset(missing)

    def block(self, slot: int) -> geyser_pb2.SubscribeUpdateBlock | None:
        """The slot's block with all its transactions; None where there is none to be had."""
        newest = self.newest()
        if newest is None or slot > newest or slot in self._missing:
            return None
        return self._hub.block(slot)

    def slots(self, from_slot: int, to_slot: int) -> Sequence[int]:
        """The slots of the range, both ends included, that have a block, rising."""
        return [slot for slot in self._hub.slots(_CONFIRMED) if from_slot <= slot <= to_slot]

    def newest(self) -> int | None:
        """The newest confirmed slot."""
        newest = self._hub.at(_CONFIRMED)
        return None if newest is None else newest.slot

    def first_available(self) -> int | None:
        """The oldest slot that is kept."""
        return None if self.newest() is None else self._hub.first_available


class Node(ConfirmedBlocks):
    """A node that takes part in a play beside faulty endpoints, and is honest."""

    def __init__(self, *, missing: Collection[int] = ()) -> None:
        self._own = Hub(retention=Retention(slots_max=None, bytes_max=None))
        super().__init__(self._own, missing=missing)

    async def publish(self, step: Step) -> None:
        """Go on to the chain's next step."""
        step.publish(self._own)

    def settle(self) -> None:
        """The chain has ended."""
        self._own.settle()

    async def recover(self) -> None:
        """Nothing is wrong with it."""
