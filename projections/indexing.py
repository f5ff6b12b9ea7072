"""Keeps an index of tokens elsewhere level with the search read model's documents.

A document is written whole, as the read model has it, so writing one again changes nothing and a
later one says all that those before it said. The place up to which documents were written is kept
in the index itself and moves once they are there: whatever dies in between, the same documents are
written again, and an index that is lost, or restored from an older copy, gets what it lacks.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec

from projections.reads import FoundToken, ReadsUnavailableError

BATCH_MAX = 2_000
"""Documents written at once: about a megabyte, or two with descriptions of the usual length."""
POLL_S = 1.0
WAIT_S_MAX = 30.0

_log = logging.getLogger("curvetape.search")


class IndexPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Up to where an index holds the documents of a generation of the read model."""

    generation: str
    tick: int = 0
    mint: str = ""
    """The last document written: documents are ordered by the save that changed them, then mint."""
    sequence: int = 0
    """It holds all that was decided up to here in the log; 0 until it first held all."""


class ChangedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it is now, and the number of the save that changed it last."""

    tick: int
    token: FoundToken


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What an index lacks, or the first of it."""

    generation: str
    sequence: int
    """The read model's checkpoint when it was asked."""
    documents: Sequence[ChangedDocument]
    complete: bool
    """Whether it lacks no more than these."""


class SearchIndexError(Exception):
    """The index could not be written or asked."""


class IndexUnavailableError(SearchIndexError):
    """The index cannot be reached, or did not do in time what it was told; try again later."""


class IndexRefusedError(SearchIndexError):
    """The index will not do what it was told; trying again would not help by itself."""


class IndexMovedError(SearchIndexError):
    """Another one writes to the index, so its place was not moved."""


class Documents(Protocol):
    """The read model's side."""

    async def after(self, place: IndexPlace | None, *, limit: int) -> Changed | None:
        """What changed since a place, all of it where that is of another generation.

        None before the read model has begun. Raises `ReadsUnavailableError`.
        """
        ...


class TokenIndex(Protocol):
    """The index's side; everything may raise `IndexUnavailableError` and `IndexRefusedError`."""

    async def prepare(self) -> None:
        """Make the index, with its settings, or bring these up to date."""
        ...

    async def place(self) -> IndexPlace | None:
        """Up to where it holds the documents; None for a new index."""
        ...

    async def write(self, generation: str, documents: Sequence[ChangedDocument]) -> None:
        """Write documents, but over no newer one of the generation; returns once they are there."""
        ...

    async def keep_only(self, generation: str) -> None:
        """Remove the documents of all other generations."""
        ...

    async def move(self, place: IndexPlace, *, seen: IndexPlace | None) -> None:
        """Note a place; raises `IndexMovedError` unless the one before is what was `seen`."""
        ...


class Indexer:
    """Lets an index follow the documents."""

    def __init__(
        self, documents: Documents, index: TokenIndex, *, batch_max: int = BATCH_MAX
    ) -> None:
        self._documents = documents
        self._index = index
        self._batch_max = batch_max
        self._prepared = False

    async def step(self) -> bool:
        """Write what the index lacks, up to a batch; whether it lacks more."""
        index = self._index
        if not self._prepared:
            await index.prepare()
            self._prepared = True
        seen = await index.place()
        changed = await self._documents.after(seen, limit=self._batch_max)
        if changed is None:
            return False
        place = seen
        if place is None or place.generation != changed.generation:
            place = IndexPlace(generation=changed.generation)
        if changed.documents:
            await index.write(changed.generation, changed.documents)
            last = changed.documents[-1]
            place = msgspec.structs.replace(place, tick=last.tick, mint=last.token.mint)
        if changed.complete:
            if not place.sequence:
                await index.keep_only(changed.generation)
            place = msgspec.structs.replace(place, sequence=changed.sequence)
        if place != seen:
            await index.move(place, seen=seen)
        return not changed.complete

    async def catch_up(self) -> None:
        """Write until the index lacks nothing; raises what `Documents` and `TokenIndex` do."""
        while await self.step():
            pass

    async def follow(self) -> None:
        """Go on for ever, patiently: search may be behind, but read models never wait for it."""
        wait_s = POLL_S
        while True:
            try:
                await self.catch_up()
            except (SearchIndexError, ReadsUnavailableError) as error:
                self._prepared = False
                _log.warning("the search index waits %.0f s: %s", wait_s, error)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, WAIT_S_MAX)
            else:
                wait_s = POLL_S
                await asyncio.sleep(POLL_S)
