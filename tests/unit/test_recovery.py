"""Where ingest goes on, read back from what the log says."""

from collections.abc import Sequence

import msgspec
from solders.signature import Signature

from curvetape.testing.forks import abandoned, confirmed, gap, trade
from domain.events import AnyEvent, CurveTraded, GapDetected, GapFilled, encode
from domain.position import Position
from ingest.ledger import Ledger
from ingest.recovery import Recovery
from ingest.votes import Link


def recovered(log: Sequence[AnyEvent], *, before: int = 0) -> Recovery:
    """All of a log read back, as a start does it, but for so many messages at its beginning."""
    recovery = Recovery()
    recovery.take_gaps(log)
    for sequence, event in enumerate(log, 1):
        if sequence > before:
            recovery.take(sequence, encode(event), event)
    recovery.finish()
    return recovery


def traded(slot: int, number: int = 0) -> CurveTraded:
    signature = Signature((1_000 * slot + number).to_bytes(64, "big"))
    return trade(slot, number, id=f"{signature}:2.0")


def sealed(slot: int) -> AnyEvent:
    return confirmed(slot, blockhash=f"block{slot}")


def opened(first: int, last: int) -> GapDetected:
    return msgspec.structs.replace(
        gap(first, last), parent_blockhash=f"block{first - 1}", blockhash=f"block{last}"
    )


def filled(first: int, last: int) -> GapFilled:
    return GapFilled(
        id=f"gap:{first}-{last}:filled",
        pos=Position(first, 0, 0, 0),
        received_at_ns=1,
        from_slot=first,
        to_slot=last,
        parent_blockhash=f"block{first - 1}",
        blockhash=f"block{last}",
    )


def pages(ledger: Ledger) -> dict[int, tuple[int, list[str]]]:
    """By slot, how often it was taken back, and what is held of it."""
    return {
        slot: (ledger.page(slot).attempt, [held.id for held in ledger.page(slot).events()])
        for slot in ledger.slots()
    }


def test_an_empty_log_owes_nothing() -> None:
    recovery = recovered([])
    assert (recovery.start, recovery.unproven_after, recovery.certified) == (None, None, None)


def test_a_log_without_certificates_goes_on_behind_its_newest_event() -> None:
    old = [msgspec.structs.replace(traded(slot), provisional=False) for slot in (7, 9, 8)]
    recovery = recovered(old)
    assert recovery.start is None
    assert recovery.unproven_after == 9


def test_the_chain_goes_on_behind_the_newest_certificate() -> None:
    recovery = recovered([traded(7), sealed(7), traded(8, 1), sealed(8), traded(9, 2)])
    assert recovery.start == Link(8, "block8")
    assert recovery.certified is not None
    assert recovery.certified.sequence == 4
    assert pages(recovery.ledger) == {9: (0, [traded(9, 2).id])}


def test_what_was_taken_back_is_known_to_have_been() -> None:
    log = [sealed(6), traded(7), abandoned(7, 1), traded(7, 1)]
    recovery = recovered(log)
    assert pages(recovery.ledger) == {7: (1, [traded(7, 1).id])}


def test_behind_a_gap_the_chain_goes_on_at_the_gaps_end() -> None:
    recovery = recovered([sealed(6), opened(7, 9)])
    assert recovery.start == Link(9, "block9")
    assert recovery.gaps == [(Link(6, "block6"), Link(9, "block9"))]


def test_what_is_filled_of_a_gap_leaves_the_parts_beside_it() -> None:
    recovery = recovered([sealed(6), opened(7, 20), sealed(21), filled(10, 12)])
    assert recovery.start == Link(21, "block21")
    assert recovery.gaps == [
        (Link(6, "block6"), Link(9, "block9")),
        (Link(12, "block12"), Link(20, "block20")),
    ]
    assert recovered([sealed(6), opened(7, 20), sealed(21), filled(7, 20)]).gaps == []


def test_what_was_appended_of_a_gap_is_still_known() -> None:
    log = [sealed(6), opened(7, 9), traded(8), sealed(10), traded(5)]
    assert pages(recovered(log).ledger) == {8: (0, [traded(8).id])}


def test_a_tail_that_begins_behind_what_is_decided_says_the_same_as_all_of_the_log() -> None:
    log = [
        traded(7),
        sealed(7),
        traded(8, 1),
        sealed(8),
        traded(9, 2),
        abandoned(9, 1),
        traded(10, 3),
    ]
    whole = recovered(log)
    for before in range(4):
        tail = recovered(log, before=before)
        assert (tail.start, tail.certified) == (whole.start, whole.certified)
        assert pages(tail.ledger) == pages(whole.ledger)
