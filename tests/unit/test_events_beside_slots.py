"""A description is of no slot: it counts at once, and nothing that becomes of a slot touches it."""

from pathlib import Path

from adapters.archive import chain
from adapters.archive.decisions import Decisions
from adapters.archive.folder import FolderStore
from adapters.archive.rows import tabled
from adapters.archive.selection import Selection
from curvetape.testing.archives import numbered, sealed, unsealed
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import created, recorded
from curvetape.testing.forks import abandoned, confirmed, trade
from curvetape.testing.metadata import described
from domain.events import AnyEvent, encode
from ingest.recovery import Recovery
from projections.audit.certificates import Certificates
from projections.settling import Settling


def test_it_counts_at_once_while_its_slot_waits() -> None:
    (stretch,) = Settling().take(recorded([trade(1), described(1, "m"), trade(1, 1)]))
    assert [each.sequence for each in stretch.events] == [2]


def test_a_slot_of_which_nothing_else_counts_may_still_be_abandoned() -> None:
    (stretch,) = Settling().take(recorded([trade(1), described(1, "m"), abandoned(1, 1)]))
    assert stretch.stop is None
    assert [each.sequence for each in stretch.events] == [2, 3]


def test_an_audit_does_not_count_it_among_its_slots_events() -> None:
    log = CertifiedLog()
    log.append(created(1, "m"))
    log.seal(1)
    described_at = len(log.messages) + 1
    walk = Certificates()
    for message in log:
        walk.take(*message)
    event = described(1, "m")
    walk.take(described_at, encode(event), event)
    report = walk.report()
    assert (report.verdict, report.events, report.not_final) == ("complete", 1, 0)


def test_ingest_goes_on_as_if_it_were_not_there() -> None:
    recovery = Recovery()
    event = described(5, "m")
    recovery.take(2, encode(event), event)
    recovery.finish()
    assert (recovery.start, recovery.unproven_after, recovery.ledger.slots()) == (None, None, [])


def test_a_segment_says_that_it_counts_and_a_late_retraction_leaves_it() -> None:
    events: list[AnyEvent] = [created(1, "m"), described(1, "m"), abandoned(1, 1)]
    decisions = Decisions()
    for sequence, event in enumerate(events, 1):
        decisions.note(sequence, event)
    judged = [decisions.judged(table) for table in tabled(numbered(events), events)]
    counts = {table["kind"][0].as_py(): table["counts"].to_pylist() for table in judged}
    assert counts == {
        "token.created": [False],
        "token.described": [True],
        "slot.abandoned": [True],
    }
    late = {1: 99}
    kept = {
        table["kind"][0].as_py(): len(Selection(uncounted=False).picked(table, late))
        for table in judged
    }
    assert kept == {"token.created": 0, "token.described": 1, "slot.abandoned": 1}


def test_it_comes_back_from_an_archive_in_its_place(tmp_path: Path) -> None:
    log = numbered([trade(1), described(1, "m"), confirmed(1)])
    store = FolderStore(tmp_path)
    made = sealed(store, log)
    assert [it for each in made for it in unsealed(chain.content_of(store, each))] == log
    assert dict(made[0].kinds)["token.described"] == 1
