"""What a JSON-RPC server answers from: the confirmed blocks of a chain."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from adapters.yellowstone.wire import geyser_pb2

Block = geyser_pb2.SubscribeUpdateBlock


class RpcChain(Protocol):
    """The confirmed blocks that are kept."""

    def block(self, slot: int) -> Block | None:
        """The slot's block with all its transactions; None where none is kept."""
        ...

    def slots(self, from_slot: int, to_slot: int) -> Sequence[int]:
        """The slots of the range, both ends included, that have a block, rising."""
        ...

    def newest(self) -> int | None:
        """The newest confirmed slot; None before the first."""
        ...

    def first_available(self) -> int | None:
        """The oldest slot that is kept; None before the first."""
        ...


class BlocksChain:
    """Some blocks, all of them confirmed."""

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        self._blocks: dict[int, Block] = {}
        for block in blocks:
            self.add(block)

    def add(self, block: Block) -> None:
        """Let the chain go on with a block, or put another one in its place."""
        self._blocks[block.slot] = block

    def remove(self, slot: int) -> None:
        """Let the slot have been skipped."""
        del self._blocks[slot]

    def block(self, slot: int) -> Block | None:
        """The slot's block."""
        return self._blocks.get(slot)

    def slots(self, from_slot: int, to_slot: int) -> Sequence[int]:
        """The slots of the range that have a block, rising."""
        return sorted(slot for slot in self._blocks if from_slot <= slot <= to_slot)

    def newest(self) -> int | None:
        """The newest slot."""
        return max(self._blocks, default=None)

    def first_available(self) -> int | None:
        """The oldest slot."""
        return min(self._blocks, default=None)
