"""What ingest reads from: the one port that every kind of source has to fit."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from domain.chain import ChainUpdate, SourceError

__all__ = ["Source", "SourceError"]


class Source(Protocol):
    """A stream of the chain's updates that looks after its own connection."""

    @property
    def name(self) -> str:
        """What people call it: its address, without secrets."""
        ...

    def batches(self) -> AsyncIterator[Sequence[ChainUpdate]]:
        """Everything that has arrived, again and again, in the order of arrival.

        A source waits while its reader is busy and holds no more than its own limits allow. It
        reconnects by itself: an update may come twice after that, and blocks may be missing, which
        their children show. The iterator ends when the source has no more; it raises
        `SourceError` when only a person can help.
        """
        ...
