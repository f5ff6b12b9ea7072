"""Dead letters are tried again: their events come into the log, proven, and never twice."""

from collections.abc import Sequence
from itertools import count

import msgspec
import pytest

from curvetape.letters import Choice
from curvetape.testing import next_year
from curvetape.testing.blocks import block
from curvetape.testing.log import LiveLog
from curvetape.testing.pipelines import ListSource, audited, one_a_batch, pipeline, reading, whole
from curvetape.testing.retries import bury, counted, events_of, left, retry
from curvetape.testing.simulated import first_blocks
from domain.chain import AccountWritten, ChainUpdate
from domain.events import ProgramEvent, ProgramReported, SlotConfirmed, SolPriced
from domain.programs import PUMP, PYTH_RECEIVERS, PYTH_SOL_USD
from ingest import sol_price
from ingest.slots import HOLE_WAIT_S

BLOCKS = 6
DEAD_SLOT = 1_020
"""A slot that the chain passes over."""


async def ingest(live_log: LiveLog, *batches: Sequence[ChainUpdate]) -> None:
    await (await pipeline(live_log)).run(reading(ListSource(*batches)))


async def logged(live_log: LiveLog) -> list[str]:
    return sorted(it.id for it in await whole(live_log) if isinstance(it, ProgramEvent))


async def test_what_nobody_knows_stays_a_letter_and_the_log_stays_as_it_is(
    live_log: LiveLog,
) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, *one_a_batch(blocks))
    before = await whole(live_log)
    outcomes = await retry(live_log)
    assert {it.outcome for it in outcomes} == {"stays"}
    assert all("no event known has discriminator" in it.why for it in outcomes)
    assert await whole(live_log) == before
    assert len(await left(live_log)) == next_year.letters(blocks) > BLOCKS


async def test_after_a_fix_letters_are_events_in_slots_that_are_proven_again(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, *one_a_batch(blocks))
    letters, sealed = next_year.letters(blocks), await audited(live_log)
    assert (sealed.verdict, sealed.unknown) == ("complete", letters)
    next_year.learn(monkeypatch.setitem)
    outcomes = await retry(live_log)
    assert [it.outcome for it in outcomes] == ["appended"] * letters
    assert await left(live_log) == []
    assert await logged(live_log) == events_of(blocks)
    found = [it for it in await whole(live_log) if isinstance(it, ProgramReported)]
    assert sum(it.name == next_year.NAME for it in found) == letters
    assert all(it.provisional for it in found)
    report = await audited(live_log)
    assert (report.verdict, report.unknown, report.problems) == ("complete", 0, ())
    assert (report.slots, report.revisions) == (sealed.slots, BLOCKS)


