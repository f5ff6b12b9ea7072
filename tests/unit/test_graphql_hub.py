"""What happens is run once for all who ask the same, and nobody has it wait without end."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from api.graphql import hub as hub_module
from api.graphql.documents import InvalidError
from api.graphql.events import Stream
from api.graphql.execution import Graph
from api.graphql.hub import Hub
from api.graphql.outbox import Outbox
from api.graphql.request import Request
from api.live.feed import Feed
from curvetape.testing.batch_reads import MemoryBatchReads
from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.market import MARKET, TRADED, UNTRADED
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from projections.reads import ReadsUnavailableError, TokenRow

PLAIN = "subscription ($mint: String!) { trades(mintAddress: $mint) { id } }"
CARD = "subscription ($mint: String!) { tokenUpdate(mintAddress: $mint) { tradeCount } }"
ALERTS = """subscription ($mint: String, $rules: [AlertRule!]!) {
    alerts(mintAddress: $mint, rules: $rules) { ruleId kind value trade { id } } }"""
READING = "subscription ($mint: String!) { trades(mintAddress: $mint) { token { tradeCount } } }"


class Told:
    """A follower that keeps what it is given."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.ended = ""

    def give(self, answer: bytes) -> None:
        self.answers.append(answer)

    def let_go(self) -> None:
        self.ended = "let go"

    def end(self) -> None:
        self.ended = "ended"


class CountedReads(MemoryBatchReads):
    """Notes how often cards are asked for."""

    asked: int = 0

    async def tokens_of(self, mints: Sequence[str]) -> Any:
        self.asked += 1
        return await super().tokens_of(mints)


@pytest.fixture
def reads() -> CountedReads:
    return CountedReads(recorded(MARKET))


@pytest.fixture
def hub(reads: CountedReads) -> Hub:
    return Hub(Graph(reads))


def join(hub: Hub, query: str, *, mint: str = TRADED) -> Told:
    told = Told()
    hub.join(hub.graph.operation(Request(query=query, variables={"mint": mint})), told)
    return told


def happen(hub: Hub, *numbers: int) -> None:
    events: list[AnyEvent] = [curve_traded(number, TRADED) for number in numbers]
    hub.take(Feed().take(recorded(events, after=1_000)))


async def has(told: Told, count: int) -> None:
    """Wait for answers."""

    async def come() -> bool:
        return len(told.answers) >= count

    await until(come)


async def test_those_who_ask_the_same_get_the_same_bytes(hub: Hub) -> None:
    one, same, other = join(hub, PLAIN), join(hub, PLAIN), join(hub, PLAIN.replace("id", "side"))
    happen(hub, 3_000, 3_001)
    assert len(one.answers) == len(same.answers) == len(other.answers) == 2
    assert all(a is b for a, b in zip(one.answers, same.answers, strict=True))
    assert one.answers[0] != other.answers[0]
    first = msgspec.json.decode(one.answers[0])
    assert first["data"]["trades"]["id"] == curve_traded(3_000, TRADED).id
    assert first["extensions"] == {"sequence": 1_001, "provisional": False}


async def test_what_many_messages_ask_of_the_read_models_is_asked_together(
    hub: Hub, reads: CountedReads
) -> None:
    told = join(hub, READING)
    running = asyncio.create_task(hub.run())
    happen(hub, *range(3_000, 3_200))
    await has(told, 200)
    assert reads.asked == 1
    card: TokenRow | None = await reads.token(TRADED)
    assert card is not None
    for answer in told.answers:
        assert msgspec.json.decode(answer)["data"]["trades"]["token"] == {"tradeCount": card.trades}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert told.ended == "ended"


@pytest.mark.parametrize(
    "query",
    [
        """subscription ($mint: String!) {
            trades(mintAddress: $mint) { id }
            trades(mintAddress: $mint) { token { tradeCount } } }""",
        """subscription ($mint: String!) { ...plain ...reading }
            fragment plain on Subscription { trades(mintAddress: $mint) { id } }
            fragment reading on Subscription {
                trades(mintAddress: $mint) { ... on Trade { token { tradeCount } } } }""",
    ],
    ids=["twice", "fragments"],
)
async def test_a_field_written_twice_is_answered_once_with_all_that_is_asked_of_it(
    hub: Hub, query: str
) -> None:
    told, plain = join(hub, query), join(hub, PLAIN)
    running = asyncio.create_task(hub.run())
    happen(hub, 3_000)
    await has(told, 1)
    found = msgspec.json.decode(told.answers[0])["data"]["trades"]
    assert found == {"id": curve_traded(3_000, TRADED).id, "token": {"tradeCount": 120}}
    assert len(plain.answers) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_messages_that_wait_for_read_models_are_bounded(
    hub: Hub, reads: CountedReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "WAITING_MAX", 50)
    slow, quick = join(hub, READING), join(hub, PLAIN)
    happen(hub, *range(3_000, 3_051))
    assert slow.ended == "let go"
    assert len(quick.answers) == 51
    happen(hub, 3_100)
    assert slow.answers == []


