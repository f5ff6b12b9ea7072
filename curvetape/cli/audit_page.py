"""All audits on one page, for people who know nothing of them, and as one object for programs."""

import textwrap
from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from curvetape.cli.audit_check import Check, Report, Subject, Verdict
from curvetape.cli.audit_sentences import listed
from projections.audit.slot_report import SlotReport

WIDTH = 100
FIGURE_WIDTH = 48

Overall: TypeAlias = Literal["proven", "incomplete", "damaged"]


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """One of the audits, for programs."""

    verdict: Verdict
    found: str
    report: Report | None


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """All audits, for programs."""

    verdict: Overall
    todo: tuple[str, ...]
    audits: dict[str, Audited]
    """By the name of the command that makes each alone."""


_COMMANDS: Mapping[Subject, str] = {
    "certificates": "slots",
    "reserves": "reserves",
    "archive": "archive",
    "read models": "models",
}


def whole(checks: Mapping[Subject, Check]) -> Whole:
    """The checks as one object."""
    return Whole(
        verdict=overall(checks),
        todo=_todo(checks),
        audits={
            _COMMANDS[subject]: Audited(
                verdict=check.verdict, found=check.found, report=check.report
            )
            for subject, check in checks.items()
        },
    )


def overall(checks: Mapping[Subject, Check]) -> Overall:
    """Damaged if one check is; proven if all are that are set up."""
    verdicts = {check.verdict for check in checks.values()}
    if "damaged" in verdicts:
        return "damaged"
    return "proven" if verdicts <= {"proven", "not set up"} else "incomplete"


def print_page(checks: Mapping[Subject, Check], *, of: str, at: str) -> None:
    """The page; `of` is the log's address and `at` the time."""
    print(f"Audit of {of}, {at}")
    for number, (subject, check) in enumerate(checks.items(), 1):
        print(f"\n{number}. {subject.capitalize()}: {check.verdict}")
        _paragraph(check.asked, "   ")
        _paragraph(f"{check.found[0].upper()}{check.found[1:]}.", "   ")
        for what, count in check.figures:
            print(f"     {what:<{FIGURE_WIDTH}}{count:>16,}")
    verdict = overall(checks)
    print(f"\nVerdict: {verdict}")
    _paragraph(_sentence(checks, verdict), "   ")
    print("\nWhat to do next")
    for todo in _todo(checks):
        _paragraph(todo, " - ")


def _sentence(checks: Mapping[Subject, Check], verdict: Overall) -> str:
    missing = [it for it, check in checks.items() if check.verdict == "not set up"]
    absent = f" Not set up, and so not asked: {listed(missing)}." if missing else ""
    if verdict == "proven":
        return f"Nothing is missing and nothing contradicts anything else.{absent}"
    if verdict == "damaged":
        wrong = [it for it, check in checks.items() if check.verdict == "damaged"]
        return (
            f"Something is not what it was, or not what it was made from: {listed(wrong)}. Do not "
            f"rely on it before it is mended.{absent}"
        )
    open_ones = [
        it for it, check in checks.items() if check.verdict in ("incomplete", "not judged")
    ]
    return f"Nothing is damaged, but not all of it is proven: {listed(open_ones)}.{absent}"


def _todo(checks: Mapping[Subject, Check]) -> tuple[str, ...]:
    todo = tuple(it for check in checks.values() for it in check.todo)
    if todo or overall(checks) != "proven":
        return todo
    slots = checks["certificates"].report
    if not isinstance(slots, SlotReport) or slots.head is None:
        return ("Nothing.",)
    keep = (
        f"Nothing has to be mended. Write down the last certificate's hash, {slots.head}: whoever "
        f"has it can show later that nothing up to slot {slots.last_slot} has been changed."
    )
    return (keep,)


def _paragraph(text: str, start: str) -> None:
    print(
        textwrap.fill(
            text,
            WIDTH,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
