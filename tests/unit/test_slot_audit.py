"""Certificates are checked against the log's own bytes, and slots without one are said."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from curvetape.testing.certified import CertifiedLog, Message, certified, renumbered
from curvetape.testing.events import curve_traded
from curvetape.testing.simulated import first_blocks, views
from domain.certificate import certificate_hash
from domain.events import AnyEvent, SlotConfirmed, SolPriced, decode, encode
from domain.position import LAST_INNER, LAST_OUTER, LAST_TX, Position
from ingest.transaction import translated
from projections.audit.certificates import Certificates
from projections.audit.slot_entries import SEALED_SLOTS_MAX
from projections.audit.slot_report import SlotReport


def walked(messages: Iterable[Message], **options: Any) -> SlotReport:
    walk = Certificates(**options)
    for message in messages:
        walk.take(*message)
    return walk.report()


def trade(slot: int, tx: int = 7) -> AnyEvent:
    return curve_traded(slot, "mint", id=f"{'s' * 80}{slot}.{tx}:2.0", pos=Position(slot, tx, 2, 0))


def trades(*slots: int) -> list[AnyEvent]:
    """Two trades in each slot."""
    return [trade(slot, tx) for slot in slots for tx in (3, 9)]


def complaints(report: SlotReport) -> list[str]:
    assert report.verdict == "damaged"
    assert report.problem_count == len(report.problems)
    return [problem.what for problem in report.problems]


def changed(message: Message, **fields: Any) -> Message:
    """The message with other content, under its own sequence."""
    event = msgspec.structs.replace(message[2], **fields)
    return message[0], encode(event), event


def test_a_log_that_holds_what_its_certificates_count_is_complete() -> None:
    log = certified(trades(10, 11, 13))
    report = walked(log)
    assert report.verdict == "complete"
    assert (report.slots, report.first_slot, report.last_slot) == (3, 10, 13)
    assert (report.events, report.certificates, report.digests_checked) == (6, 3, 3)
    assert (report.executed, report.ours, report.failed) == (3_000, 15, 6)
    last = log.messages[-1][2]
    assert isinstance(last, SlotConfirmed)
    assert report.head == last.hash


def test_a_simulated_market_is_complete_and_its_transactions_are_checked() -> None:
    events = [
        event
        for block, _ in first_blocks(30)
        for tx in views(block)
        if not tx.failed
        for event in translated(tx).events
    ]
    report = walked(certified(events, quiet=0))
    assert report.verdict == "complete"
    assert report.transactions_checked == report.slots == 30


def test_prices_of_a_slot_are_among_its_events_and_not_among_its_transactions() -> None:
    block, _ = first_blocks(1)[0]
    events: list[AnyEvent] = [it for tx in views(block) for it in translated(tx).events]
    price = SolPriced(
        id="account:1:2",
        pos=Position(block.slot, LAST_TX, LAST_OUTER, LAST_INNER),
        received_at_ns=1,
        account="account",
        price=1,
        confidence=1,
        exponent=-8,
        publish_time_s=2,
        posted_slot=1,
    )
    report = walked(certified([*events, price], quiet=0))
    assert (report.verdict, report.transactions_checked) == ("complete", 1)


def test_another_order_of_arrival_within_a_slot_changes_nothing() -> None:
    log = CertifiedLog()
    log.append(*reversed(trades(10)))
    log.append(*trades(11))
    log.seal(10)
    log.seal(11)
    assert walked(log).verdict == "complete"


def test_one_changed_byte_of_an_event_is_found_with_its_slot() -> None:
    log = certified(trades(10, 11))
    sequence, payload, _ = log.messages[1]
    forged = payload.replace(b'"signer":"signer10"', b'"signer":"signer19"')
    log.messages[1] = (sequence, forged, decode(forged))
    report = walked(log)
    assert complaints(report) == ["the digest of its events is not that of the log's"]
    assert report.problems[0].slot == 10


def test_a_space_in_an_events_bytes_is_found_though_it_says_the_same() -> None:
    log = certified(trades(10))
    sequence, payload, event = log.messages[0]
    log.messages[0] = (sequence, payload.replace(b'":', b'": ', 1), event)
    assert complaints(walked(log)) == ["the digest of its events is not that of the log's"]


@pytest.mark.parametrize("place", range(8))
def test_every_message_before_the_last_that_is_gone_is_missed(place: int) -> None:
    messages = certified(trades(10, 11, 12)).messages
    holed = messages[:place] + messages[place + 1 :]
    assert walked(holed).verdict == "damaged"
    assert walked(renumbered(holed)).verdict == "damaged"


def test_a_last_certificate_that_is_gone_leaves_its_slot_undecided() -> None:
    report = walked(certified(trades(10, 11, 12)).messages[:-1])
    assert (report.verdict, report.last_slot, report.not_final) == ("complete", 11, 2)


def test_an_event_that_was_put_in_is_found() -> None:
    messages = certified(trades(10, 11)).messages
    extra = (0, encode(trade(10, 5)), trade(10, 5))
    report = walked(renumbered([*messages[:1], extra, *messages[1:]]))
    assert "it counts 2 events, the log holds 3" in complaints(report)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("decoded", 1, "it counts 1 events"),
        ("first_sequence", 2, "its events are said to be from sequence 2 to 2"),
        ("last_sequence", 1, "its events are said to be from sequence 1 to 1"),
        ("events_digest", "00", "the digest of its events"),
        ("previous", "00", "it does not name the certificate before it"),
    ],
)
def test_a_certificate_that_is_wrong_but_hashed_right_is_found(
    field: str, value: Any, sentence: str
) -> None:
    log = CertifiedLog()
    log.append(*trades(10))
    log.seal(10, **{field: value})
    assert [it for it in complaints(walked(log)) if it.startswith(sentence)]


def test_a_certificate_that_was_changed_is_found() -> None:
    log = certified(trades(10, 11))
    log.messages[2] = changed(log.messages[2], executed=5)
    assert complaints(walked(log)) == ["its hash is not that of what it says"]


def test_a_certificate_that_was_changed_and_hashed_again_breaks_the_chain() -> None:
    log = certified(trades(10, 11))
    forged = changed(log.messages[2], executed=5)[2]
    assert isinstance(forged, SlotConfirmed)
    log.messages[2] = changed((3, b"", forged), hash=certificate_hash(forged))
    assert complaints(walked(log)) == ["it does not name the certificate before it in the log"]


def test_transactions_that_are_not_those_of_the_events_are_found() -> None:
    block, _ = first_blocks(1)[0]
    log = CertifiedLog()
    log.append(*(it for tx in views(block) for it in translated(tx).events))
    log.seal(block.slot, quiet=0, transactions_digest="00")
    found = complaints(walked(log))
    assert found == ["the digest of its transactions is not that of its events'"]


def test_a_parent_with_another_hash_is_found() -> None:
    log = certified(trades(10))
    log.append(*trades(11))
    log.seal(11, parent_blockhash="elsewhere")
    found = complaints(walked(log))
    assert found == ["its parent's hash is not that of the certificate of slot 10"]


def test_a_fork_beside_the_chain_is_found() -> None:
    log = certified(trades(10, 12))
    log.append(*trades(13))
    log.seal(13, parent=10)
    found = complaints(walked(log))
    assert found == ["its parent is slot 10, which slot 12 came after"]
    log = certified(trades(10, 12))
    log.append(*trades(11))
    log.seal(11, parent=10)
    found = complaints(walked(log))
    assert found == ["the slots around it are linked to each other without it"]


def test_a_recorded_gap_is_incomplete_until_it_is_filled() -> None:
    log = certified(trades(10))
    log.gap(11, 14)
    log.append(*trades(15))
    log.seal(15)
    report = walked(log)
    assert (report.verdict, report.gaps, report.holes) == ("incomplete", ((11, 14),), ())
    log.append(*trades(12))
    log.seal(12, parent=10)
    log.fill(11, 12)
    report = walked(log)
    assert (report.verdict, report.gaps, report.holes) == ("incomplete", ((13, 14),), ())
    log.append(*trades(14))
    log.seal(14, parent=12)
    log.fill(13, 14)
    report = walked(log)
    assert (report.verdict, report.gaps, report.slots) == ("complete", (), 4)


def test_a_gap_that_nobody_recorded_is_a_hole() -> None:
    log = certified(trades(10))
    log.append(*trades(15))
    log.seal(15, parent=14)
    report = walked(log)
    assert (report.verdict, report.gaps, report.holes) == ("incomplete", (), ((11, 14),))


def test_a_gap_that_is_said_to_be_filled_without_certificates_is_a_hole() -> None:
    log = certified(trades(10))
    log.gap(11, 14)
    log.append(*trades(15))
    log.seal(15)
    log.fill(11, 14)
    assert walked(log).holes == ((11, 14),)


def test_slots_without_a_block_are_no_gap() -> None:
    log = certified(trades(10))
    log.append(*trades(15))
    log.seal(15, parent=10)
    assert walked(log).verdict == "complete"


def test_the_end_of_the_log_is_not_final_and_that_is_no_fault() -> None:
    log = certified(trades(10))
    log.append(*trades(11))
    report = walked(log)
    assert (report.verdict, report.not_final, report.undecided) == ("complete", 2, 0)


def test_events_that_later_certificates_pass_over_are_undecided() -> None:
    log = certified(trades(10))
    log.append(*trades(11))
    log.append(*trades(12))
    log.seal(12, parent=10)
    report = walked(log)
    assert (report.verdict, report.not_final, report.undecided) == ("incomplete", 0, 2)
    log.abandon(11)
    report = walked(log)
    assert (report.verdict, report.undecided, report.retracted) == ("complete", 0, 2)


def test_a_retraction_that_counts_otherwise_is_found() -> None:
    log = certified(trades(10))
    log.append(*trades(11))
    log.abandon(11)
    log.messages[-1] = changed(log.messages[-1], retracted=3)
    assert complaints(walked(log)) == ["it takes back 3 events, the log holds 2"]


def test_what_was_taken_back_is_not_counted_by_the_certificate_that_follows() -> None:
    log = CertifiedLog()
    log.append(trade(10, 1))
    log.abandon(10)
    log.append(*trades(10))
    log.seal(10)
    assert walked(log).verdict == "complete"


def test_a_certified_slot_that_is_taken_back_needs_another_certificate() -> None:
    log = certified(trades(10, 11))
    log.abandon(11)
    report = walked(log)
    assert (report.verdict, report.revoked) == ("incomplete", (11,))
    log.append(*trades(11))
    log.seal(11, parent=10)
    report = walked(log)
    assert (report.verdict, report.revoked, report.revisions) == ("complete", (), 1)


def test_a_revision_takes_the_place_of_the_certificate_before() -> None:
    log = certified(trades(10, 11))
    log.append(trade(10, 20))
    assert walked(log).verdict == "incomplete", "an event behind its slot's certificate"
    log.seal(10, parent=9)
    report = walked(log)
    assert (report.verdict, report.certificates, report.revisions) == ("complete", 3, 1)
    assert (report.slots, report.ours) == (2, 2 * 5 + 1)


def test_a_revision_that_names_another_block_is_found() -> None:
    log = certified(trades(10))
    log.seal(10, parent=9, blockhash="other")
    found = complaints(walked(log))
    assert found == ["it names another block than the one that it replaces"]
    log = certified(trades(10))
    log.seal(10, parent=9, revision=1)
    assert complaints(walked(log)) == ["revision 1 comes after revision 1"]


def test_a_log_without_certificates_proves_nothing() -> None:
    messages = [(at, encode(it), it) for at, it in enumerate(trades(10, 11), 1)]
    report = walked(messages)
    assert (report.verdict, report.certificates, report.head) == ("incomplete", 0, None)
    assert walked(()).verdict == "incomplete"


def old_log(*slots: int) -> CertifiedLog:
    """A log whose first slots have no certificate."""
    log = CertifiedLog()
    log.append(*trades(*slots))
    log.append(*trades(20))
    log.seal(20)
    return log


def test_events_from_before_the_first_certificate_are_said_and_can_be_left_out() -> None:
    report = walked(old_log(10, 11))
    assert (report.verdict, report.before_certificates) == ("incomplete", 4)
    report = walked(old_log(10, 11), from_slot=20)
    assert (report.verdict, report.before_certificates, report.events) == ("complete", 0, 2)


def test_a_walk_from_a_later_slot_on_still_follows_every_hash() -> None:
    log = certified(trades(10, 11, 12))
    report = walked(log, from_slot=12)
    assert (report.verdict, report.slots, report.events) == ("complete", 1, 2)
    log.messages[2] = changed(log.messages[2], executed=5)
    assert walked(log, from_slot=12).verdict == "damaged"


def test_a_message_that_is_no_event_is_damage() -> None:
    walk = Certificates()
    walk.unreadable(1, "not JSON")
    walk.missing(2, 5)
    assert complaints(walk.report()) == [
        "it is no event known here: not JSON",
        "the log goes on with sequence 5: some are missing",
    ]


def test_a_certificate_far_behind_its_events_is_checked_in_a_second_walk() -> None:
    log = certified(trades(*range(10, 12 + SEALED_SLOTS_MAX)))
    log.append(trade(10, 20))
    log.seal(10, parent=9)
    first = Certificates()
    for message in log:
        first.take(*message)
    assert (first.again, first.report().verdict) == ({10}, "incomplete")
    assert first.report().not_checked == 1
    report = walked(log, keep=first.again)
    assert (report.verdict, report.not_checked, report.revisions) == ("complete", 0, 1)
    forged = log.messages[0]
    log.messages[0] = changed(forged, signer="nobody")
    assert len(complaints(walked(log, keep=first.again))) == 2


def test_the_slots_of_late_certificates_are_linked_in_any_order() -> None:
    def sealed_in(order: Sequence[int]) -> SlotReport:
        log = CertifiedLog()
        for slot in order:
            log.append(*trades(slot))
            log.seal(slot, parent=slot - 1)
        return walked(log)

    for order in ([10, 11, 12, 13], [13, 12, 11, 10], [10, 13, 11, 12], [12, 10, 13, 11]):
        report = sealed_in(order)
        assert (report.verdict, report.holes, report.first_slot) == ("complete", (), 10)
    assert sealed_in([13, 10, 12]).holes == ((11, 11),)
