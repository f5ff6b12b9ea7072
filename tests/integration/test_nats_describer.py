"""What who describes tokens may do on the log's server, and that this is enough for his work."""

import msgspec

from adapters.jetstream.ageing import extent
from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from curvetape.describing import SUBJECTS, last_described
from curvetape.testing.guarded import GuardedNats
from curvetape.testing.log import entry
from curvetape.testing.metadata import described
from curvetape.testing.permissions import CHANGES, DESCRIBED, LOOKS, contents, permitted, user


async def test_who_describes_tokens_writes_nothing_else_and_reads_the_chain_alone(
    guarded: GuardedNats,
) -> None:
    before = await contents(guarded)
    longer = [f"{DESCRIBED}.more", "pump.token.described", "pump.token.created.m"]
    async with user(guarded, "describer") as (client, said):
        assert await permitted(client, said, [*CHANGES, *LOOKS, *longer]) == [DESCRIBED]
    after = await contents(guarded)
    assert after.pop("PUMP") == (3, 3), "its own was stored"
    before.pop("PUMP")
    assert after == before


async def test_a_describer_does_all_of_its_work_as_its_user(guarded: GuardedNats) -> None:
    async with await Connection.open(guarded.url_of("describer")) as connection:
        appender = await JetStreamAppender.open(connection, monitor_urls=guarded.monitor_url)
        events = [described(1, "m"), described(2, "n")]
        new = [msgspec.structs.replace(entry(each), follows=0) for each in events]
        assert (await appender.append(new)).written == 2
        assert (await appender.append(new)).duplicates == 2
        appender.close()
        last = await last_described(connection, ">")
        assert last is not None
        assert (last.sequence, last.event) == (4, events[1])
        assert await last_described(connection, "nobody") is None
        assert (await extent(connection, "PUMP")).first_sequence == 1
        read = [
            it.sequence
            async for batch in JetStreamLog(connection).read_stored(
                after=0, batch_max=10, follow=False, subjects=SUBJECTS
            )
            for it in batch
        ]
    assert read == [3, 4]
