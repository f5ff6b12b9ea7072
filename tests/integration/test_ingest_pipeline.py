"""The loop of ingest over recorded transactions, into a real log."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from adapters.jetstream.appender import JetStreamAppender
from adapters.yellowstone import frames, recorded
from curvetape.bootstrap import ingesting
from curvetape.config import Settings
from curvetape.testing import mainnet
from curvetape.testing.log import LiveLog
from domain.chain import BlockMeta, ChainUpdate, RawTransaction, SlotsMissed
from domain.events import GapDetected
from ingest.pipeline import RESUME_MARGIN_SLOTS, Pipeline
from ingest.seen import Seen
from ingest.transaction import entries

pytestmark = pytest.mark.skipif(mainnet.MAINNET is None, reason="no real transactions here")


class ListSource:
    """Hands over batches that are known beforehand, then ends."""

    def __init__(self, *batches: Sequence[ChainUpdate]) -> None:
        self._batches = batches

    async def batches(self) -> AsyncIterator[Sequence[ChainUpdate]]:
        for batch in self._batches:
            yield batch


def real_transactions() -> list[RawTransaction]:
    found = []
    for number, path in enumerate(mainnet.transactions()):
        read = recorded.transaction(mainnet.read(path))
        found.append(
            frames.transaction(
                read.info,
                slot=read.slot or 500_000_000,
                block_time_s=read.block_time_s or 0,
                received_at_ns=number,
            )
        )
    return sorted(found, key=lambda tx: tx.slot)


async def pipeline(live_log: LiveLog, seen: Seen, appended_slot: int | None = None) -> Pipeline:
    dead_letters = await JetStreamAppender.open(
        live_log.connection, stream="DEAD", monitor_urls=live_log.server.monitor_url
    )
    return Pipeline(
        log=live_log.appender, dead_letters=dead_letters, seen=seen, appended_slot=appended_slot
    )


def ids_of(transactions: Sequence[RawTransaction]) -> list[str]:
    return [entry.id for tx in transactions for entry in entries(tx).entries]


async def test_the_log_holds_each_event_of_each_transaction_in_order(live_log: LiveLog) -> None:
    transactions = real_transactions()
    loop = await pipeline(live_log, Seen(10_000))
    await loop.run(ListSource(transactions[:7], transactions[7:]))
    assert [it.event.id for it in await live_log.all()] == ids_of(transactions)
    assert loop.progress.events == len(ids_of(transactions))
    assert loop.progress.failed == sum(tx.failed for tx in transactions)


async def test_what_a_source_repeats_is_appended_once(live_log: LiveLog) -> None:
    transactions = real_transactions()
    loop = await pipeline(live_log, Seen(10_000))
    await loop.run(ListSource(transactions, transactions[5:], transactions))
    assert [it.event.id for it in await live_log.all()] == ids_of(transactions)


async def test_a_new_start_that_has_forgotten_everything_appends_nothing_twice(
    live_log: LiveLog,
) -> None:
    transactions = real_transactions()
    await (await pipeline(live_log, Seen(10_000))).run(ListSource(transactions[:20]))
    again = await pipeline(live_log, Seen(10_000))
    await again.run(ListSource(transactions))
    assert sorted(it.event.id for it in await live_log.all()) == sorted(ids_of(transactions))
    assert again.progress.duplicates == len(ids_of(transactions[:20]))


async def test_slots_that_no_source_could_give_are_a_fact_in_the_log(live_log: LiveLog) -> None:
    missed = SlotsMissed(from_slot=7, to_slot=9, reason="too old", received_at_ns=1)
    loop = await pipeline(live_log, Seen(10))
    await loop.run(ListSource([missed]))
    (recorded_gap,) = await live_log.all()
    assert isinstance(recorded_gap.event, GapDetected)
    assert (recorded_gap.event.from_slot, recorded_gap.event.to_slot) == (7, 9)


async def test_a_stream_resumes_a_margin_behind_what_was_appended(live_log: LiveLog) -> None:
    transactions = real_transactions()
    loop = await pipeline(live_log, Seen(10_000))
    assert loop.resume_slot() is None
    await loop.run(ListSource(transactions))
    newest = max(tx.slot for tx in transactions if entries(tx).entries)
    assert loop.resume_slot() == newest - RESUME_MARGIN_SLOTS


async def test_a_block_without_our_transactions_moves_the_slot_but_not_the_resume_point(
    live_log: LiveLog,
) -> None:
    meta = BlockMeta(
        slot=12,
        parent_slot=11,
        blockhash="b",
        parent_blockhash="a",
        block_time_s=1,
        executed_transaction_count=0,
    )
    loop = await pipeline(live_log, Seen(10), appended_slot=10)
    await loop.run(ListSource([meta]))
    assert loop.progress.slot == 12
    assert loop.resume_slot() == 0


def transaction_with_an_unknown_event(*, received_at_ns: int = 0) -> RawTransaction:
    (tx,) = [tx for tx in real_transactions() if tx.slot == 458540504]
    info = recorded.transaction(
        mainnet.read(next(p for p in mainnet.transactions() if p.name.startswith("fDy5")))
    ).info
    for group in info.meta.inner_instructions:
        for instruction in group.instructions:
            if instruction.data.startswith(bytes.fromhex("e445a52e51cb9a1dbddb7fd34ee661ee")):
                instruction.data = instruction.data[:8] + b"NEWEVENT" + instruction.data[16:]
    return frames.transaction(info, slot=tx.slot, block_time_s=0, received_at_ns=received_at_ns)


async def test_an_unknown_event_of_our_programs_is_kept_in_dead(live_log: LiveLog) -> None:
    loop = await pipeline(live_log, Seen(10))
    await loop.run(ListSource([transaction_with_an_unknown_event()]))
    assert await live_log.all() == []
    assert loop.progress.dead == 1
    kept = await live_log.connection.jetstream.get_last_msg("DEAD", "dead.decode.>")
    assert kept.data is not None
    letter = msgspec.json.decode(kept.data)
    assert (letter["reason"], letter["slot"]) == ("unknown_event", 458540504)


async def test_a_dead_letter_that_comes_again_is_a_duplicate_and_no_conflict(
    live_log: LiveLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Within the server's window: the letter of the second try differs in its receipt time."""
    for received_at_ns in (1, 2):
        loop = await pipeline(live_log, Seen(10))
        source = ListSource([transaction_with_an_unknown_event(received_at_ns=received_at_ns)])
        await loop.run(source)
    assert (loop.progress.dead, loop.progress.duplicates) == (0, 1)
    assert "another content" not in caplog.text