async def test_retrying_once_more_changes_nothing(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest(live_log, *one_a_batch(next_year.chain(2)))
    next_year.learn(monkeypatch.setitem)
    await retry(live_log)
    before = await whole(live_log)
    assert await retry(live_log) == []
    assert await whole(live_log) == before


async def test_only_the_letters_that_are_meant_are_tried(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, *one_a_batch(blocks))
    next_year.learn(monkeypatch.setitem)
    slot = blocks[3].slot
    outcomes = await retry(live_log, choice=Choice(slots=(slot, slot)))
    assert {(it.outcome, it.slot) for it in outcomes} == {("appended", slot)}
    one = (await left(live_log))[0]
    (outcome,) = await retry(live_log, choice=Choice(ids=frozenset((f"#{one.sequence}",))))
    assert (outcome.id, outcome.outcome) == (one.id, "appended")
    report = await audited(live_log)
    assert (report.verdict, report.unknown) == ("complete", len(await left(live_log)))


async def test_the_newest_slots_wait_while_an_ingest_may_run(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest(live_log, *one_a_batch(next_year.chain(2)))
    next_year.learn(monkeypatch.setitem)
    outcomes = await retry(live_log, ingest_stopped=False)
    assert {it.outcome for it in outcomes} == {"waits"}
    assert "a running ingest may still revise" in outcomes[0].why


async def test_slots_that_many_certificates_follow_need_no_stopped_ingest(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(2)
    first = blocks[-1].slot + 1
    blocks += [block(slot, slot - 1) for slot in range(first, first + 600)]
    await ingest(live_log, blocks)
    next_year.learn(monkeypatch.setitem)
    outcomes = await retry(live_log, ingest_stopped=False)
    assert {it.outcome for it in outcomes} == {"appended"}


async def test_a_slot_that_is_not_proven_takes_nothing(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, *one_a_batch(blocks[:2]), blocks[4].transactions)
    next_year.learn(monkeypatch.setitem)
    outcomes = await retry(live_log, choice=Choice(slots=(blocks[4].slot, blocks[4].slot)))
    assert {it.outcome for it in outcomes} == {"waits"}
    assert "not proven yet" in outcomes[0].why


async def test_a_slot_in_an_open_gap_takes_nothing_until_it_is_filled(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    time_s = count(0.0, HOLE_WAIT_S / 3)
    loop = await pipeline(live_log, clock_s=lambda: next(time_s))
    batches = [*one_a_batch(blocks[:2]), blocks[3].transactions, *one_a_batch(blocks[5:])]
    await loop.run(reading(ListSource(*batches, *([()] * 6))))
    slot = blocks[3].slot
    choice = Choice(slots=(slot, slot))
    with monkeypatch.context() as learned:
        next_year.learn(learned.setitem)
        outcomes = await retry(live_log, choice=choice)
        assert {it.outcome for it in outcomes} == {"waits"}
        assert f"is in an open gap, {blocks[2].slot} to {blocks[4].slot}" in outcomes[0].why
    await ingest(live_log, *one_a_batch(blocks[2:5]))
    next_year.learn(monkeypatch.setitem)
    assert {it.outcome for it in await retry(live_log)} == {"appended"}
    assert await counted(live_log) == set(events_of(blocks))
    assert (await audited(live_log)).verdict == "complete"


async def test_what_was_seen_on_a_fork_only_is_never_appended(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a slot of its own, and in a slot whose block does not have it."""
    blocks = next_year.chain(BLOCKS)
    blocks.append(block(DEAD_SLOT + 1, blocks[-1].slot))
    simulated = first_blocks(BLOCKS + 3, rate_per_s=next_year.RATE_PER_S)[-1][0]
    strangers = [
        next_year.landed(info, slot, is_new=True, index=900)
        for info, slot in zip(simulated.transactions, (1_002, 1_002, DEAD_SLOT), strict=False)
    ]
    await ingest(live_log, *one_a_batch(blocks[:2]), strangers, *one_a_batch(blocks[2:]))
    letters = next_year.letters(blocks)
    next_year.learn(monkeypatch.setitem)
    outcomes = await retry(live_log)
    waiting = [it for it in outcomes if it.outcome == "waits"]
    assert {it.slot for it in waiting} == {1_002, DEAD_SLOT}
    assert sum(it.slot == 1_002 for it in waiting) >= 2
    assert await counted(live_log) == set(events_of(blocks))
    assert sum(it.outcome == "appended" for it in outcomes) == letters
    assert "died with its fork" in next(it.why for it in waiting if it.slot == DEAD_SLOT)
    assert "is not proven to be in the block" in next(it.why for it in waiting if it.slot == 1_002)
    assert (await audited(live_log)).verdict == "complete"


async def test_a_transaction_that_landed_elsewhere_than_it_was_seen_has_a_letter_for_each(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    blocks.append(block(DEAD_SLOT + 1, blocks[-1].slot))
    simulated = first_blocks(1, rate_per_s=next_year.RATE_PER_S)[0][0]
    forked = next_year.landed(simulated.transactions[0], DEAD_SLOT, is_new=True)
    await ingest(live_log, [blocks[0]], [forked], *one_a_batch(blocks[1:]))
    next_year.learn(monkeypatch.setitem)
    outcomes = {it.slot: it for it in await retry(live_log)}
    assert outcomes[blocks[1].slot].outcome == "appended"
    assert outcomes[DEAD_SLOT].outcome == "waits"
    assert await counted(live_log) == set(events_of(blocks))


async def test_a_price_that_could_not_be_read_is_appended_as_well(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(2)
    data = price_account()
    written = AccountWritten(
        account=PUMP, owner=PYTH_RECEIVERS[0], data=data, slot=blocks[1].slot, received_at_ns=1
    )
    await ingest(live_log, [blocks[0]], [written], *one_a_batch(blocks[1:]))
    choice = Choice(reason="unreadable_account")
    (stays,) = await retry(live_log, choice=choice)
    assert "not a SOL/USD account" in stays.why
    monkeypatch.setattr(sol_price, "PYTH_SOL_USD", (PUMP, *PYTH_SOL_USD))
    monkeypatch.setattr(sol_price, "PYTH_RECEIVERS", (PYTH_RECEIVERS[0], *PYTH_RECEIVERS))
    (outcome,) = await retry(live_log, choice=choice)
    assert outcome.outcome == "appended"
    (price,) = [it for it in await whole(live_log) if isinstance(it, SolPriced)]
    assert price.account == PUMP
    report = await audited(live_log)
    assert (report.verdict, report.unknown) == ("complete", next_year.letters(blocks))


def price_account() -> bytes:
    """The account as the first blocks of the generated market write it."""
    return next(info.data for it, _ in first_blocks(10) for info in it.accounts)


async def test_letters_from_before_transactions_were_kept_can_only_be_read(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(1)
    await ingest(live_log, *one_a_batch(blocks))
    for each in await left(live_log):
        assert each.letter is not None
        old = msgspec.structs.replace(each.letter, transaction="", block_time_s=None)
        await live_log.connection.jetstream.delete_msg("DEAD", each.sequence)
        await bury(live_log, old.subject, msgspec.json.encode(old))
    next_year.learn(monkeypatch.setitem)
    outcomes = await retry(live_log)
    assert outcomes
    assert all("it can only be read" in it.why for it in outcomes)


async def test_letters_of_others_are_listed_and_left_alone(live_log: LiveLog) -> None:
    payloads = [b'{"id":"x","reason":"row too long","error":"no"}', b"no json", b"[1]"]
    for payload in payloads:
        await bury(live_log, "dead.project.tokens", payload)
    assert [each.id for each in await left(live_log)] == ["x", "#2", "#3"]
    outcomes = await retry(live_log)
    assert {it.outcome for it in outcomes} == {"stays"}
    assert len(await left(live_log)) == 3


async def test_certificates_are_chained_through_amendments(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, *one_a_batch(blocks[:4]))
    next_year.learn(monkeypatch.setitem)
    await retry(live_log)
    monkeypatch.undo()
    await ingest(live_log, *one_a_batch(blocks))
    report = await audited(live_log)
    assert (report.verdict, report.problems) == ("complete", ())
    certificates = [it for it in await whole(live_log) if isinstance(it, SlotConfirmed)]
    assert [it.previous for it in certificates[1:]] == [it.hash for it in certificates[:-1]]
