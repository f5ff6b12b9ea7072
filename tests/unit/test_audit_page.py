"""The page of all audits says in plain words what was asked, what was found and what to do."""

import pytest

from curvetape.cli import audit_check
from curvetape.cli.audit_check import Check, Subject, Verdict, not_judged, not_set_up
from curvetape.cli.audit_page import overall, print_page, whole
from curvetape.testing.certified import CertifiedLog, certified
from curvetape.testing.events import created, curve_traded
from domain.events import SlotConfirmed
from projections.audit.archive_report import ArchiveReport, ArchiveVerdict, Damage
from projections.audit.certificates import Certificates
from projections.audit.model_report import (
    Difference,
    ModelReport,
    ModelsReport,
    TableReport,
    report,
)
from projections.audit.reserves import Reserves

ADDRESS = "nats://log.example"
AT = "2026-11-27 07:10 UTC"
COMPLETE = certified([created(1, "mint"), curve_traded(2, "mint")])


def holed() -> CertifiedLog:
    """A log with a gap of three slots, in which a trade is missing."""
    log = certified([created(1, "mint"), curve_traded(2, "mint")])
    log.gap(3, 5)
    log.append(curve_traded(6, "mint", virtual_quote_reserves=99_000_000_000))
    log.seal(6)
    return log


def asked(log: CertifiedLog) -> dict[Subject, Check]:
    """What the two audits of the log say, and that there is nothing else."""
    certificates, reserves = Certificates(), Reserves()
    for sequence, payload, event in log:
        certificates.take(sequence, payload, event)
        reserves.take(sequence, event)
    return {
        "certificates": audit_check.certificates(certificates.report()),
        "reserves": audit_check.reserves(reserves.report()),
        "archive": not_set_up("archive", "no archive is given or configured"),
        "read models": not_set_up("read models", "no database is given or configured"),
    }


def archive(verdict: ArchiveVerdict, *damaged: Damage) -> ArchiveReport:
    return ArchiveReport(
        verdict=verdict,
        address="/srv/archive",
        segments=0 if verdict == "empty" else 2,
        last_sequence=2_000,
        first_slot=1,
        last_slot=9,
        file_bytes=300_000,
        damaged=damaged,
        unlisted=(),
        certificate=None,
        head="ab" * 32,
    )


def models(differences: dict[Difference, int], *, reason: str | None = None) -> ModelsReport:
    table = TableReport(
        name="trades",
        rows=1_000,
        digest="one",
        rows_replayed=1_000,
        digest_replayed="other" if differences else "one",
        differences=differences,
    )
    candles = ModelReport(name="candles", sequence=9, reason=reason)
    return report(
        [candles, ModelReport(name="trades", sequence=9, tables=(table,))], last_sequence=9
    )


def page(checks: dict[Subject, Check], capsys: pytest.CaptureFixture[str]) -> str:
    """The page's words, however its lines are broken."""
    print_page(checks, of=ADDRESS, at=AT)
    return " ".join(capsys.readouterr().out.split())


def test_a_page_begins_with_what_was_audited_and_when(capsys: pytest.CaptureFixture[str]) -> None:
    print_page(asked(COMPLETE), of=ADDRESS, at=AT)
    out = capsys.readouterr().out
    assert out.startswith(f"Audit of {ADDRESS}, {AT}\n\n1. Certificates: proven\n")
    assert max(map(len, out.splitlines())) <= 100


