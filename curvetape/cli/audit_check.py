"""What each audit says on the page of all: what was asked, the verdict, and what to do next."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from curvetape.cli.audit_sentences import (
    archive_sentence,
    listed,
    models_sentence,
    of,
    reserves_sentence,
    slots_sentence,
)
from projections.audit.archive_report import ArchiveReport
from projections.audit.model_report import ModelsReport
from projections.audit.reserves import ReserveReport
from projections.audit.slot_report import SlotReport
from projections.audit.spans import Span

Subject: TypeAlias = Literal["certificates", "reserves", "archive", "read models"]
Verdict: TypeAlias = Literal["proven", "incomplete", "damaged", "not judged", "not set up"]
Report: TypeAlias = SlotReport | ReserveReport | ArchiveReport | ModelsReport

QUESTIONS: Mapping[Subject, str] = {
    "certificates": "Has every block its certificate, and does the log hold what each counts?",
    "reserves": "Does every trade find its curve or pool as the one before it left it?",
    "archive": "Does every segment give back what was sealed, and has none been exchanged?",
    "read models": "Do the tables that are served hold what a replay of the log gives?",
}
NAMED_MAX = 5


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One of the audits, as the page shows it."""

    asked: str
    verdict: Verdict
    found: str
    """One sentence."""
    figures: tuple[tuple[str, int], ...] = ()
    todo: tuple[str, ...] = ()
    """What to do next, a sentence each."""
    report: Report | None = None


def not_judged(subject: Subject, reason: str) -> Check:
    """A check that could not be made."""
    todo = f"Mend why the {subject} could not be judged, and run the audit again."
    return Check(asked=QUESTIONS[subject], verdict="not judged", found=reason, todo=(todo,))


def not_set_up(subject: Subject, reason: str) -> Check:
    """A check of something that is not there, and need not be."""
    return Check(asked=QUESTIONS[subject], verdict="not set up", found=reason)


def certificates(report: SlotReport) -> Check:
    """The audit of slots."""
    verdicts: Mapping[str, Verdict] = {"complete": "proven", "incomplete": "incomplete"}
    return Check(
        asked=QUESTIONS["certificates"],
        verdict=verdicts.get(report.verdict, "damaged"),
        found=slots_sentence(report),
        figures=_figures(
            ("slots with a certificate", report.slots),
            ("events of the chain", report.events),
            ("slots of gaps that are recorded and not filled", _length(report.gaps)),
            ("slots between certificates, without one", _length(report.holes)),
            ("dead letters", report.unknown),
            ("events not final yet", report.not_final),
            ("contradictions", report.problem_count),
        ),
        todo=tuple(_todo_of_slots(report)),
        report=report,
    )


def reserves(report: ReserveReport) -> Check:
    """The audit of reserves."""
    verdicts: Mapping[str, Verdict] = {"connected": "proven", "not proven": "incomplete"}
    todo = []
    if report.verdict == "damaged":
        todo.append("Find out with `curvetape audit slots` which messages cannot be read.")
    if report.mints_broken:
        todo.append(
            "Look at the breaks with `curvetape audit reserves`, and at the transactions on either "
            "side of one with `curvetape explain SIGNATURE`: the event between them is missing."
        )
    return Check(
        asked=QUESTIONS["reserves"],
        verdict=verdicts.get(report.verdict, "damaged"),
        found=reserves_sentence(report),
        figures=_figures(
            ("events that count", report.events),
            ("bonding curves", report.curves),
            ("pools", report.pools),
            *((f"breaks: {cause}", count) for cause, count in report.breaks.items()),
        ),
        todo=tuple(todo),
        report=report,
    )


def archive(report: ArchiveReport) -> Check:
    """The audit of the archive; one without a segment is taken for none."""
    if report.verdict == "empty":
        return not_set_up("archive", archive_sentence(report))
    todo: tuple[str, ...] = ()
    if report.damaged:
        names = listed([it.name for it in report.damaged[:NAMED_MAX]])
        todo = (f"Restore from a copy of the archive what is damaged: {names}.",)
    return Check(
        asked=QUESTIONS["archive"],
        verdict="damaged" if report.damaged else "proven",
        found=archive_sentence(report),
        figures=_figures(
            ("segments", report.segments),
            ("messages", report.last_sequence),
            ("bytes", report.file_bytes),
            ("damaged files", len(report.damaged)),
        ),
        todo=todo,
        report=report,
    )


def read_models(report: ModelsReport) -> Check:
    """The audit of read models."""
    verdicts: Mapping[str, Verdict] = {"equal": "proven", "not compared": "incomplete"}
    todo = [
        f"{it.name} could not be compared: {it.reason}."
        for it in report.models
        if it.reason is not None
    ]
    if differing := [it.name for it in report.models if it.verdict == "different"]:
        todo.append(
            "Look at the rows that differ with `curvetape audit models`. To build "
            f"{listed(differing)} anew, stop `curvetape project`, empty the tables, delete their "
            "rows in `checkpoints`, and start it again: the log gives all of it back."
        )
    tables = [table for it in report.models for table in it.tables]
    return Check(
        asked=QUESTIONS["read models"],
        verdict=verdicts.get(report.verdict, "damaged"),
        found=models_sentence(report),
        figures=_figures(
            *((f"rows of {it.name}", it.rows) for it in tables),
            *(
                (f"rows of {it.name}: {what}", count)
                for it in tables
                for what, count in it.differences.items()
            ),
        ),
        todo=tuple(todo),
        report=report,
    )


def _todo_of_slots(report: SlotReport) -> Sequence[str]:
    todo = []
    if report.problem_count:
        todo.append(
            "Restore the log from a copy that is whole; `curvetape audit slots` names each message "
            "that contradicts another."
        )
    if report.gaps:
        todo.append(
            f"Fill the gap of slots {_named(report.gaps)}: `curvetape ingest` asks for it again "
            "for as long as it runs, and a JSON-RPC node in CURVETAPE_RPC_URL has blocks that no "
            "endpoint replays any more."
        )
    if report.holes or report.revoked or report.undecided:
        todo.append(
            "Let `curvetape ingest` run until it has certified or recorded every slot; "
            "`curvetape audit slots` names those that are open."
        )
    if report.before_certificates and report.first_slot is not None:
        todo.append(
            f"Give --from-slot {report.first_slot} to leave out what is from before certificates."
        )
    if not report.certificates:
        todo.append("Let `curvetape ingest` run until the first block is confirmed.")
    return todo


def _named(spans: Sequence[Span]) -> str:
    named = [f"{first} to {last}" for first, last in spans[:NAMED_MAX]]
    more = len(spans) - len(named)
    return listed([*named, of(more, "more gap")] if more else named)


def _length(spans: Sequence[Span]) -> int:
    return sum(last - first + 1 for first, last in spans)


def _figures(*figures: tuple[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(it for it in figures if it[1])
