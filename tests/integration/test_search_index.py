"""An index in Meilisearch follows the documents, whatever happens in between, and loses none."""

import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from adapters.embedded.ports import free_port
from adapters.meilisearch.client import Meili
from adapters.meilisearch.documents import document
from adapters.meilisearch.index import MeiliIndex, portions
from adapters.meilisearch.token_search import MeiliTokenSearch
from curvetape.testing.events import recorded
from curvetape.testing.meilisearch import MemoryDocuments, Server
from curvetape.testing.search import MemorySearch
from curvetape.testing.search_market import BABY_PEPE, MARKET, PEPE, PEPE_COIN, WIF
from projections.indexing import (
    ChangedDocument,
    Indexer,
    IndexMovedError,
    IndexPlace,
    IndexRefusedError,
    IndexUnavailableError,
)
from projections.reads import FoundToken, ReadsUnavailableError, TokenSearch

TOKENS = MemorySearch(recorded(MARKET)).documents()


@pytest.fixture
async def meili(meili_server: Server) -> AsyncIterator[Meili]:
    async with Meili(meili_server.url, meili_server.key) as meili:
        yield meili


async def found(meili: Meili, prefix: str) -> dict[str, FoundToken]:
    """All that the index holds."""
    page = await MeiliTokenSearch(meili, prefix=prefix).search(TokenSearch(limit=50))
    return {token.mint: token for token in page.tokens}


def with_trades(mint: str, trades: int) -> FoundToken:
    return msgspec.structs.replace(TOKENS[mint], trades=trades)


async def test_a_document_is_not_overwritten_by_an_older_one(meili: Meili) -> None:
    index = MeiliIndex(meili, prefix="older")
    await index.prepare()
    newer = ChangedDocument(tick=7, token=with_trades(PEPE, 70))
    older = ChangedDocument(tick=6, token=with_trades(PEPE, 60))
    other = ChangedDocument(tick=1, token=TOKENS[WIF])
    await index.write("first", [newer])
    await index.write("first", [older, other])
    assert await found(meili, "older") == {PEPE: newer.token, WIF: other.token}
    for _ in range(2):  # as after a crash
        await index.write("first", [newer])
    assert (await found(meili, "older"))[PEPE] == newer.token
    # Another generation counts its saves anew.
    await index.write("second", [msgspec.structs.replace(older, tick=2)])
    assert (await found(meili, "older"))[PEPE] == older.token


async def test_figures_come_back_to_the_last_bit(meili: Meili) -> None:
    """What the server makes of the first number, as a number, ends in 79 and no 794."""
    index = MeiliIndex(meili, prefix="exact")
    await index.prepare()
    caps = (29845963739.144794, 31868841245.504154, 3974545380.8066316, 5e-324, 1.5e300, None)
    tokens = [
        msgspec.structs.replace(
            TOKENS[WIF], mint=f"exact{number}", market_cap=cap, volume_quote=2**60 + number
        )
        for number, cap in enumerate(caps)
    ]
    await index.write("first", [ChangedDocument(tick=1, token=token) for token in tokens])
    assert await found(meili, "exact") == {token.mint: token for token in tokens}
    for cap in (29845963739.144794, 31868841245.504154, 3974545380.8066316):
        asked = TokenSearch(market_cap_min=cap, market_cap_max=cap)
        (token,) = (await MeiliTokenSearch(meili, prefix="exact").search(asked)).tokens
        assert token.market_cap == cap
    there = await index.held([token.mint for token in tokens])
    assert {mint: (it.token, it.intact) for mint, it in there.items()} == {
        token.mint: (token, True) for token in tokens
    }


async def test_a_place_moves_only_from_where_it_was_seen(meili: Meili) -> None:
    index = MeiliIndex(meili, prefix="moved")
    await index.prepare()
    assert await index.place() is None
    first = IndexPlace(generation="first", tick=1, mint=PEPE, sequence=5)
    await index.move(first, seen=None)
    assert await index.place() == first
    second = msgspec.structs.replace(first, tick=2)
    with pytest.raises(IndexMovedError, match="another `curvetape project`"):
        await index.move(second, seen=None)
    assert await index.place() == first
    await index.move(second, seen=first)
    assert await index.place() == second