async def test_a_store_that_is_down_is_told_and_watching_goes_on(
    hub: Hub, reads: CountedReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 0.01)
    reads.down = True
    running = asyncio.create_task(hub.run())
    told = join(hub, READING)
    watched = "subscription ($mint: String!) { tokenUpdate(mintAddress: $mint) { tradeCount } }"
    card = join(hub, watched)
    happen(hub, 3_000)
    await has(told, 1)
    (error,) = msgspec.json.decode(told.answers[0])["errors"]
    assert error["extensions"]["code"] == "UNAVAILABLE"
    reads.down = False
    await has(card, 1)
    assert msgspec.json.decode(card.answers[0])["data"]["tokenUpdate"]["tradeCount"] == 120
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_only_what_is_newly_watched_is_looked_at_before_the_next_look_at_all(
    hub: Hub, reads: CountedReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 3_600.0)
    running = asyncio.create_task(hub.run())
    first = join(hub, CARD)
    await has(first, 1)
    reads.apply(recorded([curve_traded(3_000, TRADED)], after=reads.sequence))
    await has(join(hub, CARD, mint=UNTRADED), 1)
    assert len(first.answers) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_card_that_could_not_be_told_is_told_once_it_can_be(
    hub: Hub, reads: CountedReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 0.01)
    sums_of = reads.sums_of

    async def down(_: Sequence[str]) -> Any:
        raise ReadsUnavailableError("down")

    monkeypatch.setattr(reads, "sums_of", down)
    running = asyncio.create_task(hub.run())
    told = join(hub, CARD.replace("tradeCount", "volume24h"))
    await has(told, 1)
    (error,) = msgspec.json.decode(told.answers[0])["errors"]
    assert error["extensions"]["code"] == "UNAVAILABLE"
    monkeypatch.setattr(reads, "sums_of", sums_of)

    async def known() -> bool:
        return "errors" not in msgspec.json.decode(told.answers[-1])

    await until(known)
    assert msgspec.json.decode(told.answers[-1])["data"]["tokenUpdate"]["volume24h"] is not None
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_an_answer_that_can_never_be_sent_is_told_as_an_error(hub: Hub) -> None:
    wide = " ".join(f"a{number}: id" for number in range(120))
    rows = f"trades(first: 120) {{ nodes {{ {wide} }} }}"
    running = asyncio.create_task(hub.run())
    told = join(hub, CARD.replace("tradeCount", rows))
    await has(told, 1)
    (error,) = msgspec.json.decode(told.answers[0])["errors"]
    assert error["extensions"]["code"] == "ANSWER_TOO_LARGE"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_whoever_has_left_is_told_no_more(hub: Hub) -> None:
    here, gone = Told(), Told()
    operation = hub.graph.operation(Request(query=PLAIN, variables={"mint": TRADED}))
    group = hub.join(operation, gone)
    assert hub.join(operation, here) is group
    hub.leave(group, gone)
    happen(hub, 3_000)
    hub.leave(group, here)
    hub.leave(group, here)
    happen(hub, 3_001)
    assert (len(here.answers), len(gone.answers)) == (1, 0)
    assert hub.join(operation, here) is not group


async def test_who_joins_late_and_is_told_too_much_at_once_is_let_go_of(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outbox.__init__, "__kwdefaults__", {"bytes_max": 10})
    watched = "subscription ($mint: String!) { tokenUpdate(mintAddress: $mint) { tradeCount } }"
    told = join(hub, watched)
    running = asyncio.create_task(hub.run())
    await has(told, 1)
    operation = hub.graph.operation(Request(query=watched, variables={"mint": TRADED}))
    events = [each async for each in Stream(hub, operation).events()]
    assert b"SLOW_CONSUMER" in (getattr(events[0], "data", None) or b"")
    assert len(events) == 2
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_an_outbox_is_bounded_and_says_so() -> None:
    outbox = Outbox(bytes_max=10)
    for _ in range(3):
        outbox.put(b"12345")
        for message in await outbox.take():
            outbox.sent(message)
    outbox.put(b"12345")
    outbox.put(b"12345")
    assert not outbox.overflowed
    outbox.put(b"1")
    assert outbox.overflowed
    assert await outbox.take() == []


