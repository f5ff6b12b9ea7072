"""Which state of the read models an answer is from, and whether the client has it already."""

import asyncio
from collections.abc import Sequence
from importlib.metadata import version

import falcon.asgi
import msgspec

from projections.reads import PositionReads, ProjectionPosition

POSITION_HEADER = "Curvetape-Position"
VERSION = version("curvetape")


class Edition(msgspec.Struct, frozen=True):
    """A state of some read models, and the entity tag of all that is made from it."""

    position: int
    """The log sequence up to which all of them hold everything; 0 before the first event."""
    tag: str


class Editions:
    """Tells the current edition; requests that come while one is being asked for share it.

    Ask before reading rows: rows that are newer than their edition are fetched once more, but older
    ones would be taken for current for ever.
    """

    def __init__(self, reads: PositionReads) -> None:
        self._reads = reads
        self._asking: asyncio.Task[Sequence[ProjectionPosition]] | None = None

    async def current(self, read_models: Sequence[str]) -> Edition:
        """The state of these read models; may raise `ReadsUnavailableError`."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        held = {each.name: each for each in await asyncio.shield(self._asking)}
        position = min(held[name].sequence if name in held else 0 for name in read_models)
        states = (
            f"{name}.{held[name].version}.{held[name].sequence}" if name in held else f"{name}.0.0"
            for name in read_models
        )
        return Edition(position, f'W/"{"-".join((VERSION, *states))}"')

    async def _ask(self) -> Sequence[ProjectionPosition]:
        try:
            return await self._reads.positions()
        finally:
            self._asking = None


def has(req: falcon.asgi.Request, tag: str) -> bool:
    """Whether `If-None-Match` names the tag, which is compared weakly.

    `*` names none: whether there is an answer at all is only known once it has been made.
    """
    opaque = tag.removeprefix("W/")
    named = req.if_none_match or ()
    return any(each.dumps().removeprefix("W/") == opaque for each in named if each != "*")
