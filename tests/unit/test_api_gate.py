"""Who may not come in, or has to wait, is told so before anything else is done."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.endpoint import CURRENT
from api.gate import Gate
from api.identity import Access, Identities, new_key, read_keys
from api.limits import Limit, Limits
from curvetape.testing.api import V1
from curvetape.testing.events import recorded
from curvetape.testing.market import MARKET
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads

KEY, DIGEST = new_key()
ORIGIN = "https://example.org"


def _client(
    *,
    rate: int | None = None,
    access: Access = "open",
    origins: Sequence[str] = ("*",),
    hsts_s: int = 0,
) -> httpx.AsyncClient:
    """The API behind a gate whose clock stands still."""
    app = create_app(MemoryReads(recorded(MARKET)), MemoryLog(MARKET), cors_origins=origins)
    limits = None
    if rate is not None:
        limits = Limits(Limit(rate=rate, abuse=3, block_s=60), now_s=lambda: 1_800_000_000.0)
    identities = Identities(access=access, keys=read_keys(f"alice={DIGEST}@5"))
    gate = Gate(app, identities, limits, origins=origins, hsts_s=hsts_s)
    transport = httpx.ASGITransport(gate)
    return httpx.AsyncClient(transport=transport, base_url="http://curvetape")


async def test_every_answer_says_how_many_more_there_may_be() -> None:
    async with _client(rate=3) as client:
        for left, path in ((2, V1), (1, "/nope"), (0, "/")):
            headers = (await client.get(path)).headers
            told = [headers[f"ratelimit-{it}"] for it in ("limit", "remaining", "reset")]
            assert told == ["3", str(left), "1"]


async def test_who_asks_too_often_is_told_when_to_go_on() -> None:
    async with _client(rate=1) as client:
        assert (await client.get(V1)).status_code == 200
        refused = await client.get(V1)
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "/#too-many-requests"
        assert "1 requests a second" in refused.json()["detail"]
        assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"] == "1"
        assert refused.headers["ratelimit-remaining"] == "0"
        assert (await client.head(V1)).content == b""


async def test_who_does_not_listen_is_told_that_it_is_blocked() -> None:
    async with _client(rate=1) as client:
        for _ in range(1 + 3):
            await client.get(V1)
        refused = await client.get(V1)
        assert refused.headers["retry-after"] == "60"
        assert "in spite of refusals" in refused.json()["detail"]


async def test_who_has_a_key_is_counted_apart_and_may_have_a_rate_of_its_own() -> None:
    async with _client(rate=1) as client:
        await client.get(V1)
        assert (await client.get(V1)).status_code == 429
        with_key = await client.get(V1, headers={"X-API-Key": KEY})
        assert (with_key.status_code, with_key.headers["ratelimit-remaining"]) == (200, "4")


async def test_without_a_limit_nothing_is_told_of_one() -> None:
    async with _client() as client:
        assert "ratelimit-limit" not in (await client.get(V1)).headers


@pytest.mark.parametrize("rate", [None, 1])
async def test_browsers_are_told_to_come_by_https_where_that_is_set(rate: int | None) -> None:
    async with _client(rate=rate, hsts_s=60) as client:
        for _ in range(2):
            answer = await client.get(V1)
            assert answer.headers["strict-transport-security"] == "max-age=60"
    async with _client(rate=rate) as client:
        assert "strict-transport-security" not in (await client.get(V1)).headers


async def test_whoever_watches_the_process_is_always_let_in() -> None:
    async with _client(rate=1, access="key-only") as client:
        for _ in range(3):
            for path in ("/healthz", "/readyz"):
                assert (await client.get(path)).status_code == 200


async def test_where_a_key_is_needed_others_are_told_how_to_send_one() -> None:
    async with _client(access="key-only") as client:
        refused = await client.get(V1)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.json()["type"] == "/#key-invalid"
        assert (await client.get(V1, headers={"X-API-Key": KEY})).status_code == 200
        assert (await client.get("/openapi.json")).status_code == 200
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
        assert (await client.options(V1, headers=asked)).status_code == 200


@pytest.mark.parametrize("rate", [None, 100])
async def test_what_needs_a_key_is_kept_by_no_cdn(rate: int | None) -> None:
    async with _client(rate=rate, access="key-only") as client:
        answer = await client.get(V1, headers={"X-API-Key": KEY})
        assert answer.headers["cache-control"] == CURRENT.replace("public", "private")
    async with _client(rate=rate) as client:
        assert (await client.get(V1)).headers["cache-control"] == CURRENT


async def test_keys_cannot_be_guessed_faster_than_the_limit() -> None:
    async with _client(rate=2, access="key-only") as client:
        wrong = {"X-API-Key": "ct_wrong"}
        codes = [(await client.get(V1, headers=wrong)).status_code for _ in range(3)]
        assert codes == [401, 401, 429]


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [(["*"], ORIGIN, "*"), ([ORIGIN], ORIGIN, ORIGIN), ([ORIGIN], "https://example.com", None)],
)
async def test_a_page_can_read_why_it_was_refused(
    origins: list[str], origin: str, allowed: str | None
) -> None:
    async with _client(access="key-only", origins=origins) as client:
        refused = await client.get(V1, headers={"Origin": origin})
        assert refused.headers.get("access-control-allow-origin") == allowed
        assert refused.headers.get("vary") == (None if origins == ["*"] else "Origin")


@pytest.mark.parametrize("can_answer", [True, False])
async def test_a_websocket_is_refused_before_it_is_one(*, can_answer: bool) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def never(*_: object) -> Any:
        raise AssertionError("it is not let in")

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/graphql",
        "query_string": b"",
        "headers": [],
        "client": None,
        "extensions": {"websocket.http.response": {}} if can_answer else {},
    }
    identities = Identities(access="key-only", keys=read_keys(f"alice={DIGEST}"))
    await Gate(never, identities, None, origins=["*"])(scope, never, send)
    if can_answer:
        assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 401)
    else:
        assert sent == [{"type": "websocket.close", "code": 1008}]
