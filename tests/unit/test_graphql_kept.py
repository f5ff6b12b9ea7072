"""What is asked of the graph by GET is kept as REST's answers are, and nothing else of it is."""

import hashlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from api.app import create_app
from api.cache import Cache
from api.edition import Editions
from api.endpoint import CURRENT
from api.front import Front
from api.graphql.execution import Graph
from api.graphql.hub import Hub
from api.graphql.resource import MEDIA_GRAPHQL
from curvetape.testing.batch_reads import MemoryBatchReads
from curvetape.testing.events import created, recorded
from curvetape.testing.market import MARKET, TRADED
from curvetape.testing.memory_log import MemoryLog

CARD = f'{{ token(mintAddress: "{TRADED}") {{ symbol marketCap }} }}'
BOTH = f"{MEDIA_GRAPHQL}, application/json;q=0.9"


class Process:
    """A process of the API with its graph, reached without a socket."""

    def __init__(self) -> None:
        self.reads = MemoryBatchReads(recorded(MARKET))
        self.editions = Editions(self.reads, age_s_max=60.0)
        self.hub = hub = Hub(Graph(self.reads, editions=self.editions))
        app = create_app(self.reads, MemoryLog(MARKET), editions=self.editions, graph=hub)
        front = Front(app, Cache(self.editions), origins=["*"])
        transport = httpx.ASGITransport(front)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://curvetape")

    async def get(self, query: str = CARD, **headers: str) -> httpx.Response:
        return await self.client.get("/graphql", params={"query": query}, headers=headers)


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    made = Process()
    async with made.client:
        yield made


def status(answer: httpx.Response) -> str | None:
    found = answer.headers.get("cache-status")
    return None if found is None else str(found).rpartition(" ")[2]


async def test_an_answer_is_kept_until_its_read_models_move_on(process: Process) -> None:
    first, again = await process.get(), await process.get()
    assert (status(first), status(again)) == ("fwd=miss", "hit")
    assert first.content == again.content
    assert again.headers["cache-control"] == CURRENT
    assert again.headers["curvetape-position"] == str(len(MARKET))
    assert "Accept" in again.headers["vary"]
    process.reads.apply(recorded([created(9_000, "another")], after=len(MARKET)))
    await process.editions.refresh()
    later = await process.get()
    assert status(later) == "fwd=miss"
    assert later.headers["etag"] != first.headers["etag"]
    assert later.json()["extensions"]["logPosition"] == len(MARKET) + 1


async def test_who_has_it_already_is_told_so(process: Process) -> None:
    tag = (await process.get()).headers["etag"]
    kept = await process.get(**{"If-None-Match": tag})
    # Who takes nothing but the newer media type is answered anew each time, and still spared it.
    anew = await process.get(**{"If-None-Match": tag, "Accept": MEDIA_GRAPHQL})
    for answer in (kept, anew):
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    head = await process.client.head("/graphql", params={"query": CARD})
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


async def test_each_is_answered_by_the_media_type_that_it_takes(process: Process) -> None:
    for _ in range(2):
        assert (await process.get()).headers["content-type"] == "application/json"
        assert (await process.get(Accept=BOTH)).headers["content-type"] == MEDIA_GRAPHQL


async def test_an_accept_of_two_lines_is_not_kept_for_those_who_take_its_last_one(
    process: Process,
) -> None:
    both = [("Accept", MEDIA_GRAPHQL), ("Accept", "application/json")]
    for headers in (both, [("Accept", "application/json")]):
        answer = await process.client.get("/graphql", params={"query": CARD}, headers=headers)
        newer = len(headers) > 1
        assert answer.headers["content-type"] == (MEDIA_GRAPHQL if newer else "application/json")


async def test_a_persisted_query_is_kept_under_its_hash(process: Process) -> None:
    digest = hashlib.sha256(CARD.encode()).hexdigest()
    extensions = json.dumps({"persistedQuery": {"version": 1, "sha256Hash": digest}})
    unknown = await process.client.get("/graphql", params={"extensions": extensions})
    assert unknown.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert (status(unknown), unknown.headers["cache-control"]) == (None, "no-store")
    told = {"extensions": extensions, "query": CARD}
    await process.client.post("/graphql", json={**told, "extensions": json.loads(extensions)})
    answers = [
        await process.client.get("/graphql", params={"extensions": extensions}) for _ in range(2)
    ]
    assert [status(each) for each in answers] == ["fwd=miss", "hit"]
    assert answers[0].json() == (await process.get()).json()


@pytest.mark.parametrize(
    "query",
    [
        "{ __typename }",
        "{ readModels { name } }",
        f'{{ readModels {{ name }} token(mintAddress: "{TRADED}") {{ symbol }} }}',
        f'{{ token(mintAddress: "{TRADED}") {{ chart(interval: MINUTE_1) {{ no }} }} }}',
        "{ nothing }",
    ],
)
async def test_what_fails_or_is_of_its_moment_is_not_kept(process: Process, query: str) -> None:
    for _ in range(2):
        answer = await process.get(query)
        assert (status(answer), answer.headers["cache-control"]) == (None, "no-store")
        assert "etag" not in answer.headers


async def test_what_is_posted_or_told_as_events_is_not_kept(process: Process) -> None:
    await process.get()
    posted = await process.client.post("/graphql", json={"query": CARD})
    assert (status(posted), posted.headers["cache-control"]) == (None, "no-store")
    told = await process.get(Accept="text/event-stream, application/json")
    assert told.headers["content-type"] == "text/event-stream"
    assert (status(told), told.headers["cache-control"]) == (None, "no-store")


async def test_head_follows_nothing_as_nobody_would_read_it(process: Process) -> None:
    asked = {"query": "subscription { newTokens { mintAddress } }"}
    head = await process.client.head(
        "/graphql", params=asked, headers={"Accept": "text/event-stream"}
    )
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == "text/event-stream"
    assert not process.hub._groups


async def test_people_get_their_page_beside_what_is_kept(process: Process) -> None:
    accept = "text/html,application/xhtml+xml,*/*;q=0.8"
    for _ in range(2):
        page = await process.client.get("/graphql", headers={"Accept": accept})
        assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
