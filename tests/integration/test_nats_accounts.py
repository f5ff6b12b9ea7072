"""What each user of the log's server may do, tried on a real server, also by ways around."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import nats
import nats.errors
import pytest
from nats.aio.client import Client

from adapters.embedded.nats import NatsServer
from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.known import last_event
from adapters.jetstream.moment import sequence_before
from adapters.jetstream.reader import JetStreamLog
from adapters.jetstream.streams import apply
from adapters.jetstream.tail import recent, recent_ids
from curvetape.definitions import definitions
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import curve_traded
from curvetape.testing.guarded import RAW_HOURS, GuardedNats, guarded_nats_in
from curvetape.testing.log import entries, entry
from curvetape.testing.permissions import (
    ANSWER_WAIT_S_MAX,
    CHANGES,
    DESCRIBED,
    LOOKS,
    SECRET,
    api,
    complaints,
    contents,
    permitted,
    user,
)
from domain.events import SlotConfirmed
from domain.log import Entry

OWN_LOOKS = {"projector": api("STREAM.INFO.DEAD", "STREAM.MSG.GET.DEAD")}
"""Whoever writes letters proves first that they are kept, and compares those that are there."""


@pytest.mark.parametrize("name", ["integrator", "projector"])
async def test_a_reader_of_the_chain_can_neither_change_anything_nor_read_the_rest(
    guarded: GuardedNats, name: str
) -> None:
    before = await contents(guarded)
    own = OWN_LOOKS.get(name, [])
    async with user(guarded, name) as (client, said):
        assert await permitted(client, said, CHANGES + LOOKS) == own
    assert await contents(guarded) == before


@pytest.mark.parametrize("name", ["integrator", "projector", "describer", "ingest", "aggregates"])
async def test_nobody_but_the_operator_hears_what_others_publish(
    guarded: GuardedNats, name: str
) -> None:
    async with user(guarded, name) as (client, said):
        subjects = ("users.>", "pump.>", "dead.>", "raw.>", ">", "$JS.>", "$SYS.>", "_R_.>")
        for subject in subjects:
            await client.subscribe(subject)
        await client.flush()
        await complaints(said, len(subjects))
        assert all("permissions violation for subscription" in each for each in said)


CONSUMER = {"ack_policy": "none", "deliver_policy": "all", "mem_storage": True}


def consumer(name: str, **fields: object) -> tuple[str, bytes]:
    config = CONSUMER | {"name": name} | fields
    body = {"stream_name": "PUMP", "config": config, "action": "create"}
    return f"$JS.API.CONSUMER.CREATE.PUMP.{name}", json.dumps(body).encode()


INTO = ("pump.curve.traded.m", "dead.decode.p", SECRET, "$JS.API.STREAM.PURGE.DEAD")


async def test_an_integrator_cannot_have_an_answer_stored_or_obeyed(
    guarded: GuardedNats,
) -> None:
    """The server would send an answer wherever it is asked to, a stream's own subject too."""
    before = await contents(guarded)
    async with user(guarded, "integrator") as (client, _):
        for into in INTO:
            for question in (b'{"seq":1}', b'{"seq":1,"batch":2}', b'{"last_by_subj":"pump.>"}'):
                await client.publish("$JS.API.DIRECT.GET.PUMP", question, reply=into)
            await client.publish("$JS.API.DIRECT.GET.PUMP.pump.curve.traded.m", b"", reply=into)
        await client.flush()
        # An answer to a question asked later comes after theirs.
        await client.request("$JS.API.DIRECT.GET.PUMP", b'{"seq":1}')
    assert await contents(guarded) == before


async def test_the_same_answer_is_stored_where_readers_share_the_logs_account(
    guarded: GuardedNats,
) -> None:
    """Why integrators have an account of their own: otherwise reading would be writing."""
    before = await contents(guarded)
    async with user(guarded, "projector") as (client, _):
        await client.publish("$JS.API.STREAM.INFO.PUMP", b"", reply="dead.decode.p")
        await client.request("$JS.API.STREAM.INFO.PUMP", b"")
    after = await contents(guarded)
    assert after["DEAD"] == (before["DEAD"][0] + 1, before["DEAD"][1] + 1)


