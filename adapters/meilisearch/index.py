"""The index of tokens in Meilisearch, and beside it the place up to which it was written."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from adapters.meilisearch.client import Meili, MissingError
from adapters.meilisearch.documents import SETTINGS, document, held
from projections.index_comparison import HeldDocument
from projections.indexing import ChangedDocument, IndexMovedError, IndexPlace

PREFIX = "curvetape"
REQUEST_BYTES_MAX = 64_000_000
"""Of documents; a server refuses a request of more than 100 MB unless it is set otherwise."""
BYTES_PER_DOCUMENT = 1_000
"""Of names and numbers."""
BYTES_PER_CHARACTER_MAX = 12
"""An emoji is two escapes of six bytes in what the client sends."""
_KEY = "tokens"
"""The id of the one document that says the place."""


class MeiliIndex:
    """Fits `projections.indexing.TokenIndex` and `projections.index_comparison.ComparedIndex`.

    Meilisearch does what it is told in the order in which it was told, each task wholly or not at
    all. It has no write that depends on what is there, so that is asked before: enough for one
    writer, who may repeat itself, and for a second one only nearly. What a second one may spoil in
    that moment is a document that is older than the place says; the next change of the token mends
    it, and so does writing all anew.
    """

    def __init__(self, meili: Meili, *, prefix: str = PREFIX) -> None:
        self._meili = meili
        self.tokens = f"{prefix}-tokens"
        self.places = f"{prefix}-places"

    async def prepare(self) -> None:
        """Make both indexes, or bring their settings up to date."""
        await self._meili.do(
            lambda client: client.index(self.tokens).update_settings(dict(SETTINGS))
        )
        await self._meili.do(
            lambda client: client.index(self.places).update_settings({"searchableAttributes": []})
        )

    async def place(self) -> IndexPlace | None:
        """Up to where it holds the documents; None for a new index."""
        try:
            found = await self._meili.ask(
                lambda client: client.index(self.places).get_document(_KEY)
            )
            return msgspec.convert(dict(found), IndexPlace)
        except (MissingError, msgspec.ValidationError):  # none yet, or one by something else
            return None

    async def write(self, generation: str, documents: Sequence[ChangedDocument]) -> None:
        """Write documents, but over no newer one of the generation; returns once they are there."""
        newest = await self._ticks(generation, [each.token.mint for each in documents])
        made = [
            document(generation, each)
            for each in documents
            if each.tick >= newest.get(each.token.mint, 0)
        ]
        for portion in portions(made):
            await self._add(portion)

    async def _add(self, made: Sequence[dict[str, Any]]) -> None:
        await self._meili.do(
            lambda client: client.index(self.tokens).add_documents(made, primary_key="mint")
        )

    async def held(self, mints: Sequence[str]) -> dict[str, HeldDocument]:
        """The documents of these mints, as far as there are any."""
        if not mints:
            return {}
        asked: dict[str, Any] = {"ids": list(mints), "limit": len(mints)}
        there = await self._meili.ask(
            lambda client: client.index(self.tokens).get_documents(asked).results
        )
        read = ((each.mint, held(dict(each))) for each in there)
        return {mint: each for mint, each in read if each is not None}

    async def mints(self, offset: int, *, limit: int) -> Sequence[str]:
        """The mints of some of all documents, in an order that holds while none is written."""
        asked: dict[str, Any] = {"offset": offset, "limit": limit, "fields": ["mint"]}
        there = await self._meili.ask(
            lambda client: client.index(self.tokens).get_documents(asked).results
        )
        return [each.mint for each in there]

    async def remove(self, mints: Sequence[str]) -> None:
        """Remove the documents of these mints, one by one: there are seldom any."""
        for mint in mints:
            await self._remove(mint)

    async def _remove(self, mint: str) -> None:
        await self._meili.do(lambda client: client.index(self.tokens).delete_document(mint))

    async def keep_only(self, generation: str) -> None:
        """Remove the documents of all other generations."""
        others = f"generation != {quoted(generation)}"
        await self._meili.do(
            lambda client: client.index(self.tokens).delete_documents(filter=others)
        )

    async def move(self, place: IndexPlace, *, seen: IndexPlace | None) -> None:
        """Note a place; raises `IndexMovedError` unless the one before is what was `seen`."""
        found = await self.place()
        if found != seen:
            raise IndexMovedError("another `curvetape project` writes to the search index")
        said = {"id": _KEY, **msgspec.to_builtins(place)}
        await self._meili.do(
            lambda client: client.index(self.places).add_documents([said], primary_key="id")
        )

    async def _ticks(self, generation: str, mints: Sequence[str]) -> dict[str, int]:
        """In which save of the generation the documents that are there changed."""
        asked: dict[str, Any] = {
            "ids": list(mints),
            "fields": ["mint", "generation", "tick"],
            "limit": len(mints),
        }
        there = await self._meili.ask(
            lambda client: client.index(self.tokens).get_documents(asked).results
        )
        # What something else wrote may have neither.
        said = (dict(each) for each in there)
        return {
            it["mint"]: it["tick"]
            for it in said
            if it.get("generation") == generation and isinstance(it.get("tick"), int)
        }


def portions(
    documents: Sequence[dict[str, Any]], *, bytes_max: int = REQUEST_BYTES_MAX
) -> Iterator[Sequence[dict[str, Any]]]:
    """The documents in as few requests as a server takes, whatever is written in them."""
    start, size = 0, 0
    for number, each in enumerate(documents):
        characters = sum(len(value) for value in each.values() if isinstance(value, str))
        bound = BYTES_PER_DOCUMENT + BYTES_PER_CHARACTER_MAX * characters
        if number > start and size + bound > bytes_max:
            yield documents[start:number]
            start, size = number, 0
        size += bound
    if documents:
        yield documents[start:]


def quoted(text: str) -> str:
    """A text as filters take it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
