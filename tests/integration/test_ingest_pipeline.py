"""The loop of ingest over recorded transactions, into a real log."""

import asyncio
import dataclasses
from collections.abc import Sequence
from itertools import count

import msgspec
import pytest

from adapters.jetstream.tail import recent_ids
from adapters.yellowstone import frames, recorded
from curvetape.config import Settings
from curvetape.ingesting import ingesting
from curvetape.testing import mainnet, next_year
from curvetape.testing.blocks import block
from curvetape.testing.log import LiveLog
from curvetape.testing.pipelines import (
    NAME,
    ListSource,
    audited,
    counting,
    early,
    ids_of,
    one_a_batch,
    pipeline,
    reading,
    whole,
)
from curvetape.testing.simulated import Info
from domain.chain import Block, RawTransaction
from domain.events import (
    GapDetected,
    GapFilled,
    ProgramEvent,
    SlotAbandoned,
    SlotConfirmed,
    decode,
)
from domain.log import OutpacedError
from ingest.slots import HOLE_WAIT_S, Sealed
from ingest.transaction import entries

pytestmark = pytest.mark.skipif(mainnet.MAINNET is None, reason="no real transactions here")

FIRST = 500_000_000
"""The slot of a block without transactions, with which every chain here begins."""
PER_BLOCK = 4
SELF_CALL = bytes.fromhex("e445a52e51cb9a1dbddb7fd34ee661ee")
"""What a trade on a curve begins with where a program calls itself to emit it."""
AMOUNT_AT = len(SELF_CALL) + 32
"""Where the trade's first amount stands, behind its mint."""


def recording(path_start: str) -> Info:
    """The recorded transaction whose signature begins like this."""
    path = next(it for it in mainnet.transactions() if it.name.startswith(path_start))
    return recorded.transaction(mainnet.read(path)).info


def landed(info: Info, slot: int, index: int = 0, *, received_at_ns: int = 1) -> RawTransaction:
    """A recorded transaction as if it stood in this slot, at this place."""
    info.index = index
    return frames.transaction(info, slot=slot, block_time_s=slot, received_at_ns=received_at_ns)


def chain(*, received_at_ns: int = 1) -> list[Block]:
    """All recorded transactions in blocks, one behind the other."""
    infos = [recorded.transaction(mainnet.read(path)).info for path in mainnet.transactions()]
    blocks = [block(FIRST, FIRST - 1)]
    for place in range(0, len(infos), PER_BLOCK):
        slot = FIRST + 1 + place // PER_BLOCK
        transactions = [
            landed(info, slot, index, received_at_ns=received_at_ns)
            for index, info in enumerate(infos[place : place + PER_BLOCK])
        ]
        blocks.append(block(slot, slot - 1, transactions))
    return blocks


async def test_the_log_holds_each_event_in_order_and_each_blocks_certificate(
    live_log: LiveLog,
) -> None:
    blocks = chain()
    loop = await pipeline(live_log)
    await loop.run(reading(ListSource(blocks[:3], blocks[3:])))
    events = await whole(live_log)
    assert [it.id for it in events if isinstance(it, ProgramEvent)] == ids_of(blocks)
    assert counting(events) == ids_of(blocks)
    report = await audited(live_log)
    assert (report.verdict, report.slots, report.last_slot) == (
        "complete",
        len(blocks),
        blocks[-1].slot,
    )
    assert report.digests_checked == len(blocks)
    assert report.failed == sum(tx.failed for tx in early(blocks)) > 0
    progress = loop.progress
    assert (progress.events, progress.certificates) == (len(ids_of(blocks)), len(blocks))
    assert (progress.failed, progress.sealed_slot) == (report.failed, blocks[-1].slot)
    assert (progress.dead, progress.abandoned, progress.gaps) == (0, 0, [])