async def test_an_integrator_cannot_have_a_consumer_that_delivers_anywhere(
    guarded: GuardedNats,
) -> None:
    before = await contents(guarded)
    async with user(guarded, "integrator") as (client, said):
        for into in (*INTO, "_INBOX.x"):
            said.clear()
            subject, body = consumer("c", deliver_subject=into)
            assert await permitted(client, said, [subject], body) == []
    assert await contents(guarded) == before


async def test_an_integrator_has_no_jetstream_to_fill(guarded: GuardedNats) -> None:
    async with user(guarded, "integrator") as (client, said):
        tried = api("INFO", "STREAM.CREATE.MINE", "STREAM.CREATE.KV_x")
        assert await permitted(client, said, tried, b'{"name":"MINE","subjects":["x"]}') == []


async def test_an_integrator_reads_the_chain_in_sequence(guarded: GuardedNats) -> None:
    async with user(guarded, "integrator") as (client, said):
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)
        await client.publish("$JS.API.DIRECT.GET.PUMP", b'{"seq":1,"batch":10}', reply=inbox)
        got = [await answers.next_msg(timeout=ANSWER_WAIT_S_MAX) for _ in range(3)]
        last = await client.request("$JS.API.DIRECT.GET.PUMP.pump.curve.traded.m", b"")
        assert said == []
    assert [(it.headers or {}).get("Nats-Sequence") for it in got] == ["1", "2", None]
    assert (last.headers or {})["Nats-Sequence"] == "2"


async def test_nobody_comes_in_without_the_right_password(guarded: GuardedNats) -> None:
    async def ignore(_: Exception) -> None: ...

    for who in ("", "ingest:wrong@", "integrator:integrator@", "nobody:x@"):
        client = Client()
        with pytest.raises(nats.errors.Error):
            await client.connect(
                guarded.url.replace("://", f"://{who}"), allow_reconnect=False, error_cb=ignore
            )
        await client.close()


NOT_INGESTS = [it for it in CHANGES if it.startswith(("$", "users."))]


async def test_ingest_can_neither_delete_nor_change_a_stream_nor_touch_users(
    guarded: GuardedNats,
) -> None:
    of_users = [it for it in LOOKS if "USERS" in it]
    before = await contents(guarded)
    async with user(guarded, "ingest") as (client, said):
        tried = [*NOT_INGESTS, DESCRIBED, *of_users, *api("STREAM.NAMES", "STREAM.LIST")]
        assert await permitted(client, said, tried) == []
    assert await contents(guarded) == before


OF_AGGREGATES = [
    SECRET,
    *api(
        "STREAM.INFO.USERS",
        "STREAM.MSG.GET.USERS",
        "DIRECT.GET.USERS",
        "CONSUMER.CREATE.USERS",
        "CONSUMER.DELETE.USERS.c",
    ),
]


async def test_who_keeps_aggregates_touches_no_other_stream_and_deletes_nothing(
    guarded: GuardedNats,
) -> None:
    of_pump = [it.replace("USERS", "PUMP") for it in OF_AGGREGATES[1:]]
    before = await contents(guarded)
    async with user(guarded, "aggregates") as (client, said):
        tried = [*CHANGES, *LOOKS, *of_pump, *api("CONSUMER.DURABLE.CREATE.USERS.c", "INFO")]
        allowed = await permitted(client, said, tried)
        assert allowed == [it for it in tried if it in OF_AGGREGATES]
    after = await contents(guarded)
    assert after.pop("USERS") == (2, 2), "one was stored, none is gone"
    before.pop("USERS")
    assert after == before


