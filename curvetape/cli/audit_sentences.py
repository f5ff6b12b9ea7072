"""What each audit found, in one sentence for people."""

from collections.abc import Sequence

from projections.audit.archive_report import ArchiveReport
from projections.audit.model_report import ModelsReport
from projections.audit.reserves import ReserveReport
from projections.audit.slot_report import SlotReport


def reserves_sentence(report: ReserveReport) -> str:
    """Whether reserves continue."""
    if report.verdict == "damaged":
        return "there are messages that are missing or cannot be read, so nothing else is sure"
    where = f"{of(report.curves, 'curve')} and {of(report.pools, 'pool')}"
    if report.verdict == "connected":
        unjudged = report.breaks.get("surplus", 0) + report.breaks.get("repriced", 0)
        but = f", but for {of(unjudged, 'change')} that no event of ours makes" if unjudged else ""
        return f"in {where} every event continues the one before it{but}"
    wrong = report.breaks.get("missing", 0) + report.breaks.get("extra", 0)
    reasons = []
    if wrong:
        reasons.append(f"{of(wrong, 'break')} in {of(report.mints_broken, 'mint')}")
    if report.open_gaps:
        reasons.append(f"{of(len(report.open_gaps), 'recorded gap')} not filled")
    if report.let_go:
        reasons.append(f"{of(report.let_go, 'event')} not looked at")
    if report.mints_absent:
        reasons.append(f"nothing about {of(len(report.mints_absent), 'mint')}")
    return f"in {where}: " + ", ".join(reasons)


def slots_sentence(report: SlotReport) -> str:
    """Whether every slot has its certificate."""
    if report.verdict == "damaged":
        return (
            f"what the log says elsewhere is contradicted by {of(report.problem_count, 'message')}"
        )
    if not report.certificates:
        return "there is no certificate, so nothing is proven"
    where = f"from slot {report.first_slot} to {report.last_slot}"
    if report.verdict == "complete":
        return f"{where} every block has its certificate, and the log holds all that they count"
    missing = sum(last - first + 1 for first, last in (*report.gaps, *report.holes))
    reasons = []
    if missing:
        reasons.append(f"{of(missing, 'slot')} without proof")
    if report.revoked:
        reasons.append(f"{of(len(report.revoked), 'slot')} taken back after the certificate")
    if report.undecided:
        reasons.append(f"{of(report.undecided, 'event')} in slots without a certificate")
    if report.before_certificates:
        reasons.append(
            f"{of(report.before_certificates, 'event')} from before the first certificate, which "
            f"--from-slot {report.first_slot} leaves out"
        )
    if report.not_checked:
        reasons.append(f"{of(report.not_checked, 'certificate')} not checked against events")
    return f"{where}: " + ", ".join(reasons)


def archive_sentence(report: ArchiveReport) -> str:
    """Whether the archive gives back what was sealed."""
    if report.damaged:
        return f"{of(len(report.damaged), 'file')} of {report.address} cannot be relied on"
    if not report.segments:
        return f"nothing is sealed in {report.address}"
    return (
        f"from sequence 1 to {report.last_sequence:,} every segment gives back what was sealed, "
        "and every manifest names the one before it"
    )


def models_sentence(report: ModelsReport) -> str:
    """Whether the read models are what a replay gives."""
    equal = [it.name for it in report.models if it.verdict == "equal"]
    if report.verdict == "equal":
        return f"{listed(equal)} hold exactly what a replay of the log gives"
    differing = [it.name for it in report.models if it.verdict == "different"]
    left = [it.name for it in report.models if it.verdict == "not compared"]
    parts = []
    if differing:
        rows = sum(sum(table.differences.values()) for it in report.models for table in it.tables)
        are = "is" if rows == 1 else "are"
        parts.append(f"{of(rows, 'row')} of {listed(differing)} {are} not what a replay gives")
    if left:
        parts.append(f"{listed(left)} could not be compared")
    if equal:
        parts.append(f"{listed(equal)} could, and agree" if left else f"{listed(equal)} agree")
    return "; ".join(parts)


def of(count: int, what: str) -> str:
    """A number of things."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Names as they stand in a sentence."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