async def test_events_are_appended_before_their_block_is_there_and_only_once(
    live_log: LiveLog,
) -> None:
    blocks = chain()
    loop = await pipeline(live_log)
    await loop.run(reading(ListSource(blocks[:1], early(blocks), blocks[1:])))
    events = await whole(live_log)
    assert [it.id for it in events if isinstance(it, ProgramEvent)] == ids_of(blocks)
    sealed = [place for place, it in enumerate(events) if isinstance(it, SlotConfirmed)]
    assert sealed[1] > len(ids_of(blocks)), "all events came before the blocks that have some"
    assert counting(events) == ids_of(blocks)
    assert (await audited(live_log)).verdict == "complete"
    assert loop.progress.duplicates == sum(not tx.failed for tx in early(blocks))


async def test_what_the_early_stream_lacks_is_repaired_from_the_confirmed_block(
    live_log: LiveLog,
) -> None:
    blocks = chain()
    seen = early(blocks)
    loop = await pipeline(live_log)
    await loop.run(reading(ListSource(blocks[:1], seen[::3], blocks[1:], seen[1::3])))
    assert sorted(counting(await whole(live_log))) == sorted(ids_of(blocks))
    assert (await audited(live_log)).verdict == "complete"


async def test_what_several_sources_repeat_is_appended_once(live_log: LiveLog) -> None:
    """Each has its own times of receipt, and none sends everything early."""
    one, other = chain(), chain(received_at_ns=9_000_000)
    loop = await pipeline(live_log, names=["one", "other"])
    await loop.run(
        reading(
            ListSource(one[:1], early(one)[:15], one, one[5:], name="one"),
            ListSource(other[:1], early(other)[5:], early(other), other, name="other"),
        )
    )
    events = await whole(live_log)
    assert sorted(it.id for it in events if isinstance(it, ProgramEvent)) == sorted(ids_of(one))
    assert sum(isinstance(it, SlotConfirmed) for it in events) == len(one)
    assert (await audited(live_log)).verdict == "complete"


async def test_what_died_with_its_fork_is_taken_back_and_appended_where_it_landed(
    live_log: LiveLog,
) -> None:
    tx, again = (landed(recording("3x3nv3"), FIRST + 1 + slot, 5 + slot) for slot in range(2))
    (ids,) = {tuple(entry.id for entry in entries(it).entries) for it in (tx, again)}
    loop = await pipeline(live_log)
    blocks = [block(FIRST + 2, FIRST, [again]), block(FIRST + 3, FIRST + 2)]
    await loop.run(reading(ListSource([block(FIRST, FIRST - 1)], [tx], blocks)))
    events = await whole(live_log)
    (taken_back,) = [it for it in events if isinstance(it, SlotAbandoned)]
    assert (taken_back.slot, taken_back.retracted) == (FIRST + 1, len(ids))
    assert counting(events) == list(ids)
    assert [it.pos.slot for it in events if isinstance(it, ProgramEvent)] == [
        *([FIRST + 1] * len(ids)),
        *([FIRST + 2] * len(ids)),
    ]
    held = await recent_ids(live_log.connection, "PUMP", 100)
    assert [id_ for id_ in held if "@" in id_] == [f"{id_}@{FIRST + 2}.0" for id_ in ids]
    assert (await audited(live_log)).verdict == "complete"
    assert (loop.progress.abandoned, loop.progress.retracted) == (1, len(ids))


