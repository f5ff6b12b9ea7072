"""A read model in one of the places that it can have beside the one that is served."""

from typing import Literal, TypeAlias

import msgspec

Place: TypeAlias = Literal["next", "previous"]
"""`next` is being built or waits to be served; `previous` was served before."""


class GenerationError(Exception):
    """There is no such generation, or it cannot be served."""


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A read model in one place."""

    name: str
    version: int
    sequence: int
    refused: str | None = None
    """Why its rows have to be rebuilt."""
    parts: tuple[int, ...] = ()
    """The sequence of each of its parts, in their order, where it is divided by mint; `sequence` is
    the lowest."""
