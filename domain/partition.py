"""Divides the mints among replicas of a read model: always the same mint to the same part."""

from collections.abc import Sequence
from typing import Self
from zlib import crc32

import msgspec

from domain.events import decode
from domain.log import LogError, Passed, Recorded, Stored, UndecodableError
from domain.position import Position

PARTS_MAX = 256
"""Each part reads the whole log; far fewer are of use."""


class PartitionError(ValueError):
    """What was given names no part."""

    def __init__(self, given: str) -> None:
        super().__init__(
            f"a part was {given!r}; say which of how many, as in 2/4, with 1 to {PARTS_MAX} parts"
        )
        self.given = given


class Partition(msgspec.Struct, frozen=True):
    """One of several parts of the mint space, counted from 1.

    A mint is in part `crc32(its base58 text) % parts + 1`, with the CRC-32 of zlib, PNG and
    Ethernet; what is of no mint is in part 1. That never changes: rows depend on it.
    """

    part: int
    parts: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `2/4`; raises `PartitionError`."""
        part, slash, parts = text.strip().partition("/")
        if not (slash and part.isdecimal() and parts.isdecimal()):
            raise PartitionError(text)
        found = cls(int(part), int(parts))
        if not 1 <= found.part <= found.parts <= PARTS_MAX:
            raise PartitionError(text)
        return found

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    def owns(self, mint: str | None) -> bool:
        """Whether a token's events, or with None those of no token, are this part's."""
        if mint is None:
            return self.part == 1
        return crc32(mint.encode()) % self.parts + 1 == self.part


def partitions(parts: int) -> Sequence[Partition]:
    """All parts, where there are so many."""
    return [Partition(part, parts) for part in range(1, parts + 1)]


class _Place(msgspec.Struct, gc=False):
    """What has to be known of an event of another part; the rest is passed over unread."""

    pos: Position
    provisional: bool = False
    mint: str | None = None


_place = msgspec.json.Decoder(_Place).decode


def decoded_of(
    messages: Sequence[Stored], partition: Partition
) -> tuple[Sequence[Recorded | Passed], LogError | None]:
    """`domain.log.decoded` for a part: what waits for its slot in other parts is not decoded.

    What counts at once is decoded whosever it is: it decides slots, or is rare.
    """
    found: list[Recorded | Passed] = []
    for message in messages:
        try:
            place = _place(message.payload)
            if place.provisional and not partition.owns(place.mint):
                found.append(Passed(message.sequence, place.pos.slot))
            else:
                found.append(Recorded(message.sequence, decode(message.payload)))
        except msgspec.DecodeError as error:
            return found, UndecodableError(message.sequence, message.payload, str(error))
    return found, None