async def test_what_was_seen_otherwise_than_it_was_confirmed_is_appended_anew(
    live_log: LiveLog,
) -> None:
    spoiled = recording("3x3nv3")
    for group in spoiled.meta.inner_instructions:
        for called in group.instructions:
            if called.data.startswith(SELF_CALL):
                flipped = bytes([called.data[AMOUNT_AT] ^ 1])
                called.data = called.data[:AMOUNT_AT] + flipped + called.data[AMOUNT_AT + 1 :]
    wrong, right = landed(spoiled, FIRST + 1), landed(recording("3x3nv3"), FIRST + 1)
    loop = await pipeline(live_log)
    confirmed = block(FIRST + 1, FIRST, [right])
    await loop.run(reading(ListSource([block(FIRST, FIRST - 1)], [wrong], [confirmed])))
    events = await whole(live_log)
    ((place, taken_back),) = [
        (place, it) for place, it in enumerate(events) if isinstance(it, SlotAbandoned)
    ]
    before, behind = (
        [it for it in part if isinstance(it, ProgramEvent)]
        for part in (events[:place], events[place:])
    )
    expected = [decode(entry.payload) for entry in entries(right).entries]
    assert taken_back.retracted == len(before) == len(expected)
    assert before != expected
    assert behind == expected
    assert counting(events) == ids_of([confirmed])
    assert (await audited(live_log)).verdict == "complete"


async def test_a_block_that_does_not_come_is_a_gap_until_it_comes(live_log: LiveLog) -> None:
    blocks = chain()
    gone, others = blocks[4], [*blocks[:4], *blocks[5:]]
    time_s = count(0.0, HOLE_WAIT_S / 4)
    loop = await pipeline(live_log, clock_s=lambda: next(time_s))
    await loop.run(reading(ListSource(*one_a_batch(others))))
    events = await whole(live_log)
    (gap,) = [it for it in events if isinstance(it, GapDetected)]
    assert (gap.from_slot, gap.to_slot) == (gone.slot, gone.slot)
    assert (gap.parent_blockhash, gap.blockhash) == (
        gone.meta.parent_blockhash,
        gone.meta.blockhash,
    )
    assert loop.progress.gaps == [(gone.slot, gone.slot)]
    assert counting(events) == ids_of(others)
    assert (await audited(live_log)).verdict == "incomplete"
    later = await pipeline(live_log)
    assert later.planner.slots.gaps == [(gone.slot, gone.slot)]
    await later.run(reading(ListSource([gone])))
    events = await whole(live_log)
    assert isinstance(events[-1], GapFilled), "it comes behind the certificates it speaks of"
    assert sorted(counting(events)) == sorted(ids_of(blocks))
    assert later.progress.gaps == []
    assert (await audited(live_log)).verdict == "complete"


async def test_a_start_goes_on_behind_the_last_certificate_and_appends_nothing_twice(
    live_log: LiveLog,
) -> None:
    blocks = chain()
    first = await pipeline(live_log)
    await first.run(reading(ListSource(blocks[:4], early(blocks[4:7]))))
    assert first.planner.slots.owed() == blocks[4].slot
    again = await pipeline(live_log)
    assert again.planner.slots.owed() == blocks[4].slot
    await again.run(reading(ListSource(early(blocks), blocks)))
    events = await whole(live_log)
    assert sorted(it.id for it in events if isinstance(it, ProgramEvent)) == sorted(ids_of(blocks))
    report = await audited(live_log)
    assert (report.verdict, report.certificates) == ("complete", len(blocks))
    assert again.progress.events == len(ids_of(blocks[7:]))


async def test_a_second_ingest_that_was_left_behind_cannot_add_certificates(
    live_log: LiveLog,
) -> None:
    blocks = chain()
    behind, ahead = await pipeline(live_log), await pipeline(live_log)
    await ahead.run(reading(ListSource(blocks[:5])))
    with pytest.raises(ExceptionGroup) as caught:
        await behind.run(reading(ListSource(blocks)))
    assert caught.group_contains(OutpacedError)
    report = await audited(live_log)
    assert (report.certificates, report.problem_count) == (5, 0)


async def test_blocks_are_kept_before_their_certificates_are_appended(live_log: LiveLog) -> None:
    blocks, kept = chain(), list[tuple[int, int]]()

    def keep(sealed: Sequence[Sealed]) -> None:
        kept.extend((it.block.slot, loop.progress.sealed_slot) for it in sealed)

    loop = await pipeline(live_log, kept=keep)
    await loop.run(reading(ListSource(*one_a_batch(blocks))))
    assert [slot for slot, _ in kept] == [it.slot for it in blocks]
    assert all(sealed < slot for slot, sealed in kept)


