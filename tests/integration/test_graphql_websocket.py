"""The protocol graphql-transport-ws to the letter, also where a client breaks it; and SSE."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets

from api.app import create_app
from api.gate import Gate
from api.graphql import websocket as websocket_module
from api.graphql.execution import Graph
from api.graphql.hub import Hub
from api.graphql.websocket import OPERATIONS_MAX, PROTOCOL
from api.identity import Identities
from api.limits import Limit, Limits
from curvetape.testing.batch_reads import MemoryBatchReads
from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.graphql import serving_graphql
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.market import MARKET, TRADED
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.sockets import serving

INIT = {"type": "connection_init"}
TRADES = {"query": f'subscription {{ trades(mintAddress: "{TRADED}") {{ id }} }}'}


@pytest.fixture
async def url(live_log: LiveLog) -> AsyncIterator[str]:
    await live_log.appender.append(entries(MARKET))
    async with serving_graphql(MemoryBatchReads(recorded(MARKET)), live_log.log) as address:
        yield address


class Talk:
    """A connection, message by message."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection

    async def say(self, *messages: object) -> None:
        for message in messages:
            text = message if isinstance(message, str | bytes) else json.dumps(message)
            await self._connection.send(text)

    async def hear(self) -> Any:
        return json.loads(await self._connection.recv())

    async def closed(self) -> int:
        await self._connection.wait_closed()
        assert self._connection.close_code is not None
        return self._connection.close_code


def connect(url: str, **more: Any) -> websockets.connect:
    protocols = [websockets.Subprotocol(PROTOCOL)]
    return websockets.connect(
        url.replace("http", "ws"), **({"subprotocols": protocols, "proxy": None} | more)
    )


def asked(id_: str, payload: object = TRADES) -> dict[str, object]:
    return {"type": "subscribe", "id": id_, "payload": payload}


async def test_messages_are_acknowledged_answered_and_completed(url: str) -> None:
    async with connect(url) as connection:
        talk = Talk(connection)
        await talk.say(INIT, {"type": "ping", "payload": {"a": 1}}, {"type": "pong"})
        assert await talk.hear() == {"type": "connection_ack"}
        assert await talk.hear() == {"type": "pong"}
        await talk.say(asked('a "quoted" id', {"query": "{ __typename }"}))
        assert await talk.hear() == {
            "id": 'a "quoted" id',
            "type": "next",
            "payload": {"data": {"__typename": "Query"}},
        }
        assert await talk.hear() == {"id": 'a "quoted" id', "type": "complete"}
        await talk.say(asked("b"), {"type": "complete", "id": "b"}, asked("b"), asked("c", {}))
        refused = await talk.hear()
        assert (refused["id"], refused["type"]) == ("c", "error")
        assert refused["payload"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_an_answer_that_can_never_be_sent_ends_its_operation_only(url: str) -> None:
    wide = " ".join(f"a{number}: id" for number in range(120))
    query = (
        f'{{ token(mintAddress: "{TRADED}") {{ trades(first: 120) {{ nodes {{ {wide} }} }} }} }}'
    )
    async with connect(url) as connection:
        talk = Talk(connection)
        await talk.say(INIT, asked("a", {"query": query}))
        await talk.hear()
        refused = await talk.hear()
        assert (refused["id"], refused["type"]) == ("a", "error")
        assert refused["payload"][0]["extensions"]["code"] == "ANSWER_TOO_LARGE"
        await talk.say(asked("a", {"query": "{ __typename }"}))
        assert (await talk.hear())["type"] == "next"


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([asked("a")], 4401),
        ([INIT, INIT], 4429),
        ([INIT, asked("a"), asked("a")], 4409),
        (["no JSON"], 4400),
        (['{"type": "ping", "payload": ' + "[" * 5_000 + "]" * 5_000 + "}"], 4400),
        ([b"{}"], 4400),
        ([{"type": "unheard"}], 4400),
        ([INIT, asked("")], 4400),
        ([INIT, asked("a" * 129)], 4400),
        ([INIT, *(asked(str(n)) for n in range(OPERATIONS_MAX + 1))], 4429),
        ([INIT, asked("a" * 20_000)], 1009),
    ],
)
async def test_whoever_breaks_the_protocol_is_told_why(
    url: str, messages: list[object], code: int
) -> None:
    async with connect(url) as connection:
        talk = Talk(connection)
        await talk.say(*messages)
        assert await talk.closed() == code


