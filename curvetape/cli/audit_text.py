"""The audits' reports as text for people: the verdict first, then numbers, then what is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from curvetape.cli.audit_sentences import (
    archive_sentence,
    models_sentence,
    reserves_sentence,
    slots_sentence,
)
from domain.position import Position
from projections.audit.archive_report import ArchiveReport
from projections.audit.breaks import Break, Place
from projections.audit.model_report import ModelReport, ModelsReport, RowDifference, TableReport
from projections.audit.reserves import ReserveReport
from projections.audit.slot_report import SlotReport
from projections.audit.spans import Span

WIDTH_MIN = 120
"""Columns of a table that is not written to a terminal, or to a narrow one."""

Rows: TypeAlias = Sequence[Sequence[str]]


def print_reserves(report: ReserveReport, rows_max: int) -> None:
    """The report on reserves."""
    print(f"{report.verdict}: {reserves_sentence(report)}")
    _numbers(
        ("events that count", report.events),
        ("mints", report.mints),
        ("bonding curves", report.curves),
        ("pools", report.pools),
        ("of them canonical", report.pools_canonical),
        ("first seen in mid-life", report.from_mid_life),
        *((f"breaks: {cause}", count) for cause, count in report.breaks.items()),
        ("mints with a missing or extra event", report.mints_broken),
        ("events whose slot is not proven yet", report.waiting),
        ("events that waited too long to be looked at", report.let_go),
        ("messages that cannot be read", report.unreadable),
    )
    for first, last in report.open_gaps[:rows_max]:
        print(f"slots {_span((first, last))} are a gap that the log has recorded and not filled")
    _more(len(report.open_gaps), rows_max, "gaps")
    for mint in report.mints_absent[:rows_max]:
        print(f"the log has nothing that counts about {mint}")
    _table(
        ("market", "events", "segments", "from its beginning", "slots"),
        [
            (
                _market(it.mint, it.pool),
                f"{it.events:,}",
                str(it.segments),
                "yes" if it.whole_life else "no",
                f"{it.first_slot} to {it.last_slot}",
            )
            for it in report.markets
        ],
        rows_max,
        "markets",
        len(report.markets),
    )
    for it in report.worst[:rows_max]:
        _print_break(it)
    _more(sum(report.breaks.values()), rows_max, "breaks")


def print_slots(report: SlotReport, rows_max: int) -> None:
    """The report on slots and their certificates."""
    print(f"{report.verdict}: {slots_sentence(report)}")
    _numbers(
        ("messages", (report.last_sequence or 0) - (report.first_sequence or 1) + 1),
        ("events of the chain", report.events),
        ("slots with a certificate", report.slots),
        ("certificates", report.certificates),
        ("of them revisions", report.revisions),
        ("certificates whose events were hashed again", report.digests_checked),
        ("certificates whose transactions were, too", report.transactions_checked),
        ("transactions in these blocks", report.executed),
        ("of our programs", report.ours),
        ("of them failed", report.failed),
        ("dead letters", report.unknown),
        ("events taken back", report.retracted),
        ("events not final yet", report.not_final),
        ("events without a certificate", report.undecided),
        ("events from before all certificates", report.before_certificates),
        ("certificates too far behind their events", report.not_checked),
    )
    if report.head is not None:
        print(f"  the last certificate's hash is {report.head}")
    spans = [("a gap that the log has recorded and not filled", it) for it in report.gaps]
    spans += [
        ("between certificates, without one, and no gap is recorded", it) for it in report.holes
    ]
    spans += [("taken back after the certificate", (it, it)) for it in report.revoked]
    rows = [(_span(span), str(span[1] - span[0] + 1), what) for what, span in spans]
    _table(("slots", "how many", "what"), rows, rows_max, "spans", len(rows))
    _table(
        ("sequence", "slot", "what is wrong"),
        [
            (str(it.sequence), "" if it.slot is None else str(it.slot), it.what)
            for it in report.problems
        ],
        rows_max,
        "problems",
        report.problem_count,
    )


def print_archive(report: ArchiveReport, rows_max: int) -> None:
    """The report on the archive."""
    print(f"{report.verdict}: {archive_sentence(report)}")
    _numbers(
        ("segments", report.segments),
        ("messages", report.last_sequence),
        ("bytes", report.file_bytes),
        ("files in no manifest, which may go", len(report.unlisted)),
    )
    if report.certificate is not None:
        print(f"  the last certificate's hash is {report.certificate}")
    if report.head is not None:
        print(f"  the newest manifest's hash is {report.head}")
    _table(
        ("file", "what is wrong"),
        [(it.name, it.reason) for it in report.damaged],
        rows_max,
        "files",
        len(report.damaged),
    )
    _table(
        ("in no manifest",),
        [(it,) for it in report.unlisted],
        rows_max,
        "files",
        len(report.unlisted),
    )


def print_models(report: ModelsReport, rows_max: int) -> None:
    """The report on read models."""
    print(f"{report.verdict}: {models_sentence(report)}")
    for it in report.models:
        if it.reason is not None:
            print(f"  {it.name} was not compared: {it.reason}")
    rows = [
        (
            ", ".join((table.name, *_since(table))),
            f"{it.sequence:,}",
            f"{table.rows:,}",
            f"{table.rows_replayed:,}",
            table.digest if table.digest == table.digest_replayed else "differs",
        )
        for it in report.models
        for table in it.tables
    ]
    columns = ("table", "at sequence", "rows", "of a replay", "SHA-256 of the rows")
    _table(columns, rows, len(rows), "tables", len(rows))
    for it in report.models:
        _print_differences(it, rows_max)


def _print_differences(model: ModelReport, rows_max: int) -> None:
    for table in model.tables:
        for it in table.first[:rows_max]:
            print(f"\n{it.what}: {table.name}, {_columns(it.key)}")
            _print_row(it)
        _more(sum(table.differences.values()), len(table.first[:rows_max]), f"rows of {table.name}")


def _print_row(it: RowDifference) -> None:
    if it.kept is not None:
        print(f"  {'is':<10} {_columns(it.kept)}")
    if it.replayed is not None:
        print(f"  {'should be':<10} {_columns(it.replayed)}")


def _since(table: TableReport) -> Iterator[str]:
    """Since when rows were compared, where older ones are gone."""
    if table.from_pos is not None:
        yield f"from slot {Position.from_order_key(table.from_pos).slot:,}"
    for name, from_s in table.from_s.items():
        yield f"{name} from {datetime.fromtimestamp(from_s, UTC):%Y-%m-%d}"


def _columns(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _numbers(*numbers: tuple[str, int]) -> None:
    for what, count in numbers:
        if count:
            print(f"  {what:<46}{count:>16,}")


def _span(span: Span) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]} to {span[1]}"


def _market(mint: str, pool: str | None) -> str:
    return f"curve of {mint}" if pool is None else f"pool {pool} of {mint}"


def _print_break(it: Break) -> None:
    print(f"\n{it.cause}: {_market(it.mint, it.pool)}")
    if it.after is None:
        print(f"  {'stands at':<10} {_place(it.before)}")
        print(f"  {'but':<10} the events around it connect without it")
        return
    print(f"  {'behind':<10} {_place(it.after)}")
    print(f"  {'before':<10} {_place(it.before)}")
    moved = ", ".join(f"{name} {amount:+,}" for name, amount in it.moved.items())
    print(f"  {'in between':<10} {moved}")


def _place(place: Place) -> str:
    return f"slot {place.slot}, transaction {place.tx}, {place.signature}"


def _table(columns: Sequence[str], rows: Rows, rows_max: int, what: str, total: int) -> None:
    if not rows:
        return
    print()
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows[:rows_max]:
        table.add_row(*row)
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH_MIN)
    console.print(table)
    _more(total, rows_max, what)


def _more(total: int, rows_max: int, what: str) -> None:
    if total > rows_max:
        print(f"and {total - rows_max:,} more {what}")
