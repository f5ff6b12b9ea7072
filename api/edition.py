"""Which state of the read models an answer is from, and whether the client has it already."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import falcon.asgi
import msgspec

from projections.reads import PositionReads, ProjectionPosition
from projections.slot_reads import NewestReads, NewestSlot

POSITION_HEADER = "Curvetape-Position"
SLOT_HEADER = "Curvetape-Slot"
VERSION = version("curvetape")


class State(msgspec.Struct, frozen=True, gc=False):
    """How far one read model is."""

    name: str
    version: int
    sequence: int


class Edition(msgspec.Struct, frozen=True):
    """A state of some read models, and the entity tag of all that is made from it."""

    position: int
    """The log sequence up to which all of them hold everything; 0 before the first event."""
    tag: str
    states: tuple[State, ...]
    newest: NewestSlot | None = None
    """The last slot that is certified, where that is known."""


def edition_of(states: Iterable[State], newest: NewestSlot | None) -> Edition:
    """The edition of what is made from these states, of which there is one at least."""
    states = tuple(states)
    position = min(each.sequence for each in states)
    told = (f"{each.name}.{each.version}.{each.sequence}" for each in states)
    return Edition(position, f'W/"{"-".join((VERSION, *told))}"', states, newest)


def state_of(held: Mapping[str, ProjectionPosition], name: str) -> State:
    """How far a read model is; nowhere where it is not among those that are."""
    found = held.get(name)
    return State(name, 0, 0) if found is None else State(name, found.version, found.sequence)


class Editions:
    """Tells the current edition; requests that come while one is being asked for share it.

    Ask before reading rows: rows that are newer than their edition are fetched once more, but older
    ones would be taken for current for ever.

    With an `age_s_max` of 0 each request asks anew. Otherwise what was told may be up to so many
    seconds old: from half of that on it is asked for anew, while requests go on with what is known.
    """

    def __init__(
        self,
        reads: PositionReads,
        *,
        newest: NewestReads | None = None,
        age_s_max: float = 0.0,
    ) -> None:
        """`newest` tells the last certified slot, which dates each answer."""
        self._reads = reads
        self._newest_of = newest
        self._newest: NewestSlot | None = None
        self._age_s_max = age_s_max
        self._asking: asyncio.Task[None] | None = None
        self._held: Mapping[str, ProjectionPosition] = {}
        self._held_at_s = float("-inf")
        self.number = 0
        """Rises whenever a read model is seen elsewhere than before."""

    def known(self) -> bool:
        """Whether what is held may still be told; has it asked for anew in good time."""
        age_s = time.monotonic() - self._held_at_s
        if age_s * 2 > self._age_s_max and self._asking is None and self._age_s_max:
            self._begin()
        return age_s < self._age_s_max

    def reached(self, states: Iterable[State]) -> bool:
        """Whether what was made from these states is from no earlier ones than those held."""
        return all(
            each.version == (held := state_of(self._held, each.name)).version
            and each.sequence >= held.sequence
            for each in states
        )

    async def current(self, read_models: Sequence[str]) -> Edition:
        """The state of these read models; may raise `ReadsUnavailableError`."""
        if not self.known():
            await self.refresh()
        return edition_of((state_of(self._held, name) for name in read_models), self._newest)

    async def held(self) -> Mapping[str, ProjectionPosition]:
        """How far each read model is, by name; may raise `ReadsUnavailableError`."""
        if not self.known():
            await self.refresh()
        return self._held

    @property
    def newest(self) -> NewestSlot | None:
        """The last slot that is certified, as it was when positions were asked for."""
        return self._newest

    async def refresh(self) -> None:
        """Ask now, or wait for who does already; may raise `ReadsUnavailableError`."""
        if self._asking is None:
            self._begin()
        assert self._asking is not None, "it has begun"
        await asyncio.shield(self._asking)

    def _begin(self) -> None:
        self._asking = asyncio.create_task(self._ask())
        self._asking.add_done_callback(_looked_at)

    async def _ask(self) -> None:
        begun_s = time.monotonic()
        try:
            held = {each.name: each for each in await self._reads.positions()}
            newest = None if self._newest_of is None else await self._newest_of.newest_slot()
        finally:
            self._asking = None
        self._newest = newest
        if held != self._held:
            self._held = held
            self.number += 1
        self._held_at_s = begun_s


def _looked_at(asking: asyncio.Task[Any]) -> None:
    """Nobody has to wait for it; who does is told of a failure, and the next one asks again."""
    if not asking.cancelled():
        asking.exception()


def date(resp: falcon.asgi.Response, edition: Edition) -> None:
    """Say of an answer from which state it is, and how new the newest is that is known."""
    resp.set_header(POSITION_HEADER, str(edition.position))
    if edition.newest is not None:
        resp.set_header(SLOT_HEADER, str(edition.newest.slot))
        if edition.newest.time_s is not None:
            resp.last_modified = datetime.fromtimestamp(edition.newest.time_s, UTC)


def has(req: falcon.asgi.Request, tag: str) -> bool:
    """Whether `If-None-Match` names the tag, which is compared weakly.

    `*` names none: whether there is an answer at all is only known once it has been made.
    """
    opaque = tag.removeprefix("W/")
    named = req.if_none_match or ()
    return any(each.dumps().removeprefix("W/") == opaque for each in named if each != "*")
