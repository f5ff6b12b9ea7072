"""What a real client of Socket.IO asks too often, or without reading, it is refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import connect

from api.limits import Limit, Limits
from api.live import channel as channel_module
from api.live import sockets as sockets_module
from curvetape.testing.events import created, curve_traded, recorded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.market import address
from curvetape.testing.reads import MemoryReads
from curvetape.testing.sockets import client, serving_sockets
from curvetape.testing.waiting import until
from domain.events import AnyEvent

MINT = address("followed")
HISTORY: list[AnyEvent] = [created(1, MINT), curve_traded(2, MINT)]


@asynccontextmanager
async def serving(live: LiveLog, limits: Limits | None = None) -> AsyncIterator[str]:
    await live.appender.append(entries(HISTORY))
    async with serving_sockets(MemoryReads(recorded(HISTORY)), live.log, limits=limits) as url:
        yield url


def limits_of(rate: int, *, abuse: int = 1_000) -> Limits:
    """That count all requests in one second, which does not end."""
    return Limits(Limit(rate=rate, abuse=abuse, block_s=60), now_s=lambda: 1_800_000_000.0)


async def test_what_is_asked_over_a_connection_counts_among_the_requests_of_its_caller(
    live_log: LiveLog,
) -> None:
    asked = [("search:tokens", "x"), ("subscribe:market", None), ("subscribe:token", MINT)]
    async with (
        serving(live_log, limits_of(1 + len(asked))) as url,
        client(url, transports=["websocket"]) as told,  # the first request
    ):
        for event, argument in asked:
            assert (await told.emit(event, argument))["ok"]
        for event, argument in [*asked, ("subscribe:everything", None)]:
            assert await told.emit(event, argument) == {
                "ok": False,
                "problem": "4 requests a second are answered; ask again in 1 s",
                "limit": 4,
                "retryAfterSeconds": 1,
            }
        problems = await told.until_all("problem", len(asked) + 1)
        assert problems[0] == {
            "detail": "4 requests a second are answered; ask again in 1 s",
            "limit": 4,
            "retryAfterSeconds": 1,
        }
        # It is told on of what it follows, may leave that, and REST counts the same.
        await live_log.appender.append(entries([curve_traded(20, MINT, provisional=True)]))
        await told.until_all("trade", 1)
        assert (await told.emit("unsubscribe:token", MINT))["ok"]
        async with httpx.AsyncClient(base_url=url) as rest:
            assert (await rest.get("/api/v1/tokens")).status_code == 429


async def test_who_connects_again_over_the_same_connection_is_counted(live_log: LiveLog) -> None:
    async with serving(live_log, limits_of(3)) as url:
        address = f"{url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
        async with connect(address, user_agent_header=None) as raw:  # the first request
            assert str(await raw.recv())[:1] == "0"
            for _ in range(3):
                await raw.send("40")
                assert str(await raw.recv())[:2] == "40"
                await raw.send("41")
            await raw.send("40")
            told = '44{"message":"3 requests a second are answered; ask again in 1 s"}'
            assert await raw.recv() == told


async def test_who_asks_on_in_spite_of_refusals_is_blocked(live_log: LiveLog) -> None:
    async with (
        serving(live_log, limits_of(1, abuse=2)) as url,
        client(url, transports=["websocket"]) as told,
    ):
        waits = [(await told.emit("search:tokens", "x"))["retryAfterSeconds"] for _ in range(3)]
        assert waits == [1, 1, 60]
        assert "in spite of refusals" in told.all("problem")[-1]["detail"]


async def test_one_that_came_by_polling_is_counted_too(live_log: LiveLog) -> None:
    """Its handshake, what it polls, the upgrade, and then what it asks for."""
    async with (
        serving(live_log, limits_of(30)) as url,
        client(url) as told,
    ):
        await told.until_all("upgrade", 1)
        answers = [await told.emit("search:tokens", "x") for _ in range(30)]
        done = [it["ok"] for it in answers]
        assert done == sorted(done, reverse=True)
        assert done[0]
        assert (answers[-1]["limit"], answers[-1]["retryAfterSeconds"]) == (30, 1)


async def test_who_is_refused_and_does_not_read_what_it_is_sent_is_let_go_of(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or refusals would wait for it in memory, as many as it asks."""
    async with (
        serving(live_log, limits_of(1)) as url,
        client(url, transports=["websocket"]) as told,
    ):
        assert not (await told.emit("search:tokens", "x"))["ok"]
        monkeypatch.setattr(channel_module.Channel, "unsent_share", 1.1)
        told.tell("search:tokens", "x")
        assert await told.until_all("disconnect", 1) == ["io server disconnect"]


async def test_who_asks_for_more_is_answered_once_it_has_read_what_it_was_sent(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or whoever asks and does not read would fill the memory, as fast as it may ask."""
    async with (
        serving(live_log) as url,
        client(url, transports=["websocket"]) as told,
    ):
        monkeypatch.setattr(sockets_module, "UNDER_WAY_MAX", 2)
        monkeypatch.setattr(channel_module.Channel, "unsent_share", full := Unread(1.1))
        told.tell("search:tokens", "x")
        told.tell("subscribe:token", MINT)

        async def looked_at_again() -> bool:
            return full.asked >= 3

        await until(looked_at_again)
        assert not any("ack" in line for line in told.lines), "it still has to read"
        full.share = 0.0
        assert len(await told.until_all("token:snapshot", 1)) == 1
        monkeypatch.setattr(sockets_module, "UNDER_WAY_MAX", 0)
        problem = (await told.emit("search:tokens", "x"))["problem"]
        assert problem == "0 requests are under way; wait until one is acknowledged"
        # What does not count has to wait for its turn as well, and so is no more at once.
        assert (await told.emit("unsubscribe:token", MINT))["problem"] == problem
        monkeypatch.setattr(sockets_module, "UNDER_WAY_MAX", 2)
        monkeypatch.setattr(sockets_module, "FULL_S_MAX", 0.0)
        full.share = 1.1
        told.tell("search:tokens", "x")
        await told.until_all("disconnect", 1)


class Unread:
    """Stands for how much a client has not read yet."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.asked = 0

    def __get__(self, *_: object) -> float:
        self.asked += 1
        return self.share
