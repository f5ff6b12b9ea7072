"""Who can be asked for any block that it keeps: the port beside that of sources."""

from typing import Protocol

from domain.chain import Block


class BlockNode(Protocol):
    """One who has the chain's confirmed blocks; each question may raise `NodeError`."""

    @property
    def name(self) -> str:
        """What people call it: its address, without secrets."""
        ...

    async def slots(self, from_slot: int, to_slot: int) -> list[int]:
        """The slots of the range, both ends included, that have a confirmed block, rising."""
        ...

    async def block(self, slot: int) -> Block | None:
        """The slot's block, None where there is none; `BlockUnavailableError` in doubt."""
        ...

    async def first_available(self) -> int:
        """The oldest slot whose block it keeps."""
        ...

    async def newest(self) -> int:
        """The newest confirmed slot."""
        ...