async def test_a_new_generation_replaces_the_documents_and_what_it_lacks_goes(
    meili: Meili,
) -> None:
    index = MeiliIndex(meili, prefix="swept")
    documents = MemoryDocuments([TOKENS[PEPE], TOKENS[WIF], TOKENS[BABY_PEPE]])
    await Indexer(documents, index, batch_max=2).catch_up()
    assert (await found(meili, "swept")).keys() == {PEPE, WIF, BABY_PEPE}
    rebuilt = MemoryDocuments([TOKENS[PEPE], TOKENS[PEPE_COIN]], generation="rebuilt")
    rebuilt.sequence = 9
    indexer = Indexer(rebuilt, index, batch_max=1)
    assert await indexer.step()
    # Until all of it is there, what was there before can be found.
    assert {WIF, BABY_PEPE} <= (await found(meili, "swept")).keys()
    await indexer.catch_up()
    assert (await found(meili, "swept")).keys() == {PEPE, PEPE_COIN}
    place = await index.place()
    assert place is not None
    assert (place.generation, place.sequence) == ("rebuilt", 9)


class _Dying(MeiliIndex):
    """Writes the documents, and dies before it moves the place."""

    async def move(self, place: IndexPlace, *, seen: IndexPlace | None) -> None:
        raise IndexUnavailableError(f"died before {place.tick}, behind {seen}")


async def test_what_was_written_before_a_crash_is_written_again_and_nothing_else_happens(
    meili: Meili,
) -> None:
    documents = MemoryDocuments([TOKENS[PEPE], TOKENS[WIF]])
    with pytest.raises(IndexUnavailableError, match="died"):
        await Indexer(documents, _Dying(meili, prefix="lost")).catch_up()
    documents.change(with_trades(PEPE, 99), tick=5)
    index = MeiliIndex(meili, prefix="lost")
    await Indexer(documents, index).catch_up()
    assert await found(meili, "lost") == {PEPE: with_trades(PEPE, 99), WIF: TOKENS[WIF]}
    assert await index.place() == IndexPlace(generation="first", tick=5, mint=PEPE, sequence=2)


async def test_a_task_that_fails_is_told(meili: Meili) -> None:
    """The server takes note of it first, and finds out later that it cannot be done."""
    with pytest.raises(IndexRefusedError, match=r"has failed: .*have a `mint` attribute"):
        await meili.do(
            lambda client: client.index("failing-tokens").add_documents(
                [{"name": "nobody"}], primary_key="mint"
            )
        )


async def test_what_the_server_refuses_moves_no_place(meili: Meili) -> None:
    index = MeiliIndex(meili, prefix="refusing")
    unfit = msgspec.structs.replace(TOKENS[PEPE], mint="no key: it has spaces")
    with pytest.raises(IndexRefusedError, match="no key: it has spaces"):
        await Indexer(MemoryDocuments([unfit]), index).catch_up()
    assert await index.place() is None


def test_documents_are_sent_in_requests_that_a_server_takes_whatever_is_written_in_them() -> None:
    made = [
        document("first", ChangedDocument(tick=1, token=msgspec.structs.replace(each, **more)))
        for each in TOKENS.values()
        for more in ({}, {"description": "🐸" * 1_000}, {"description": "\ufdfa" * 100})
    ]
    sent = list(portions(made, bytes_max=60_000))
    assert [each for portion in sent for each in portion] == made
    assert max(len(json.dumps(portion)) for portion in sent) <= 60_000
    assert 1 < len(sent) < len(made)
    assert list(portions([])) == []
    usual = [document("first", ChangedDocument(tick=1, token=TOKENS[PEPE]))] * 2_000
    assert list(portions(usual)) == [usual]


async def test_a_server_that_is_away_is_told_from_one_that_refuses() -> None:
    async with Meili(f"http://127.0.0.1:{free_port()}") as away:
        with pytest.raises(IndexUnavailableError, match="check CURVETAPE_MEILI_URL"):
            await MeiliIndex(away).place()
        with pytest.raises(ReadsUnavailableError, match="search index cannot be asked"):
            await MeiliTokenSearch(away).search(TokenSearch())