async def test_ingest_does_all_of_its_work_as_its_user(guarded: GuardedNats) -> None:
    log = CertifiedLog()
    log.append(curve_traded(3, "m"))
    log.seal(3)
    async with await Connection.open(guarded.url_of("ingest")) as connection:
        appender = await JetStreamAppender.open(connection, monitor_urls=guarded.monitor_url)
        known = entries([curve_traded(1, "m"), curve_traded(2, "m")])
        new = [entry(event) for _, _, event in log]
        appended = await appender.append([*known, *new])
        assert (appended.written, appended.duplicates, appended.last_sequence) == (2, 2, 4)
        last = await last_event(connection, SlotConfirmed)
        assert last is not None
        assert last[0] == 4
        reader = JetStreamLog(connection)
        read = [it.sequence async for batch in recent(reader, 3) for it in batch]
        assert read == [2, 3, 4]
        assert await recent_ids(connection, "PUMP", 2) == [each.id for each in new]
        assert await sequence_before(connection, "PUMP", 0) == 0
        appender.close()
        for stream, subject in (("DEAD", "dead.decode.p"), ("RAW", "raw.block")):
            other = await JetStreamAppender.open(
                connection, stream=stream, monitor_urls=guarded.monitor_url
            )
            first, second = (Entry(subject=subject, id=it, payload=b"{}") for it in "ab")
            assert (await other.append([first])).written == 1
            assert (await other.append([first, second])).duplicates == 1
            assert (await recent_ids(connection, stream, 2)) == ["a", "b"]
            other.close()


async def test_a_projector_does_all_of_its_work_as_its_user(guarded: GuardedNats) -> None:
    async with await Connection.open(guarded.url_of("projector")) as connection:
        log = JetStreamLog(connection)
        assert await log.last_sequence() == 2
        read = [
            it.sequence
            async for batch in log.read(after=0, batch_max=10, follow=False)
            for it in batch
        ]
        some = [
            it.sequence
            async for batch in log.read_stored(
                after=0, batch_max=10, follow=False, subjects=["pump.curve.>", "pump.slot.>"]
            )
            for it in batch
        ]
    assert read == some == [1, 2]


async def test_a_reader_that_catches_up_is_held_back_by_flow_control_as_a_user_too(
    guarded: GuardedNats,
) -> None:
    """More than the 32 MB that the server sends without an answer to its flow control."""
    large = [entry(curve_traded(number, "m", ix_name="x" * 60_000)) for number in range(10, 710)]
    async with await Connection.open(guarded.url_of("ingest")) as connection:
        appender = await JetStreamAppender.open(connection, monitor_urls=guarded.monitor_url)
        await appender.append(large)
        appender.close()
    async with await Connection.open(guarded.url_of("projector")) as connection:
        log = JetStreamLog(connection)
        async with asyncio.timeout(60):
            count = 0
            async for batch in log.read(after=0, batch_max=50, follow=False):
                count += len(batch)
    assert count == 2 + len(large)


async def test_the_operator_applies_streams_and_deletes_letters(guarded: GuardedNats) -> None:
    async with await Connection.open(guarded.url_of("operator")) as connection:
        defined = load(definitions() / "streams.toml", raw_hours=RAW_HOURS)
        assert {it.outcome for it in await apply(connection, defined)} == {"unchanged"}
        assert await connection.jetstream.delete_msg("DEAD", 1)
    assert (await contents(guarded))["DEAD"] == (0, 1)


async def test_not_even_the_operator_deletes_what_is_in_the_log(guarded: GuardedNats) -> None:
    async with user(guarded, "operator") as (client, _):
        answers: Sequence[dict[str, Any]] = [
            msgspec.json.decode((await client.request(subject, body)).data)
            for subject, body in (
                ("$JS.API.STREAM.PURGE.PUMP", b""),
                ("$JS.API.STREAM.MSG.DELETE.PUMP", b'{"seq":1}'),
            )
        ]
    assert [it["error"]["code"] for it in answers] == [500, 500]
    assert (await contents(guarded))["PUMP"] == (2, 2)


async def test_a_log_from_before_there_were_users_is_taken_over_by_renaming_its_folder(
    server_folder: Path,
) -> None:
    folder = server_folder / "nats"
    async with (
        NatsServer(folder, config=definitions() / "server.conf") as server,
        await Connection.open(server.url) as connection,
    ):
        await apply(connection, load(definitions() / "streams.toml"))
        appender = await JetStreamAppender.open(connection, monitor_urls=server.monitor_url)
        await appender.append(entries([curve_traded(1, "m")]))
        appender.close()
    streams = folder / "store" / "jetstream"
    (streams / "$G").rename(streams / "LOG")
    async with guarded_nats_in(folder) as guarded:
        assert (await contents(guarded))["PUMP"] == (1, 1)