async def test_a_start_knows_the_dead_letters_that_the_server_has_forgotten(
    live_log: LiveLog,
) -> None:
    jetstream = live_log.connection.jetstream
    config = (await jetstream.stream_info("DEAD")).config
    await jetstream.update_stream(dataclasses.replace(config, duplicate_window=0.1))
    settings = Settings(
        nats_url=live_log.server.url,
        nats_monitor_url=live_log.server.monitor_url,
        yellowstone_url="http://127.0.0.1:1",
    )
    for received_at_ns in (1, 2):
        async with ingesting(settings) as (loop, _):
            tx = transaction_with_an_unknown_event(received_at_ns=received_at_ns)
            await loop.run(ListSource([tx, *real_transactions()[:3]]))
        await asyncio.sleep(0.3)
    assert (await jetstream.stream_info("DEAD")).state.messages == 1
    assert len(await live_log.all()) == len(ids_of(real_transactions()[:3]))


async def test_bytes_behind_the_longest_layout_are_in_the_log_and_counted(
    live_log: LiveLog,
) -> None:
    info = recorded.transaction(
        mainnet.read(next(p for p in mainnet.transactions() if p.name.startswith("3x3nv3")))
    ).info
    for group in info.meta.inner_instructions:
        for instruction in group.instructions:
            if instruction.data.startswith(bytes.fromhex("e445a52e51cb9a1dbddb7fd34ee661ee")):
                instruction.data += b"\x01\x02\x03"
    grown = frames.transaction(info, slot=1, block_time_s=0, received_at_ns=0)
    loop = await pipeline(live_log, Seen(10))
    await loop.run(ListSource([grown]))
    tails = [getattr(it.event, "tail", None) for it in await live_log.all()]
    assert sorted(filter(None, tails)) == ["010203"]
    assert loop.progress.tails == {"TradeEvent T9+u64": 1}
