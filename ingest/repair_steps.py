"""The questions by which what is missing is fetched."""

from typing import TypeAlias

import msgspec

Range: TypeAlias = tuple[int, int]
"""First and last slot, both included."""


class ListSlots(msgspec.Struct, frozen=True):
    """Ask which slots of a chunk have a block."""

    from_slot: int
    to_slot: int
    wanted: Range
    """The part for whose sake it is asked."""


class Fetch(msgspec.Struct, frozen=True):
    """Ask for a block."""

    slot: int


class Look(msgspec.Struct, frozen=True):
    """Ask which slots the node keeps."""


Step: TypeAlias = ListSlots | Fetch | Look
