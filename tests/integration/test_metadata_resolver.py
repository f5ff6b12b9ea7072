"""Tokens are described once each in a real log, whoever dies and whoever else does the same."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.metadata.documents import HttpDocuments
from curvetape.config import Settings
from curvetape.describing import SUBJECTS, describing, last_described
from curvetape.simulator.gateway import Gateway
from curvetape.simulator.metadata import metadata
from curvetape.testing.events import created
from curvetape.testing.forks import abandoned, confirmed, provisional
from curvetape.testing.log import Dying, LiveLog, entries
from curvetape.testing.strangers import HOST, Stranger, said
from curvetape.testing.waiting import until
from domain.events import AnyEvent, TokenDescribed
from domain.log import Appender, LogUnavailableError, Recorded, decoded
from ingest.metadata.attempts import Attempts
from ingest.metadata.backlog import LATER_WAITS_S, NS_PER_S, WAIT_SPREAD
from ingest.metadata.resolver import Resolver

CID = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWn"


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    async with Stranger() as server:
        yield server


async def append(live: LiveLog, *events: AnyEvent) -> None:
    await live.appender.append(entries(events))


def launch(slot: int, mint: str, uri: str) -> AnyEvent:
    return provisional(created(slot, mint, uri=uri, id=f"{mint}:2.0"))


async def no_wait(_: float) -> None: ...


@asynccontextmanager
async def resolving(
    live: LiveLog, stranger: Stranger, *, log: Appender | None = None, later_s: float = 0.0
) -> AsyncIterator[Resolver]:
    """A resolver that goes on where the log says, `later_s` from now."""

    async def held(mint: str) -> Recorded | None:
        return await last_described(live.connection, mint)

    last = await last_described(live.connection, ">")
    after = last.event.complete_until if last and isinstance(last.event, TokenDescribed) else 0
    async with HttpDocuments(
        connections_max=4,
        allowed=[(HOST, stranger.port)],
        look_up=stranger.look_up,
        answer_s_max=2.0,
    ) as documents:
        yield Resolver(
            log=log or live.appender,
            held=held,
            documents=documents,
            gateways=[stranger.url + "/ipfs/"],
            after=after,
            parallel_max=4,
            rate_per_s=1_000,
            attempts=Attempts(documents, sleep=no_wait),
            now_ns=lambda: time.time_ns() + int(later_s * NS_PER_S),
        )


async def batches(
    live: LiveLog, *, after: int = 0, follow: bool = False
) -> AsyncIterator[Sequence[Recorded]]:
    async for stored in live.log.read_stored(
        after=after, batch_max=100, follow=follow, subjects=SUBJECTS
    ):
        events, fault = decoded(stored)
        assert fault is None
        yield events


async def resolve(
    live: LiveLog, stranger: Stranger, *, log: Appender | None = None, later_s: float = 0.0
) -> Resolver:
    """Describe all that is due, as a process that is started then."""
    async with resolving(live, stranger, log=log, later_s=later_s) as resolver:
        await resolver.run(batches(live, after=resolver.backlog.complete_until))
        return resolver


async def found(live: LiveLog) -> dict[str, TokenDescribed]:
    """What the log holds of descriptions, by id; it holds each id once."""
    events = [it.event for it in await live.all() if isinstance(it.event, TokenDescribed)]
    by_id = {event.id: event for event in events}
    assert len(by_id) == len(events)
    return by_id


async def test_tokens_that_count_are_described(live_log: LiveLog, stranger: Stranger) -> None:
    odd = '{"description":"猫 🐈","twitter":7,"website":["a"],"image":"ipfs://Qm"}'.encode()
    good = stranger.answer("/good", said(odd))
    flaky = stranger.answer("/flaky", said(status=500), said(b"{}"))
    page = stranger.answer("/page", said(b"<html>"))
    stranger.answer(f"/ipfs/{CID}", said(b'{"telegram":"https://t.me/a"}'))
    await append(
        live_log,
        launch(1, "good", good),
        launch(1, "flaky", flaky),
        launch(1, "gone", stranger.url + "/gone"),
        launch(1, "page", page),
        launch(1, "content", f"ipfs://{CID}"),
        launch(1, "nonsense", "call me"),
        confirmed(1),
        launch(2, "dead", good),
        abandoned(2, 1),
        launch(3, "unproven", good),
    )
    resolver = await resolve(live_log, stranger)
    events = await found(live_log)
    assert {id_: (it.failure, it.http_status, it.final) for id_, it in events.items()} == {
        "described:good:1": (None, None, True),
        "described:flaky:1": (None, None, True),
        "described:gone:1": ("status", 404, True),
        "described:page:1": ("not_json", None, True),
        "described:content:1": (None, None, True),
        "described:nonsense:1": ("address", None, True),
    }
    described = events["described:good:1"]
    assert (described.description, described.image) == ("猫 🐈", "ipfs://Qm")
    assert (described.twitter, described.website) == (None, None)
    assert (described.created_sequence, described.document_bytes) == (1, len(odd))
    assert described.pos == created(1, "good").pos
    assert events["described:content:1"].telegram == "https://t.me/a"
    assert (resolver.progress.described, resolver.progress.given_up) == (3, 3)
    assert stranger.asked["/good"] == 1
    assert stranger.asked["/flaky"] == 2


async def test_a_restart_asks_for_nothing_that_is_in_the_log(
    live_log: LiveLog, stranger: Stranger
) -> None:
    for name in "abc":
        stranger.answer(f"/{name}", said(b"{}"))
    await append(live_log, *(created(n, m, uri=f"{stranger.url}/{m}") for n, m in enumerate("ab")))
    await resolve(live_log, stranger)
    await append(live_log, created(9, "c", uri=f"{stranger.url}/c"))
    second = await resolve(live_log, stranger)
    third = await resolve(live_log, stranger)
    assert stranger.asked == {"/a": 1, "/b": 1, "/c": 1}
    assert (second.progress.described, third.progress.described) == (1, 0)
    assert {*await found(live_log)} == {f"described:{mint}:1" for mint in "abc"}


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
async def test_who_dies_while_appending_is_followed_by_one_who_appends_the_rest(
    live_log: LiveLog, stranger: Stranger, share: float
) -> None:
    for number in range(8):
        stranger.answer(f"/{number}", said(b'{"description":"a"}'))
    await append(live_log, *(created(n, f"m{n}", uri=f"{stranger.url}/{n}") for n in range(8)))
    dying = Dying(live_log.appender, at=2, share=share)
    with pytest.raises(ExceptionGroup) as died:
        await resolve(live_log, stranger, log=dying)
    assert died.group_contains(LogUnavailableError)
    before = await found(live_log)
    asked = stranger.asked.copy()
    await resolve(live_log, stranger)
    after = await found(live_log)
    assert {*after} == {f"described:m{number}:1" for number in range(8)}
    assert all(after[id_] == event for id_, event in before.items())
    for event in before.values():
        path = event.uri.removeprefix(stranger.url)
        assert stranger.asked[path] == asked[path], "what was stored is not fetched again"


async def test_a_failure_that_may_pass_is_tried_again_by_whoever_runs_then(
    live_log: LiveLog, stranger: Stranger
) -> None:
    uri = stranger.answer("/a", *[said(status=503)] * 3, said(b'{"description":"late"}'))
    await append(live_log, created(1, "a", uri=uri), created(2, "b", uri=uri.replace("/a", "/b")))
    stranger.answer("/b", said(b"{}"))
    first = await resolve(live_log, stranger)
    assert (first.progress.failed, first.backlog.waiting) == (1, 1)
    too_early = await resolve(live_log, stranger)
    assert too_early.progress.described == 0
    in_time_s = LATER_WAITS_S[0] * (1 + WAIT_SPREAD)
    second = await resolve(live_log, stranger, later_s=in_time_s)
    assert (second.progress.described, second.backlog.waiting) == (1, 0)
    events = await found(live_log)
    failed, late = events["described:a:1"], events["described:a:2"]
    assert (failed.failure, failed.http_status, failed.final) == ("status", 503, False)
    assert (late.description, late.attempt, late.final) == ("late", 2, True)
    assert late.created_sequence == 1
    assert stranger.asked == {"/a": 4, "/b": 1}


async def test_after_the_last_attempt_a_failure_is_for_good(
    live_log: LiveLog, stranger: Stranger
) -> None:
    uri = stranger.answer("/a", said(status=503))
    await append(live_log, created(1, "a", uri=uri))
    later_s = 0.0
    for wait_s in (0, *LATER_WAITS_S):
        later_s += wait_s * (1 + WAIT_SPREAD) + 1
        await resolve(live_log, stranger, later_s=later_s)
    await resolve(live_log, stranger, later_s=later_s * 2)
    events = list((await found(live_log)).values())
    assert [it.attempt for it in events] == [1, 2, 3, 4, 5]
    assert [it.final for it in events] == [False] * 4 + [True]
    last = await last_described(live_log.connection, ">")
    assert last is not None


async def test_two_resolvers_of_one_log_describe_each_token_once(
    live_log: LiveLog, stranger: Stranger
) -> None:
    count = 40
    for number in range(count):
        # Each is told something else, so that the two would not say the same.
        answers = [said(b'{"description":"%d"}' % told) for told in range(8)]
        if number % 4 == 0:
            answers = [said(status=404), *answers]
        stranger.answer(f"/{number}", *answers)
    await append(live_log, *(created(n, f"m{n}", uri=f"{stranger.url}/{n}") for n in range(count)))
    async with await Connection.open(live_log.server.url) as connection:
        other = await JetStreamAppender.open(connection, monitor_urls=live_log.server.monitor_url)
        ran = await asyncio.gather(
            resolve(live_log, stranger), resolve(live_log, stranger, log=other)
        )
        other.close()
    events = await found(live_log)
    assert {*events} == {f"described:m{number}:1" for number in range(count)}
    assert [it.backlog.waiting for it in ran] == [0, 0]
    assert sum(it.progress.described + it.progress.failed for it in ran) == count


async def test_tokens_are_described_as_they_come(live_log: LiveLog, stranger: Stranger) -> None:
    async with resolving(live_log, stranger) as resolver:
        running = asyncio.create_task(resolver.run(batches(live_log, follow=True)))
        for slot in range(1, 4):
            uri = stranger.answer(f"/{slot}", said(b"{}"))
            await append(live_log, launch(slot, f"m{slot}", uri), confirmed(slot))

            async def described(count: int = slot) -> bool:
                return resolver.progress.described == count

            await until(described, wait_s_max=10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert resolver.backlog.complete_until >= 8


async def test_simulated_tokens_are_described_by_their_own_gateway(live_log: LiveLog) -> None:
    gateway = Gateway("127.0.0.1:0")
    await gateway.start()
    try:
        names = [f"Qm{number:044d}" for number in range(30)]
        await append(
            live_log,
            *(
                created(n, f"m{n}", uri=f"https://ipfs.io/ipfs/{cid}")
                for n, cid in enumerate(names)
            ),
        )
        settings = Settings(
            nats_url=live_log.server.url,
            nats_monitor_url=live_log.server.monitor_url,
            ipfs_gateways=gateway.url,
            describe_allow=gateway.url.split("/")[2],
            describe_rate=1_000,
        )
        said_lines: list[str] = []
        async with describing(settings, say=said_lines.append) as it:
            await it.run(follow=False)
        async with describing(settings, say=said_lines.append) as again:
            assert again.after > 0, "not all is read again"
            await again.run(follow=False)
            assert again.resolver.progress.described == 0
    finally:
        await gateway.stop()
    events = await found(live_log)
    assert len(events) == len(names)
    for number, cid in enumerate(names):
        event, body = events[f"described:m{number}:1"], metadata(cid)
        assert event.document_bytes == (None if body is None or body[:1] == b"<" else len(body))
    assert said_lines == []
