"""What was answered once is answered again without asking, until the read models move on."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx
import msgspec
import pytest

from api.app import create_app
from api.cache import OVERHEAD_BYTES, Answer, Cache, Kept
from api.edition import Editions, State
from api.front import Front, canonical
from api.guard import ADDRESS_BYTES_MAX
from curvetape.testing.api import V1
from curvetape.testing.events import created, recorded
from curvetape.testing.market import MARKET, TRADED, address
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from projections.reads import Page, ProjectionPosition, ReadsUnavailableError, TokenRow

CARD = f"{V1}/{TRADED}"
ORIGIN = "https://example.org"


class _Reads(MemoryReads):
    """Counts what is asked of it; positions are asked for apart."""

    def __init__(self) -> None:
        super().__init__(recorded(MARKET))
        self.cards = 0
        self.lists = 0
        self.positions_asked = 0
        self.down = False
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def token(self, mint: str) -> TokenRow | None:
        self.cards += 1
        self.asked.set()
        await self.gate.wait()
        if self.down:
            raise ReadsUnavailableError("down")
        return await super().token(mint)

    async def tokens(self, *, sort: object, state: object, page: Page) -> Sequence[TokenRow]:
        self.lists += 1
        return await super().tokens(sort=sort, state=state, page=page)  # type: ignore[arg-type]  # handed on

    async def positions(self) -> Sequence[ProjectionPosition]:
        self.positions_asked += 1
        if self.down:
            raise ReadsUnavailableError("down")
        return await super().positions()


class _Shared:
    """A second level in memory."""

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}

    async def get(self, key: bytes) -> bytes | None:
        return self.held.get(key)

    async def put(self, key: bytes, kept: bytes) -> None:
        self.held[key] = kept


class _Process:
    """A process of the API, reached without a socket."""

    def __init__(
        self,
        reads: _Reads,
        *,
        origins: Sequence[str] = ("*",),
        shared: _Shared | None = None,
        age_s_max: float = 60.0,
    ) -> None:
        self.editions = Editions(reads, age_s_max=age_s_max)
        self.cache = Cache(self.editions, shared=shared)
        app = create_app(reads, MemoryLog(MARKET), cors_origins=origins, editions=self.editions)
        transport = httpx.ASGITransport(Front(app, self.cache, origins=origins))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://curvetape")

    async def see(self) -> None:
        """What a process does by itself after a moment: look where the read models are."""
        await self.editions.refresh()


@pytest.fixture
async def reads() -> _Reads:
    return _Reads()


@pytest.fixture
async def process(reads: _Reads) -> AsyncIterator[_Process]:
    made = _Process(reads)
    async with made.client:
        yield made


async def test_an_answer_is_made_once_and_the_same_to_the_byte(
    reads: _Reads, process: _Process
) -> None:
    first = await process.client.get(CARD)
    cards, positions = reads.cards, reads.positions_asked
    again = await process.client.get(CARD)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert again.headers["curvetape-position"] == str(len(MARKET))
    assert again.headers["x-content-type-options"] == "nosniff"
    assert first.headers["cache-status"] == "curvetape; fwd=miss"
    assert again.headers["cache-status"] == "curvetape; hit"
    assert (reads.cards, reads.positions_asked) == (cards, positions)


async def test_what_is_kept_ends_when_its_read_models_are_seen_further_on(
    reads: _Reads, process: _Process
) -> None:
    first = await process.client.get(CARD)
    reads.apply(recorded([created(9_000, address("another"))], after=len(MARKET)))
    await process.see()
    fresh = await process.client.get(CARD)
    assert fresh.headers["cache-status"] == "curvetape; fwd=miss"
    assert fresh.headers["etag"] != first.headers["etag"]
    assert fresh.headers["curvetape-position"] == str(len(MARKET) + 1)


async def test_what_is_kept_holds_while_others_read_models_move(reads: _Reads) -> None:
    class Elsewhere(_Reads):
        extra = 0

        async def positions(self) -> Sequence[ProjectionPosition]:
            other = ProjectionPosition(name="other", version=1, sequence=self.extra, reread_after=0)
            return [*await super().positions(), other]

    elsewhere = Elsewhere()
    process = _Process(elsewhere)
    async with process.client as client:
        await client.get(CARD)
        elsewhere.extra += 1
        await process.see()
        assert (await client.get(CARD)).headers["cache-status"] == "curvetape; hit"


async def test_nothing_is_told_that_is_older_than_allowed(reads: _Reads) -> None:
    process = _Process(reads, age_s_max=0.05)
    async with process.client as client:
        await client.get(CARD)
        reads.apply(recorded([created(9_000, address("another"))], after=len(MARKET)))
        await asyncio.sleep(0.06)
        position = (await client.get(CARD)).headers["curvetape-position"]
        assert position == str(len(MARKET) + 1)


async def test_after_a_quiet_while_what_still_holds_is_not_made_again(reads: _Reads) -> None:
    process = _Process(reads, age_s_max=0.05)
    async with process.client as client:
        await client.get(CARD)
        cards = reads.cards
        await asyncio.sleep(0.06)
        assert (await client.get(CARD)).headers["cache-status"] == "curvetape; hit"
        assert reads.cards == cards


async def test_what_is_kept_is_packed_once_for_who_takes_it(
    reads: _Reads, process: _Process
) -> None:
    plain = {"Accept-Encoding": "identity"}
    whole = await process.client.get(CARD, headers=plain)
    lists = reads.cards
    packed = await process.client.get(CARD, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == whole.content  # the client unpacks it
    assert int(packed.headers["content-length"]) < len(whole.content)
    again = await process.client.get(CARD, headers=plain)
    refused = await process.client.get(CARD, headers={"Accept-Encoding": "gzip;q=0, br"})
    for answer in (again, refused):
        assert "content-encoding" not in answer.headers
        assert int(answer.headers["content-length"]) == len(whole.content)
    for answer in (whole, packed, again, refused):
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["etag"] == whole.headers["etag"]
    assert reads.cards == lists


async def test_what_is_small_is_not_packed(process: _Process) -> None:
    for _ in range(2):
        answer = await process.client.get(f"{CARD}/trades?limit=1&before=1")
        assert "content-encoding" not in answer.headers


async def test_who_has_it_already_is_told_so_from_the_cache(
    reads: _Reads, process: _Process
) -> None:
    first = await process.client.get(CARD)
    tag = first.headers["etag"]
    cards = reads.cards
    for sent in (tag, f'"x", {tag}', tag.removeprefix("W/")):
        again = await process.client.get(CARD, headers={"If-None-Match": sent})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert "content-type" not in again.headers
    assert (await process.client.get(CARD, headers={"If-None-Match": '"x"'})).status_code == 200
    assert reads.cards == cards


async def test_of_those_who_want_the_same_at_once_one_asks(
    reads: _Reads, process: _Process
) -> None:
    reads.gate.clear()
    asking = [asyncio.create_task(process.client.get(CARD)) for _ in range(20)]
    await reads.asked.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    reads.gate.set()
    answers = await asyncio.gather(*asking)
    assert len({each.content for each in answers}) == 1
    assert [each.status_code for each in answers] == [200] * 20
    assert reads.cards == 1


async def test_who_gives_up_leaves_the_others_their_answer(
    reads: _Reads, process: _Process
) -> None:
    reads.gate.clear()
    first = asyncio.create_task(process.client.get(CARD))
    await reads.asked.wait()
    second = asyncio.create_task(process.client.get(CARD))
    for _ in range(10):
        await asyncio.sleep(0)
    first.cancel()
    reads.gate.set()
    assert (await second).status_code == 200


async def test_failures_are_kept_for_nobody(reads: _Reads, process: _Process) -> None:
    reads.down = True
    failed = await asyncio.gather(*(process.client.get(CARD) for _ in range(3)))
    assert [each.status_code for each in failed] == [503] * 3
    reads.down = False
    assert (await process.client.get(CARD)).status_code == 200
    unknown = f"{V1}/{address('nobody')}"
    assert [(await process.client.get(unknown)).status_code for _ in range(2)] == [404, 404]
    assert "cache-status" not in (await process.client.get(unknown)).headers


async def test_what_is_kept_is_answered_until_it_is_too_old_although_the_database_is_down(
    reads: _Reads, process: _Process
) -> None:
    await process.client.get(CARD)
    reads.down = True
    assert (await process.client.get(CARD)).status_code == 200


async def test_the_order_of_parameters_makes_no_other_answer(
    reads: _Reads, process: _Process
) -> None:
    first = await process.client.get(f"{V1}?sort=trades&limit=1")
    lists = reads.lists
    assert (await process.client.get(f"{V1}?limit=1&sort=trades")).content == first.content
    assert reads.lists == lists
    other = await process.client.get(f"{V1}?limit=2&sort=trades")
    assert other.content != first.content


def test_parameters_that_could_be_named_otherwise_stay_as_they_are() -> None:
    assert canonical(b"b=1&a=2&a=1") == b"a=2&a=1&b=1"
    assert canonical(b"b=1&%61=2") == b"b=1&%61=2"


async def test_pages_of_allowed_origins_may_read_what_others_were_answered(
    reads: _Reads,
) -> None:
    async with _Process(reads, origins=[ORIGIN]).client as client:
        for _ in range(2):
            for sent, told in ((None, None), (ORIGIN, ORIGIN), ("https://example.com", None)):
                headers = {} if sent is None else {"Origin": sent}
                answer = await client.get(CARD, headers=headers)
                assert answer.headers.get("access-control-allow-origin") == told
                assert answer.headers["vary"].startswith("Origin")


async def test_pages_of_all_origins_may_read_what_is_kept_for_any_client(process: _Process) -> None:
    for number, headers in enumerate(({}, {"Origin": ORIGIN}, {})):
        answer = await process.client.get(CARD, headers=headers)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Curvetape-Position" in answer.headers["access-control-expose-headers"]
        assert answer.headers["cache-status"].endswith("hit" if number else "miss")


async def test_what_is_refused_is_refused_although_it_is_kept(process: _Process) -> None:
    assert (await process.client.get(CARD)).status_code == 200
    image = await process.client.get(CARD, headers={"Accept": "image/png"})
    content = await process.client.request("GET", CARD, content=b"x")
    assert (image.status_code, content.status_code) == (406, 413)
    assert (await process.client.post(CARD)).status_code == 405
    assert (await process.client.get(f"{CARD}?nope=1")).status_code == 400


async def test_an_address_that_is_too_long_is_refused_and_leaves_nothing_behind(
    process: _Process,
) -> None:
    before = canonical.cache_info().currsize
    refused = await process.client.get(f"{CARD}?" + "&" * ADDRESS_BYTES_MAX + "&")
    assert refused.status_code == 414
    assert canonical.cache_info().currsize == before


async def test_head_is_answered_from_what_get_has_made(reads: _Reads, process: _Process) -> None:
    assert (await process.client.head(CARD)).status_code == 200
    got = await process.client.get(CARD)
    cards = reads.cards
    head = await process.client.head(CARD)
    assert (head.content, head.headers["content-length"]) == (b"", got.headers["content-length"])
    assert reads.cards == cards


async def test_documents_and_the_state_of_the_process_are_asked_for_each_time(
    process: _Process,
) -> None:
    for path in ("/", "/openapi.json", "/healthz", "/readyz"):
        for _ in range(2):
            answer = await process.client.get(path)
            assert (answer.status_code, answer.headers.get("cache-status")) == (200, None)


async def test_what_one_process_made_another_answers(reads: _Reads) -> None:
    shared = _Shared()
    here, there = _Process(reads, shared=shared), _Process(reads, shared=shared)
    async with here.client, there.client:
        first = await here.client.get(CARD)
        await here.cache.close()
        cards = reads.cards
        await there.see()
        again = await there.client.get(CARD)
        assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
        assert reads.cards == cards


async def test_what_is_older_than_this_process_knows_is_not_taken_from_another(
    reads: _Reads,
) -> None:
    shared = _Shared()
    here, there = _Process(reads, shared=shared), _Process(reads, shared=shared)
    async with here.client, there.client:
        await here.client.get(CARD)
        await here.cache.close()
        reads.apply(recorded([created(9_000, address("another"))], after=len(MARKET)))
        await there.see()
        answer = await there.client.get(CARD)
        assert answer.headers["curvetape-position"] == str(len(MARKET) + 1)


async def test_what_is_no_answer_in_the_second_level_is_passed_over(reads: _Reads) -> None:
    class Rubbish(_Shared):
        async def get(self, key: bytes) -> bytes | None:
            return b"\xc1 rubbish"

    process = _Process(reads, shared=Rubbish())
    async with process.client as client:
        await process.see()
        assert (await client.get(CARD)).status_code == 200


async def test_what_would_be_more_headers_than_it_says_is_not_taken_from_another(
    reads: _Reads,
) -> None:
    shared = _Shared()
    here, there = _Process(reads, shared=shared), _Process(reads, shared=shared)
    async with here.client, there.client:
        await here.client.get(CARD)
        await here.cache.close()
        ((key, held),) = shared.held.items()
        told = msgspec.msgpack.decode(held, type=Answer)
        told.headers.append((b"x", b"y\r\nset-cookie: z"))
        shared.held[key] = msgspec.msgpack.encode(told)
        await there.see()
        answer = await there.client.get(CARD)
        assert (answer.status_code, answer.headers.get("x")) == (200, None)


async def test_memory_is_bounded_and_the_least_used_makes_room(reads: _Reads) -> None:
    editions = Editions(reads, age_s_max=60.0)
    await editions.refresh()
    content = b"x" * 1_000
    cache = Cache(editions, bytes_max=3 * (len(content) + OVERHEAD_BYTES))

    async def make() -> Answer:
        return Answer(200, [], content, (State("not begun", 0, 0),))

    for key in (b"a", b"b", b"c"):
        await cache.answer(key, make)
    assert isinstance(cache.held(b"a"), Kept)
    await cache.answer(b"d", make)
    assert [cache.held(key) is not None for key in (b"a", b"b", b"c", b"d")] == [
        True, False, True, True,
    ]  # fmt: skip