async def test_a_connection_without_the_protocol_or_without_a_beginning_is_closed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(url, subprotocols=None) as connection:
        assert await Talk(connection).closed() == 4406
    monkeypatch.setattr(websocket_module, "INIT_WAIT_S_MAX", 0.1)
    async with connect(url) as connection:
        assert await Talk(connection).closed() == 4408


async def test_a_subscription_ends_with_its_connection(url: str, live_log: LiveLog) -> None:
    async with connect(url) as gone, connect(url) as here:
        for connection in (gone, here):
            talk = Talk(connection)
            await talk.say(INIT, asked("a"))
            await talk.hear()
        await gone.close()
        await live_log.appender.append(entries([curve_traded(5_000, TRADED)]))
        told = await Talk(here).hear()
        assert told["payload"]["data"]["trades"]["id"] == curve_traded(5_000, TRADED).id


async def test_each_operation_counts_among_the_requests_of_its_caller(live_log: LiveLog) -> None:
    hub = Hub(Graph(MemoryBatchReads(recorded(MARKET))))
    limits = Limits(Limit(rate=3, abuse=100, block_s=0), now_s=lambda: 1_800_000_000.0)
    app = create_app(hub.graph.reads, MemoryLog(MARKET), graph=hub)
    async with (
        serving(Gate(app, Identities(), limits, origins=["*"])) as address,
        connect(f"{address}/graphql") as connection,  # the first of three
    ):
        talk = Talk(connection)
        query = {"query": "{ __typename }"}
        await talk.say(INIT, asked("a", query), asked("b", query), asked("c", query))
        heard = [await talk.hear() for _ in range(6)]
    assert {each["id"] for each in heard if each["type"] == "next"} == {"a", "b"}
    (error,) = [each for each in heard if each["type"] == "error"]
    assert error["id"] == "c"
    assert error["payload"][0]["extensions"] == {
        "code": "TOO_MANY_REQUESTS",
        "limit": 3,
        "retryAfterSeconds": 1,
    }


async def test_pages_of_other_origins_cannot_connect(live_log: LiveLog) -> None:
    hub = Hub(Graph(MemoryBatchReads(recorded(MARKET))))
    here = "https://here.example"
    app = create_app(hub.graph.reads, MemoryLog(MARKET), graph=hub, cors_origins=[here])
    async with serving(app) as address:
        async with connect(f"{address}/graphql", origin=here) as connection:
            await Talk(connection).say(INIT)
        with pytest.raises(websockets.InvalidStatus):
            await connect(f"{address}/graphql", origin="https://elsewhere.example")


async def test_answers_come_as_events_where_they_are_asked_for_so(url: str) -> None:
    headers = {"Accept": "text/event-stream"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, json={"query": "{ __typename }"}, headers=headers)
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.text == (
            'event: next\ndata: {"data":{"__typename":"Query"}}\n\nevent: complete\ndata: \n\n'
        )
        for query, code in (
            ("subscription { nothing { id } }", "GRAPHQL_VALIDATION_FAILED"),
            ('subscription { trades(mintAddress: "no mint") { id } }', "BAD_USER_INPUT"),
        ):
            refused = await client.post(url, json={"query": query}, headers=headers)
            assert refused.headers["content-type"] == "text/event-stream"
            first, last, _ = refused.text.split("\n\n")
            (error,) = json.loads(first.removeprefix("event: next\ndata: "))["errors"]
            assert error["extensions"]["code"] == code
            assert last == "event: complete\ndata: "
        without = await client.post(url, json=TRADES)
        assert without.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert "text/event-stream" in without.json()["errors"][0]["message"]
