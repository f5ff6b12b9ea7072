"""What the log holds of each slot, and what follows from its being taken back."""

from curvetape.testing.blocks import raw
from domain.position import Position
from ingest.ledger import (
    REMEMBERED_PAGES,
    Held,
    Landed,
    Ledger,
    SlotPage,
    again,
    alike,
    fingerprint,
)


def landed(*ids: str, index: int = 0) -> Landed:
    events = [Held(each, Position(7, index, place, 0), b"") for place, each in enumerate(ids)]
    return Landed(index, 1, None, events)


def page_with(*ids: str) -> SlotPage:
    page = SlotPage(7)
    page.transactions[b"signature"] = landed(*ids)
    return page


def test_events_come_in_the_chains_order() -> None:
    page = page_with("c", "d")
    page.transactions[b"earlier"] = landed("z", index=0)
    page.transactions[b"later"] = landed("a", index=3)
    page.prices.append(Held("p", Position(7, 1, 0, 0), b""))
    assert [held.id for held in page.events()] == ["c", "z", "d", "p", "a"]


def test_a_page_that_is_taken_back_is_answered_and_another_attempt_begins() -> None:
    ledger = Ledger()
    ledger.page(7).transactions[b"signature"] = landed("a")
    assert [held.id for held in ledger.take_back(7).events()] == ["a"]
    assert ledger.page(7).attempt == 1
    assert ledger.page(7).events() == []
    assert again("a", 7, 1) != again("a", 7, 2) != "a"


def test_a_proven_page_stands_apart_for_later_revisions_and_is_forgotten_in_the_end() -> None:
    ledger = Ledger()
    page = ledger.page(7)
    assert ledger.close(7) is page
    assert ledger.close(7) is page
    assert ledger.page(7) is not page
    for slot in range(8, 8 + REMEMBERED_PAGES):
        ledger.close(slot)
    assert ledger.close(7) is not page


def test_what_a_page_was_begun_anew_as_is_found_from_it() -> None:
    first, second, third = SlotPage(7), SlotPage(7, 1), SlotPage(7, 2)
    first.successor, second.successor = second, third
    assert first.newest is second.newest is third.newest is third


def test_a_copy_does_not_grow_with_its_page() -> None:
    page = page_with("a")
    copied = page.copied()
    page.transactions[b"another"] = landed("b", index=1)
    assert [held.id for held in copied.events()] == ["a"]


def test_all_up_to_a_slot_is_let_go_of_but_what_is_missing() -> None:
    ledger = Ledger()
    for slot in (5, 6, 7, 8):
        ledger.page(slot).transactions[b"signature"] = landed("a")
    ledger.close_until(7, keep=lambda slot: slot == 6)
    assert sorted(ledger.slots()) == [6, 8]


def test_readings_are_alike_by_place_and_content() -> None:
    first, second = landed("a"), landed("a")
    assert alike(first, second)
    second.events[0].digest = b"other"
    assert not alike(first, second)
    assert not alike(first, landed("a", index=1))


def test_a_fingerprint_stands_for_what_decoding_looks_at() -> None:
    assert fingerprint(raw(7, 1)) == fingerprint(raw(7, 1))
    assert fingerprint(raw(7, 1)) != fingerprint(raw(7, 2))
