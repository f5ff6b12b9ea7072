"""The official JavaScript client of Socket.IO follows tokens and the market on a real log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.live import beginning
from api.live import channel as channel_module
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import created, curve_traded, migrated, recorded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.market import address
from curvetape.testing.reads import MemoryReads
from curvetape.testing.sockets import client, serving_sockets
from domain.events import AnyEvent

MINT, OTHER = address("followed"), address("other")
TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]]


class Followed:
    """A log that is appended to, with the read models of its first part."""

    def __init__(self, live: LiveLog, reads: MemoryReads, url: str) -> None:
        self.url = url
        self.reads = reads
        self._live = live

    async def append(self, *events: AnyEvent) -> None:
        await self._live.appender.append(entries(events))


@asynccontextmanager
async def following(live: LiveLog, first: Sequence[AnyEvent]) -> AsyncIterator[Followed]:
    await live.appender.append(entries(first))
    reads = MemoryReads(recorded(first))
    async with serving_sockets(reads, live.log) as url:
        yield Followed(live, reads, url)


def provisional(number: int, mint: str = MINT) -> AnyEvent:
    return curve_traded(number, mint, provisional=True)


HISTORY: list[AnyEvent] = [
    created(1, MINT),
    *(curve_traded(number, MINT) for number in range(2, 12)),
]


@pytest.mark.parametrize("transports", TRANSPORTS, ids="-".join)
async def test_a_client_is_given_the_state_and_then_each_trade_once(
    live_log: LiveLog, transports: list[str]
) -> None:
    async with (
        following(live_log, HISTORY) as followed,
        client(followed.url, transports=transports) as told,
    ):
        acknowledged = await told.emit("subscribe:token", {"mint": MINT, "interval": "1m"})
        assert acknowledged == {"ok": True, "resumed": False, "sequence": len(HISTORY)}
        (snapshot,) = await told.until_all("token:snapshot", 1)
        (history,) = await told.until_all("token:history", 1)
        assert snapshot["token"]["mint"] == MINT
        assert snapshot["sequence"] == snapshot["position"] == len(HISTORY)
        assert [trade["id"] for trade in history["trades"]] == [it.id for it in HISTORY[:0:-1]]
        assert history["candles"]
        for number in range(20, 40):
            await followed.append(provisional(number), provisional(1_000 + number, OTHER))
        trades = await told.until_all("trade", 20)
        assert [each["trade"]["id"] for each in trades] == [
            provisional(number).id for number in range(20, 40)
        ]
        assert [each["sequence"] for each in trades] == [
            len(HISTORY) + 1 + 2 * place for place in range(20)
        ]
        assert all(each["provisional"] for each in trades)
        await told.emit("unsubscribe:token", MINT)
        await followed.append(provisional(50))
        await asyncio.sleep(0.3)
        assert len(told.all("trade")) == 20


async def test_what_the_read_models_do_not_hold_yet_comes_behind_the_snapshot(
    live_log: LiveLog,
) -> None:
    """Between a trade and its certificate; and a trade that is in both is told once."""
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        await followed.append(provisional(20), provisional(21))
        early = recorded([*HISTORY, provisional(20)])[-1:]
        followed.reads.apply(early)
        followed.reads.sequence = len(HISTORY)  # the other one is not decided
        await asyncio.sleep(0.3)
        await told.emit("subscribe:token", MINT)
        (history,) = await told.until_all("token:history", 1)
        assert history["trades"][0]["id"] == provisional(20).id
        (trade,) = await told.until_all("trade", 1)
        assert trade["trade"]["id"] == provisional(21).id


async def test_a_client_goes_on_where_it_was_at_a_server_that_has_just_started(
    live_log: LiveLog,
) -> None:
    """And whose read models hold all that the client has missed."""
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        await told.emit("subscribe:token", MINT)
        await told.emit("subscribe:market")
        await followed.append(provisional(20))
        (trade,) = await told.until_all("trade", 1)
        await followed.append(provisional(21), provisional(22, OTHER), provisional(23))
    every = [*HISTORY, *map(provisional, (20, 21)), provisional(22, OTHER), provisional(23)]
    async with (
        serving_sockets(MemoryReads(recorded(every)), live_log.log) as url,
        client(url) as told,
    ):
        after = trade["sequence"]
        answer = await told.emit("subscribe:token", {"mint": MINT, "after": after})
        assert answer == {"ok": True, "resumed": True, "sequence": len(every)}
        market = await told.emit("subscribe:market", {"after": after})
        assert market["resumed"]
        await live_log.appender.append(entries([provisional(24)]))
        trades = await told.until_all("trade", 3)
        assert [each["trade"]["id"] for each in trades] == [
            provisional(number).id for number in (21, 23, 24)
        ]
        of_all = await told.until_all("market:trade", 4)
        assert [each["sequence"] for each in of_all] == list(range(after + 1, after + 5))
        assert not told.all("token:snapshot") + told.all("market:snapshot")


async def test_a_client_that_was_away_goes_on_where_it_was(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "BACK_MIN", 0)
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        await told.emit("subscribe:token", MINT)
        await followed.append(provisional(20))
        (trade,) = await told.until_all("trade", 1)
        told.tell("disconnect")
        await told.until_all("disconnect", 1)
        await followed.append(provisional(21), provisional(22, OTHER), provisional(23))
        told.tell("connect")
        await told.until_all("connect", 2)
        answer = await told.emit("subscribe:token", {"mint": MINT, "after": trade["sequence"]})
        assert answer["resumed"]
        await followed.append(provisional(24))
        trades = await told.until_all("trade", 4)
        assert [each["trade"]["id"] for each in trades] == [
            provisional(number).id for number in (20, 21, 23, 24)
        ]
        assert len(told.all("token:snapshot")) == 1
        # What is kept no more is not gone on from.
        answer = await told.emit("subscribe:token", {"mint": MINT, "after": 0})
        assert not answer["resumed"]
        assert len(await told.until_all("token:snapshot", 2)) == 2


async def test_a_fork_that_dies_is_corrected_in_every_room(live_log: LiveLog) -> None:
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        await told.emit("subscribe:token", MINT)
        await told.emit("subscribe:market")
        lost = [provisional(20), provisional(21, OTHER)]
        slots = {event.pos.slot for event in lost}
        await followed.append(*lost)
        await told.until_all("market:trade", 2)
        for slot in sorted(slots):
            held = CertifiedLog()
            held.abandon(slot)
            await followed.append(*(event for _, _, event in held))
        corrections = await told.until_all("market:correction", len(slots))
        assert [id_ for each in corrections for id_ in each["ids"]] == [it.id for it in lost]
        (correction,) = await told.until_all("correction", 1)
        assert correction["ids"] == [lost[0].id]
        assert correction["slot"] == lost[0].pos.slot


async def test_the_market_tells_launches_and_graduations(live_log: LiveLog) -> None:
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        await told.emit("subscribe:market")
        (snapshot,) = await told.until_all("market:snapshot", 1)
        for kind in ("newest", "active", "leaders"):
            assert [token["mint"] for token in snapshot[kind]] == [MINT]
        await followed.append(created(30, OTHER), migrated(31, OTHER))
        (launch,) = await told.until_all("market:launch", 1)
        (graduation,) = await told.until_all("market:graduation", 1)
        assert (launch["mint"], graduation["mint"]) == (OTHER, OTHER)


async def test_tokens_are_found_and_each_answer_says_to_what(live_log: LiveLog) -> None:
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        symbol = HISTORY[0].symbol  # type: ignore[union-attr]  # it is a launch
        assert (await told.emit("search:tokens", symbol))["total"] == 1
        assert (await told.emit("search:tokens", {"q": "nowhere", "limit": 5}))["total"] == 0
        found, nothing = await told.until_all("search:results", 2)
        assert (found["q"], found["page"]) == (symbol, 1)
        assert [token["mint"] for token in found["items"]] == [MINT]
        assert (nothing["q"], nothing["items"], nothing["next"]) == ("nowhere", [], None)


async def test_the_status_is_told_while_somebody_watches(live_log: LiveLog) -> None:
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        await told.emit("subscribe:status")
        await followed.append(provisional(20), provisional(21))
        await told.until(lambda: any(it["tradesPerSecond"] for it in told.all("status")))
        status = told.all("status")[-1]
        assert status["sequence"] == len(HISTORY) + 2
        assert {it["name"]: it["lag"] for it in status["readModels"]}["trades"] == 2
        assert (status["clients"], status["deaf"]) == (1, False)
        await told.emit("unsubscribe:status")
        count = len(told.all("status"))
        await asyncio.sleep(1.5)
        assert len(told.all("status")) == count


async def test_many_who_come_at_once_ask_the_read_models_once(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        asked: list[str] = []
        answer = followed.reads.tokens

        async def counted(**more: Any) -> Any:
            asked.append(more["sort"])
            await asyncio.sleep(0.2)
            return await answer(**more)

        monkeypatch.setattr(followed.reads, "tokens", counted)
        async with client(followed.url) as other:
            answers = await asyncio.gather(
                told.emit("subscribe:market"), other.emit("subscribe:market")
            )
        assert [it["ok"] for it in answers] == [True, True]
        assert sorted(asked) == ["created", "last_trade", "volume"]


@pytest.mark.parametrize(
    ("event", "argument", "words"),
    [
        ("subscribe:token", "no mint", "mint was 'no mint': expected `str` matching regex"),
        ("subscribe:token", "no mint", "The token's mint, a public key in base58"),
        (
            "subscribe:token",
            {"mint": MINT, "interval": "7m"},
            "Of the candles to be told of. One of: ",
        ),
        ("subscribe:token", {"mint": MINT, "after": "x"}, "after was 'x': expected `int | null`."),
        ("subscribe:token", {"mint": MINT, "history": 501}, "Trades to list at first; 0 to 500."),
        ("subscribe:token", {"mint": MINT, "more": 1}, "no 'more' in it; known: mint, after, h"),
        ("subscribe:token", {"mint": [MINT]}, "mint was ['"),
        ("subscribe:token", None, "mint is missing. The token's mint, a public key"),
        ("subscribe:token", [MINT], "a list was sent; send the mint alone, or an object with mint"),
        ("unsubscribe:token", 5, "a number was sent; send the mint alone, or an object with mint"),
        ("subscribe:market", MINT, "a text was sent; send nothing, or an object with after"),
        ("subscribe:market", {"after": -1}, "after was -1: expected `int` >= 0."),
        ("subscribe:everything", None, "there is no 'subscribe:everything'"),
        ("search:tokens", {"q": "x" * 101}, "expected `str` of length <= 100"),
        ("search:tokens", {"q": "x", "limit": 0}, "limit was 0: expected `int` >= 1"),
        ("search:tokens", {"sort": "best"}, "One of: created, last_trade"),
        ("search:tokens", {"volumeMin": 2, "volumeMax": 1}, "volumeMin was 2, above"),
    ],
)
async def test_what_is_asked_for_wrongly_is_refused_with_a_reason(
    live_log: LiveLog, event: str, argument: object, words: str
) -> None:
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        answer = await told.emit(event, argument)
        assert not answer["ok"]
        assert words in answer["problem"]
        (problem,) = await told.until_all("problem", 1)
        assert problem["detail"] == answer["problem"]


async def test_requests_are_done_in_the_order_in_which_they_are_asked(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the read models take their time to answer the first."""
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        answer = followed.reads.trades

        async def slowly(*asked: Any, **more: Any) -> Any:
            await asyncio.sleep(0.3)
            return await answer(*asked, **more)

        monkeypatch.setattr(followed.reads, "trades", slowly)
        told.tell("subscribe:token", MINT)
        await told.emit("unsubscribe:token", MINT)
        await followed.append(provisional(20))
        await told.emit("subscribe:market")
        assert len(told.all("token:snapshot")) == 1
        assert told.all("trade") == []


