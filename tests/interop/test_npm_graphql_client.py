"""graphql-ws and graphql-sse, as they are published, are told what happens on a real log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from api.graphql import hub as hub_module
from api.graphql import outbox as outbox_module
from curvetape.testing.batch_reads import MemoryBatchReads
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import created, curve_traded, migrated, recorded
from curvetape.testing.graphql import serving_graphql, subscribe, subscriber
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.market import TRADED, address
from domain.events import AnyEvent

MINT, OTHER = address("followed"), address("other")
TRANSPORTS = ["ws", "sse"]
TRADES = """subscription ($mint: String!) { trades(mintAddress: $mint) {
    id side price provisional mintAddress } }"""
HISTORY: list[AnyEvent] = [
    created(1, MINT),
    *(curve_traded(number, MINT) for number in range(2, 12)),
]


class Followed:
    """A log that is appended to, with the read models of its first part."""

    def __init__(self, live: LiveLog, reads: MemoryBatchReads, url: str) -> None:
        self.url = url
        self.reads = reads
        self._live = live

    async def append(self, *events: AnyEvent) -> None:
        await self._live.appender.append(entries(events))

    def certify(self, *events: AnyEvent) -> None:
        """Let the read models have it."""
        self.reads.apply(recorded(events, after=self.reads.sequence))


@asynccontextmanager
async def following(live: LiveLog, first: Sequence[AnyEvent] = HISTORY) -> AsyncIterator[Followed]:
    await live.appender.append(entries(first))
    reads = MemoryBatchReads(recorded(first))
    async with serving_graphql(reads, live.log) as url:
        yield Followed(live, reads, url)


def provisional(number: int, mint: str = MINT) -> AnyEvent:
    return curve_traded(number, mint, provisional=True)


async def ready() -> None:
    """Give a subscription time to have arrived."""
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_is_told_of_each_trade_once_and_of_no_other_token(
    live_log: LiveLog, transport: str
) -> None:
    async with following(live_log) as followed, subscriber(followed.url, transport) as told:
        subscribe(told, "trades", TRADES, mint=MINT)
        await ready()
        for number in range(20, 40):
            await followed.append(provisional(number), provisional(1_000 + number, OTHER))
        answers = await told.until_all("trades", 20)
        assert [each["data"]["trades"]["id"] for each in answers] == [
            provisional(number).id for number in range(20, 40)
        ]
        assert all(each["data"]["trades"]["provisional"] for each in answers)
        assert [each["extensions"]["sequence"] for each in answers] == [
            len(HISTORY) + 1 + 2 * place for place in range(20)
        ]
        told.tell("stop", "trades")
        await ready()
        await followed.append(provisional(50))
        await ready()
        assert len(told.all("trades")) == 20


async def test_the_same_connection_has_many_subscriptions_and_queries(live_log: LiveLog) -> None:
    async with following(live_log) as followed, subscriber(followed.url, "ws") as told:
        subscribe(told, "one", TRADES, mint=MINT)
        subscribe(told, "same", TRADES, mint=MINT)
        subscribe(told, "other", TRADES, mint=OTHER)
        query = "query ($mint: String!) { token(mintAddress: $mint) { tradeCount } }"
        subscribe(told, "query", query, mint=MINT)
        (answer,) = await told.until_all("query", 1)
        assert answer["data"] == {"token": {"tradeCount": 10}}
        assert answer["extensions"]["logPosition"] == len(HISTORY)
        await told.until_all("query:complete", 1)
        await followed.append(provisional(20), provisional(21, OTHER))
        (one,), (same,) = await told.until_all("one", 1), await told.until_all("same", 1)
        assert one == same
        (other,) = await told.until_all("other", 1)
        assert other["data"]["trades"]["mintAddress"] == OTHER


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_launches_and_graduations_are_told_and_taken_back(
    live_log: LiveLog, transport: str
) -> None:
    new = address("new")
    launch, gone = created(30, new, provisional=True), migrated(31, MINT, provisional=True)
    async with following(live_log) as followed, subscriber(followed.url, transport) as told:
        subscribe(
            told,
            "new",
            "subscription { newTokens { mintAddress symbol state createdAt marketCap } }",
        )
        subscribe(
            told,
            "gone",
            "subscription { graduations { id pool provisional token { mintAddress tradeCount } } }",
        )
        subscribe(told, "back", "subscription { corrections { slot ids } }")
        mine = "subscription ($mint: String!) { corrections(mintAddress: $mint) { slot ids } }"
        subscribe(told, "mine", mine, mint=MINT)
        await ready()
        await followed.append(launch, gone)
        (first,) = await told.until_all("new", 1)
        assert first["data"]["newTokens"] == {
            "mintAddress": new,
            "symbol": launch.symbol,
            "state": "CURVE",
            "createdAt": first["data"]["newTokens"]["createdAt"],
            "marketCap": None,
        }
        assert first["extensions"]["provisional"]
        (graduated,) = await told.until_all("gone", 1)
        assert graduated["data"]["graduations"] == {
            "id": gone.id,
            "pool": gone.pool,
            "provisional": True,
            "token": {"mintAddress": MINT, "tradeCount": 10},
        }
        died = CertifiedLog()
        for slot in (30, 31):
            died.abandon(slot)
        await followed.append(*(event for _, _, event in died))
        back = await told.until_all("back", 2)
        assert [each["data"]["corrections"] for each in back] == [
            {"slot": 30, "ids": [launch.id]},
            {"slot": 31, "ids": [gone.id]},
        ]
        (only,) = await told.until_all("mine", 1)
        assert only["data"]["corrections"] == {"slot": 31, "ids": [gone.id]}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_trades_that_make_a_rule_true_are_told(live_log: LiveLog, transport: str) -> None:
    async with following(live_log) as followed, subscriber(followed.url, transport) as told:
        rules = """rules: [
            {id: "whale", kind: WHALE_TRADE, threshold: 50, currency: QUOTE},
            {id: "dear", kind: PRICE_ABOVE, threshold: 0.00000002, currency: QUOTE}]"""
        subscribe(
            told,
            "mine",
            "subscription ($mint: String!) { alerts(mintAddress: $mint, "
            + rules
            + ") { ruleId value mintAddress trade { id provisional } } }",
            mint=MINT,
        )
        every = 'rules: [{id: "any", kind: WHALE_TRADE, threshold: 50, currency: QUOTE}]'
        subscribe(told, "every", f"subscription {{ alerts({every}) {{ mintAddress value }} }}")
        refused = every.replace("50", "-1")
        subscribe(told, "no", f"subscription {{ alerts({refused}) {{ value }} }}")
        (error,) = await told.until_all("no:error" if transport == "ws" else "no", 1)
        assert "it has to be above 0" in str(error)
        await ready()
        large = curve_traded(42, MINT, quote_amount=60 * 10**9, provisional=True)
        other = curve_traded(43, OTHER, quote_amount=70 * 10**9, provisional=True)
        await followed.append(large, other, provisional(44))
        found = [it["data"]["alerts"] for it in await told.until_all("mine", 2)]
        assert [(it["ruleId"], it["mintAddress"]) for it in found] == [
            ("whale", MINT),
            ("dear", MINT),
        ]
        assert found[0]["value"] == 60
        assert found[0]["trade"] == found[1]["trade"] == {"id": large.id, "provisional": True}
        anywhere = [it["data"]["alerts"] for it in await told.until_all("every", 2)]
        assert anywhere == [
            {"mintAddress": MINT, "value": 60.0},
            {"mintAddress": OTHER, "value": 70.0},
        ]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_cards_and_candles_are_told_at_once_and_when_they_have_changed(
    live_log: LiveLog, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 0.1)
    card = (
        "subscription ($mint: String!) { tokenUpdate(mintAddress: $mint) { tradeCount holders } }"
    )
    candle = """subscription ($mint: String!) { candles(mintAddress: $mint, interval: H24) {
        time close buys sells } }"""
    async with following(live_log) as followed, subscriber(followed.url, transport) as told:
        subscribe(told, "card", card, mint=MINT)
        subscribe(told, "candle", candle, mint=MINT)
        subscribe(told, "unknown", card, mint=OTHER)
        (first,) = await told.until_all("card", 1)
        assert first["data"]["tokenUpdate"]["tradeCount"] == 10
        assert first["extensions"]["logPosition"] == len(HISTORY)
        await told.until_all("candle", 1)
        subscribe(told, "late", card, mint=MINT)
        assert (await told.until_all("late", 1))[0] == first
        followed.certify(curve_traded(20, MINT), created(21, OTHER))
        cards, candles = await told.until_all("card", 2), await told.until_all("candle", 2)
        assert cards[1]["data"]["tokenUpdate"]["tradeCount"] == 11
        before, after = (each["data"]["candles"] for each in candles)
        assert after["buys"] + after["sells"] == before["buys"] + before["sells"] + 1
        assert (await told.until_all("unknown", 1))[0]["data"]["tokenUpdate"]["tradeCount"] == 0
        await ready()
        assert len(told.all("card")) == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_cannot_be_subscribed_to_is_an_error_with_its_code(
    live_log: LiveLog, transport: str
) -> None:
    async with following(live_log) as followed, subscriber(followed.url, transport) as told:
        subscribe(told, "bad", "subscription { nothing { id } }")
        subscribe(told, "mint", TRADES, mint="no mint")
        codes = []
        for name in ("bad", "mint"):
            if transport == "ws":
                ((error,),) = await told.until_all(f"{name}:error", 1)
            else:  # by its protocol, errors are the only answer of the stream
                (answer,) = await told.until_all(name, 1)
                (error,) = answer["errors"]
                await told.until_all(f"{name}:complete", 1)
            codes.append(error["extensions"]["code"])
        assert codes == ["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"]


async def test_a_client_that_reads_too_slowly_is_let_go_of_and_may_come_again(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module.Outbox.__init__, "__kwdefaults__", {"bytes_max": 100_000})
    wide = "trades(mintAddress: $mint) { " + " ".join(f"a{n}: id" for n in range(200)) + " }"
    async with (
        following(live_log, [created(1, TRADED)]) as followed,
        subscriber(followed.url, "ws") as slow,
        subscriber(followed.url, "ws") as quick,
    ):
        subscribe(slow, "trades", f"subscription ($mint: String!) {{ {wide} }}", mint=TRADED)
        subscribe(quick, "trades", TRADES, mint=TRADED)
        await ready()
        slow.tell("stall", 15_000)
        count = 1_500
        for start in range(0, count, 100):
            await followed.append(*(provisional(10 + start + n, TRADED) for n in range(100)))
        assert len(await quick.until_all("trades", count)) == count
        (closed,) = await slow.until_all("closed", 1)
        assert closed["code"] == 1013
        assert "subscribe anew" in closed["reason"]
        assert len(slow.all("trades")) < count
