"""Raw blocks are kept beside the log, and the log is compared with what they say today."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from random import Random
from typing import Any

import msgspec
import pytest
import zstandard

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.definition import load
from adapters.jetstream.streams import Applied, Difference, apply, diff
from adapters.yellowstone.wire import geyser_pb2
from curvetape.amending import certificates_behind
from curvetape.definitions import definitions
from curvetape.letters import filed
from curvetape.raw_reading import is_kept, raw_blocks, raw_parts, transactions
from curvetape.redecoding import Redecoding, Report
from curvetape.testing import next_year
from curvetape.testing.blocks import block
from curvetape.testing.log import LiveLog
from curvetape.testing.pipelines import ListSource, audited, one_a_batch, pipeline, reading, whole
from curvetape.testing.retries import bury, events_of, retry
from curvetape.testing.simulated import Info, first_blocks
from domain.chain import Block, ChainUpdate
from domain.events import CurveTraded, ProgramEvent, decode
from domain.position import LAST_SLOT
from domain.programs import PUMP
from ingest import raw, translate
from ingest.layouts import catalogue
from ingest.layouts.layout import Layout, Version
from ingest.raw import PART_BYTES_MAX, Gathered, RawDamagedError, RawKeeper, packed
from ingest.slots import Proof, Sealed
from ingest.transaction import entries

BLOCKS = 6
RAW_HOURS = 0.5
STREAMS = definitions() / "streams.toml"


@pytest.fixture
async def raw_log(live_log: LiveLog) -> AsyncIterator[JetStreamAppender]:
    """An appender to RAW, which was asked for."""
    await apply(live_log.connection, load(STREAMS, raw_hours=RAW_HOURS))
    appender = await JetStreamAppender.open(
        live_log.connection, stream="RAW", monitor_urls=live_log.server.monitor_url
    )
    yield appender
    appender.close()


async def ingest(
    live_log: LiveLog, raw_log: JetStreamAppender, *batches: Sequence[ChainUpdate]
) -> None:
    loop = await pipeline(live_log)
    loop._keep_raw = RawKeeper(raw_log).keep
    loop._others = partial(certificates_behind, live_log.connection)
    await loop.run(reading(ListSource(*batches)))


async def redecode(
    live_log: LiveLog,
    *,
    apply: bool = False,
    slots: tuple[int, int] = (0, LAST_SLOT),
    **options: int,
) -> Report:
    task = Redecoding(live_log.connection, say=lambda _: None, ingest_stopped=True, **options)
    return await task.run(*slots, log=live_log.appender if apply else None)


def sealed(of: Block, *, revision: int = 1) -> Sealed:
    return Sealed(of, Proof(len(of.transactions), 0, ()), revision)


async def test_the_stream_is_there_only_where_it_is_wanted(live_log: LiveLog) -> None:
    assert not await is_kept(live_log.connection)
    assert await diff(live_log.connection, load(STREAMS)) == []
    wanted = load(STREAMS, raw_hours=2)
    assert await diff(live_log.connection, wanted) == [Difference("RAW", "stream", "defined", None)]
    assert (await apply(live_log.connection, wanted))[-1] == Applied("RAW", "created")
    assert await is_kept(live_log.connection)
    assert await diff(live_log.connection, load(STREAMS, raw_hours=3)) == [
        Difference("RAW", "max_age", 10_800.0, 7_200.0)
    ]
    assert await diff(live_log.connection, load(STREAMS)) == []
    info = await live_log.connection.jetstream.stream_info("RAW")
    assert info.config.max_age == 7_200.0


async def test_hours_that_are_less_than_the_duplicate_window_are_taken(live_log: LiveLog) -> None:
    applied = await apply(live_log.connection, load(STREAMS, raw_hours=0.01))
    assert applied[-1] == Applied("RAW", "created")


async def test_what_is_read_back_is_what_was_kept(
    live_log: LiveLog, raw_log: JetStreamAppender
) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, raw_log, *one_a_batch(blocks))
    slots = {it.slot for it in blocks}
    kept = await raw_blocks(live_log.connection, slots, since_ns=1)
    assert kept.keys() == slots
    for it in blocks:
        assert len(kept[it.slot]) == sum(not tx.failed for tx in it.transactions)
    again = [entry for it in blocks for tx in kept[it.slot] for entry in entries(tx).entries]
    assert sorted(entry.id for entry in again) == events_of(blocks)
    ours = {
        entry.id: entry for it in blocks for tx in it.transactions for entry in entries(tx).entries
    }
    assert all(decode(entry.payload) == decode(ours[entry.id].payload) for entry in again)


async def test_a_block_is_kept_before_its_certificate(
    live_log: LiveLog, raw_log: JetStreamAppender
) -> None:
    blocks = next_year.chain(2)
    loop = await pipeline(live_log)

    async def keep(given: Sequence[Sealed]) -> None:
        certified = await certificates_behind(live_log.connection, 0)
        assert not {it.block.slot for it in given} & {it.slot for _, it in certified}
        await RawKeeper(raw_log).keep(given)

    loop._keep_raw = keep
    await loop.run(reading(ListSource(*one_a_batch(blocks))))
    assert len([part async for part in raw_parts(live_log.connection)]) == len(blocks)


async def test_a_part_is_what_anyone_can_read_with_the_protocols_own_messages() -> None:
    of = next_year.chain(1)[1]
    (part,) = packed(sealed(of))
    encoded = zstandard.ZstdDecompressor().decompress(part.data)
    message = geyser_pb2.SubscribeUpdateBlock.FromString(encoded)
    assert (message.slot, message.blockhash) == (of.slot, of.meta.blockhash)
    assert message.block_time.timestamp == of.meta.block_time_s
    assert [info.signature for info in message.transactions] == [
        tx.signature for tx in of.transactions if not tx.failed
    ]
    assert raw.decode(raw.encode(part)) == part
    assert part.id == f"raw:{of.slot}:1:1"


async def test_a_block_that_is_too_large_for_one_message_comes_in_parts() -> None:
    random = Random(3)
    infos = [info for it, _ in first_blocks(2, rate_per_s=300) for info in it.transactions][:200]
    for place, info in enumerate(
        infos := [Info.FromString(it.SerializeToString()) for it in infos]
    ):
        info.index = place
        info.meta.log_messages.append(random.randbytes(6_000).hex())
    of = block(7, 6, [next_year.landed(info, 7, is_new=False) for info in infos])
    parts = packed(sealed(of))
    assert len(parts) > 1
    assert all(len(part.data) <= PART_BYTES_MAX for part in parts)
    assert [part.part for part in parts] == list(range(1, len(parts) + 1))
    assert {part.parts for part in parts} == {len(parts)}
    read = transactions(parts)
    assert [tx.index for tx in read] == [tx.index for tx in of.transactions if not tx.failed]
    gathered = Gathered()
    for part in parts[1:]:
        gathered.take(part)
    assert gathered.whole() is None
    gathered.take(parts[0])
    for part in parts[1:]:
        gathered.take(part)
    assert gathered.whole() == parts


def test_parts_of_a_revision_alone_are_not_the_block() -> None:
    of = next_year.chain(1)[1]
    gathered = Gathered()
    gathered.take(packed(sealed(of, revision=2))[0])
    assert gathered.whole() is None
    gathered.take(packed(sealed(of))[0])
    assert [part.revision for part in gathered.whole() or ()] == [1, 2]


def test_damaged_parts_are_named() -> None:
    (part,) = packed(sealed(next_year.chain(1)[1]))
    with pytest.raises(RawDamagedError, match=f"{part.id} of RAW cannot be read"):
        msgspec.structs.replace(part, data=b"nothing").block()
    with pytest.raises(RawDamagedError, match="a message of RAW"):
        raw.decode(b"{}")


async def test_a_log_that_holds_what_the_decoder_says_is_the_same(
    live_log: LiveLog, raw_log: JetStreamAppender
) -> None:
    blocks = next_year.chain(BLOCKS)
    early = blocks[3].transactions
    await ingest(live_log, raw_log, *one_a_batch(blocks[:3]), early, *one_a_batch(blocks[3:]))
    report = await redecode(live_log)
    assert (report.slots, report.events, report.differs) == (
        len(blocks),
        len(events_of(blocks)),
        False,
    )
    pieces = await redecode(live_log, piece_events_max=10)
    assert (pieces.slots, pieces.events, pieces.differs) == (report.slots, report.events, False)
    some = await redecode(live_log, slots=(blocks[2].slot, blocks[3].slot))
    assert some.slots == 2


async def test_what_a_better_decoder_finds_is_missing_until_it_is_applied(
    live_log: LiveLog, raw_log: JetStreamAppender, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, raw_log, *one_a_batch(blocks))
    count = next_year.letters(blocks)
    next_year.learn(monkeypatch.setitem)
    found = await redecode(live_log)
    assert (found.missing, found.only_in_log, found.changed, found.differs) == (count, 0, 0, True)
    assert {it.what for it in found.details} == {"missing in the log"}
    applied = await redecode(live_log, apply=True, piece_events_max=20)
    assert (applied.missing, applied.appended, applied.differs) == (count, count, False)
    assert not (await redecode(live_log)).differs
    held = sorted(it.id for it in await whole(live_log) if isinstance(it, ProgramEvent))
    assert held == events_of(blocks)
    report = await audited(live_log)
    assert (report.verdict, report.unknown, report.problems) == ("complete", 0, ())
    outcomes = await retry(live_log)
    assert [it.outcome for it in outcomes] == ["known"] * count
    assert (await audited(live_log)).unknown == 0


class Wrong(Layout):
    """A layout that reads an amount wrongly."""

    def read(self, data: bytes, offset: int) -> tuple[list[Any], Version, int]:
        values, version, end = super().read(data, offset)
        at = [field.name for field in self.fields].index("token_amount")
        values[at] += 1
        return values, version, end


async def test_what_the_decoder_says_in_other_words_is_shown_field_by_field(
    live_log: LiveLog, raw_log: JetStreamAppender, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, raw_log, *one_a_batch(blocks))
    trades = [it for it in await whole(live_log) if isinstance(it, CurveTraded)]
    assert trades
    trade = catalogue.event(PUMP, "TradeEvent")
    monkeypatch.delitem(catalogue.BY_PROGRAM[trade.program], trade.discriminator)
    found = await redecode(live_log, apply=True)
    assert (found.only_in_log, found.missing, found.appended) == (len(trades), 0, 0)
    monkeypatch.undo()

    wrong = Wrong(trade.program, trade.name, trade.discriminator, trade.versions)
    monkeypatch.setitem(catalogue.BY_PROGRAM[PUMP], trade.discriminator, wrong)
    monkeypatch.setitem(translate._TRANSLATIONS, wrong, translate._TRANSLATIONS[trade])
    found = await redecode(live_log, apply=True)
    assert (found.changed, found.only_in_log, found.missing) == (len(trades), 0, 0)
    one = found.details[0]
    (name,) = one.fields
    assert one.sequence is not None
    assert one.fields[name][1] - one.fields[name][0] == 1
    assert (await audited(live_log)).verdict == "complete"


async def test_slots_without_a_certificate_are_not_compared(
    live_log: LiveLog, raw_log: JetStreamAppender
) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, raw_log, *one_a_batch(blocks[:3]))
    await RawKeeper(raw_log).keep([sealed(blocks[3])])
    report = await redecode(live_log)
    assert (report.slots, report.unsealed, report.differs) == (3, 1, False)


async def test_another_block_than_the_one_that_was_sealed_is_said(
    live_log: LiveLog, raw_log: JetStreamAppender
) -> None:
    blocks = next_year.chain(2)
    loop = await pipeline(live_log)
    await loop.run(reading(ListSource(*one_a_batch(blocks))))
    other = msgspec.structs.replace(
        blocks[1], meta=msgspec.structs.replace(blocks[1].meta, blockhash="other")
    )
    await RawKeeper(raw_log).keep([sealed(other)])
    report = await redecode(live_log)
    assert (report.other_blocks, report.differs) == (1, True)


async def test_letters_without_their_transaction_are_retried_from_raw(
    live_log: LiveLog, raw_log: JetStreamAppender, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(2)
    await ingest(live_log, raw_log, *one_a_batch(blocks))
    count = next_year.letters(blocks)
    for each in [it async for it in filed(live_log.connection)]:
        assert each.letter is not None
        old_id = each.letter.id.partition("@")[0]
        old = msgspec.structs.replace(each.letter, transaction="", block_time_s=None, id=old_id)
        await live_log.connection.jetstream.delete_msg("DEAD", each.sequence)
        await bury(live_log, old.subject, msgspec.json.encode(old))
    next_year.learn(monkeypatch.setitem)
    assert [it.outcome for it in await retry(live_log)] == ["appended"] * count
    assert not (await redecode(live_log)).differs
    assert (await audited(live_log)).unknown == 0


async def test_raw_tells_what_was_seen_on_a_fork_from_what_happened(
    live_log: LiveLog, raw_log: JetStreamAppender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More letters than the certificate counts: without the block nobody could tell which."""
    blocks = next_year.chain(2)
    strange = next(
        made
        for it, _ in first_blocks(9, rate_per_s=next_year.RATE_PER_S)[3:]
        for info in it.transactions
        if not (made := next_year.landed(info, blocks[1].slot, is_new=True, index=900)).failed
        and entries(made).dead
        and not entries(made).entries
    )
    await ingest(live_log, raw_log, [blocks[0]], [strange], *one_a_batch(blocks[1:]))
    count = next_year.letters(blocks)
    next_year.learn(monkeypatch.setitem)
    outcomes = await retry(live_log)
    assert [it.outcome for it in outcomes].count("appended") == count
    (waits,) = [it for it in outcomes if it.outcome == "waits"]
    assert "is not proven to be in the block" in waits.why
    report = await audited(live_log)
    assert (report.verdict, report.unknown) == ("complete", 0)