def test_a_complete_log_is_proven_and_there_is_a_hash_to_write_down(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = asked(COMPLETE)
    said = page(checks, capsys)
    assert (
        "1. Certificates: proven Has every block its certificate, and does the log hold what each "
        "counts? From slot 1 to 2 every block has its certificate, and the log holds all that they "
        "count. slots with a certificate 2 events of the chain 2"
    ) in said
    assert "2. Reserves: proven Does every trade find its curve or pool as the one before" in said
    assert "3. Archive: not set up" in said
    assert "No archive is given or configured." in said
    assert (
        "Verdict: proven Nothing is missing and nothing contradicts anything else. Not set up, and "
        "so not asked: archive and read models."
    ) in said
    assert "What to do next - Nothing has to be mended. Write down the last certificate's" in said
    last = COMPLETE.messages[-1][2]
    assert isinstance(last, SlotConfirmed)
    assert f"hash, {last.hash}: whoever has it can show later that nothing up to slot 2" in said


def test_a_log_with_a_gap_is_incomplete_and_told_how_to_fill_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = asked(holed())
    said = page(checks, capsys)
    assert "1. Certificates: incomplete" in said
    assert "From slot 1 to 6: 3 slots without proof." in said
    assert "slots of gaps that are recorded and not filled 3" in said
    assert "2. Reserves: incomplete" in said
    assert "breaks: gap 1" in said
    assert (
        "Verdict: incomplete Nothing is damaged, but not all of it is proven: certificates and "
        "reserves."
    ) in said
    assert "What to do next - Fill the gap of slots 3 to 5: `curvetape ingest` asks for it" in said
    assert "Write down" not in said


def test_trades_that_nobody_told_of_are_looked_for_by_signature(
    capsys: pytest.CaptureFixture[str],
) -> None:
    odd = curve_traded(3, "mint", virtual_quote_reserves=99_000_000_000, real_quote_reserves=1)
    said = page(asked(certified([created(1, "mint"), curve_traded(2, "mint"), odd])), capsys)
    assert "1. Certificates: proven" in said
    assert "2. Reserves: incomplete" in said
    assert "Look at the breaks with `curvetape audit reserves`" in said
    assert "`curvetape explain SIGNATURE`" in said


def test_a_log_without_a_certificate_proves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    said = page(asked(CertifiedLog()), capsys)
    assert "There is no certificate, so nothing is proven." in said
    assert "Let `curvetape ingest` run until the first block is confirmed." in said


def test_an_archive_and_read_models_that_are_damaged_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = asked(COMPLETE)
    checks["archive"] = audit_check.archive(archive("damaged", Damage("segments/1", "is short")))
    checks["read models"] = audit_check.read_models(models({"extra": 2, "missing": 1}))
    said = page(checks, capsys)
    assert "3. Archive: damaged" in said
    assert "1 file of /srv/archive cannot be relied on." in said
    assert "Restore from a copy of the archive what is damaged: segments/1." in said
    assert "4. Read models: damaged" in said
    assert "3 rows of trades are not what a replay gives" in said
    assert "rows of trades: extra 2" in said
    assert (
        "Verdict: damaged Something is not what it was, or not what it was made from: archive"
        in said
    )
    assert overall(checks) == "damaged"


def test_read_models_that_refuse_are_open_and_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    checks = asked(COMPLETE)
    checks["read models"] = audit_check.read_models(models({}, reason="it has not begun"))
    said = page(checks, capsys)
    assert "4. Read models: incomplete" in said
    assert "Candles could not be compared; trades could, and agree." in said
    assert "candles could not be compared: it has not begun." in said
    assert overall(checks) == "incomplete"


def test_an_empty_archive_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    checks = asked(COMPLETE)
    checks["archive"] = audit_check.archive(archive("empty"))
    assert "3. Archive: not set up" in page(checks, capsys)
    assert overall(checks) == "proven"


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("proven", "proven"),
        ("not set up", "proven"),
        ("incomplete", "incomplete"),
        ("not judged", "incomplete"),
        ("damaged", "damaged"),
    ],
)
def test_the_worst_of_the_checks_decides(verdict: Verdict, expected: str) -> None:
    checks = asked(COMPLETE)
    checks["archive"] = Check(asked="Is it?", verdict=verdict, found="it is")
    assert overall(checks) == expected
    assert whole(checks).verdict == expected


def test_what_could_not_be_judged_is_said_with_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = asked(COMPLETE)
    checks["certificates"] = not_judged("certificates", "the stream begins with sequence 81")
    said = page(checks, capsys)
    assert "1. Certificates: not judged" in said
    assert "The stream begins with sequence 81." in said
    assert "Verdict: incomplete" in said
    assert whole(checks).audits["slots"].report is None