def with_an_unknown_event(*, received_at_ns: int = 1) -> RawTransaction:
    """A recorded trade whose event got a name that nobody knows."""
    info = recording("fDy5")
    for group in info.meta.inner_instructions:
        for called in group.instructions:
            if called.data.startswith(SELF_CALL):
                called.data = called.data[:8] + b"NEWEVENT" + called.data[16:]
    return landed(info, FIRST + 1, received_at_ns=received_at_ns)


async def test_an_unknown_event_of_our_programs_is_kept_in_dead_and_certified(
    live_log: LiveLog,
) -> None:
    loop = await pipeline(live_log)
    confirmed = block(FIRST + 1, FIRST, [with_an_unknown_event()])
    await loop.run(reading(ListSource([block(FIRST, FIRST - 1), confirmed])))
    _, certificate = await whole(live_log)
    assert isinstance(certificate, SlotConfirmed)
    assert (certificate.decoded, certificate.unknown) == (0, 1)
    assert loop.progress.dead == 1
    kept = await live_log.connection.jetstream.get_last_msg("DEAD", "dead.decode.>")
    assert kept.data is not None
    letter = msgspec.json.decode(kept.data)
    assert (letter["reason"], letter["slot"]) == ("unknown_event", FIRST + 1)


async def test_a_dead_letter_that_comes_again_is_neither_new_nor_a_conflict(
    live_log: LiveLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Within the server's window: the letter of the second try differs in its receipt time."""
    for received_at_ns in (1, 2):
        loop = await pipeline(live_log)
        tx = with_an_unknown_event(received_at_ns=received_at_ns)
        await loop.run(reading(ListSource([block(FIRST, FIRST - 1)], [tx])))
    assert (loop.progress.transactions, loop.progress.dead, loop.progress.conflicting) == (1, 0, 0)
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
        yellowstone_url=NAME,
    )
    said: list[str] = []
    for received_at_ns in (1, 2):
        async with ingesting(settings, say=said.append) as ingest:
            tx = with_an_unknown_event(received_at_ns=received_at_ns)
            await ingest.pipeline.run(reading(ListSource([block(FIRST, FIRST - 1)], [tx])))
        await asyncio.sleep(0.3)
    assert ingest.pipeline.progress.transactions == 1
    assert (await jetstream.stream_info("DEAD")).state.messages == 1
    assert len(await live_log.all()) == 1


async def test_bytes_behind_the_longest_layout_are_in_the_log_and_counted(
    live_log: LiveLog,
) -> None:
    info = recording("3x3nv3")
    for group in info.meta.inner_instructions:
        for called in group.instructions:
            if called.data.startswith(SELF_CALL):
                called.data += b"\x01\x02\x03"
    grown = block(FIRST + 1, FIRST, [landed(info, FIRST + 1)])
    loop = await pipeline(live_log)
    await loop.run(reading(ListSource([block(FIRST, FIRST - 1), grown])))
    tails = [getattr(it, "tail", None) for it in await whole(live_log)]
    assert sorted(filter(None, tails)) == ["010203"]
    assert loop.progress.tails == {"TradeEvent T9+u64": 1}


async def test_a_better_copy_right_behind_the_first_has_a_certificate_of_its_own(
    live_log: LiveLog,
) -> None:
    before, whole, after = next_year.chain(2)
    part = block(whole.slot, before.slot, whole.transactions[:-2])
    loop = await pipeline(live_log)
    await loop.run(reading(ListSource([before], [part], [whole], [after])))
    report = await audited(live_log)
    assert (report.verdict, report.revisions) == ("complete", 1)