def whale(threshold: float, **fields: Any) -> dict[str, Any]:
    return {
        "id": "big",
        "kind": "WHALE_TRADE",
        "threshold": threshold,
        "currency": "QUOTE",
    } | fields


def alert(hub: Hub, *rules: dict[str, Any], mint: str | None = TRADED, query: str = ALERTS) -> Told:
    told = Told()
    variables = {"mint": mint, "rules": rules}
    hub.join(hub.graph.operation(Request(query=query, variables=variables)), told)
    return told


def trade_of(hub: Hub, number: int, mint: str, **fields: Any) -> None:
    events = [curve_traded(number, mint, **fields)]
    hub.take(Feed().take(recorded(events, after=number)))


async def test_an_alert_is_told_of_a_token_or_of_all(hub: Hub) -> None:
    one, every = alert(hub, whale(2.5)), alert(hub, whale(2.5), mint=None)
    for number, mint, sol in ((1, TRADED, 2), (2, TRADED, 3), (3, UNTRADED, 4)):
        trade_of(hub, number, mint, quote_amount=sol * 10**9, provisional=True)
    (told,) = map(msgspec.json.decode, one.answers)
    assert told["data"]["alerts"] == {
        "ruleId": "big",
        "kind": "WHALE_TRADE",
        "value": 3.0,
        "trade": {"id": curve_traded(2, TRADED).id},
    }
    assert told["extensions"] == {"sequence": 3, "provisional": True}
    values = [msgspec.json.decode(it)["data"]["alerts"]["value"] for it in every.answers]
    assert values == [3.0, 4.0]


async def test_who_asks_later_begins_later(hub: Hub) -> None:
    limit = whale(1e-12, kind="PRICE_ABOVE")
    first = alert(hub, limit)
    trade_of(hub, 1, TRADED)
    second = alert(hub, limit)
    trade_of(hub, 2, TRADED)
    assert (len(first.answers), len(second.answers)) == (1, 1)
    assert first.answers != second.answers


async def test_rules_about_single_trades_are_run_once_for_all_who_ask_the_same(hub: Hub) -> None:
    one, same = alert(hub, whale(1)), alert(hub, whale(1))
    trade_of(hub, 1, TRADED)
    assert one.answers[0] is same.answers[0]


async def test_an_alert_leads_to_the_card(hub: Hub) -> None:
    query = ALERTS.replace("trade { id }", "trade { provisional token { tradeCount } }")
    running = asyncio.create_task(hub.run())
    told = alert(hub, whale(1), query=query)
    trade_of(hub, 1, TRADED)
    await has(told, 1)
    found = msgspec.json.decode(told.answers[0])["data"]["alerts"]["trade"]
    assert found == {"provisional": False, "token": {"tradeCount": 120}}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(
    ("rules", "mint", "said"),
    [
        ([], TRADED, "rules were 0; give 1 to 20"),
        ([whale(1, id=str(it)) for it in range(21)], TRADED, "rules were 21; give 1 to 20"),
        ([whale(1), whale(2)], TRADED, "two rules have the same id"),
        ([whale(1, id="")], TRADED, "a rule's id has 0 characters; give 1 to 64"),
        ([whale(0)], TRADED, "the threshold of rule big was 0; it has to be above 0"),
        ([whale(1, kind="VOLUME_SPIKE")], TRADED, "rule big was 1; it has to be above 1"),
        ([whale(1, kind="PRICE_ABOVE")], None, "name it with mintAddress, or ask for WHALE_TRADE"),
        ([whale(1)], "no mint", "it has to be a public key in base58"),
    ],
)
async def test_rules_that_cannot_be_followed_are_refused(
    hub: Hub, rules: list[dict[str, Any]], mint: str | None, said: str
) -> None:
    with pytest.raises(InvalidError) as refused:
        alert(hub, *rules, mint=mint)
    assert said in str(refused.value.errors[0])