async def test_read_models_that_are_away_are_said(live_log: LiveLog) -> None:
    async with following(live_log, HISTORY) as followed, client(followed.url) as told:
        followed.reads.down = True
        answer = await told.emit("subscribe:token", MINT)
        assert "cannot be asked" in answer["problem"]


async def test_a_client_that_reads_nothing_for_a_while_is_given_the_rest_and_nothing_twice(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it does not grow beyond a limit, and the others are not held up."""
    monkeypatch.setattr(channel_module, "UNSENT_BYTES_MAX", 4_096)
    async with (
        following(live_log, HISTORY) as followed,
        client(followed.url, transports=["websocket"]) as slow,
        client(followed.url, transports=["websocket"]) as quick,
    ):
        for each in (slow, quick):
            await each.emit("subscribe:token", MINT)
        slow.tell("stall", 4_000)
        await asyncio.sleep(0.3)
        many = [wide(number) for number in range(20, 4_020)]
        for first in range(0, len(many), 500):
            await followed.append(*many[first : first + 500])
        expected = [it.id for it in many]
        assert [it["trade"]["id"] for it in await quick.until_all("trade", 4_000)] == expected
        assert len(slow.all("trade")) < 4_000
        assert [it["trade"]["id"] for it in await slow.until_all("trade", 4_000)] == expected


def wide(number: int) -> AnyEvent:
    return curve_traded(number, MINT, provisional=True, layout="x" * 2_000)
