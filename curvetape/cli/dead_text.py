"""Dead letters as text for people, and as plain values for programs."""

import time
from base64 import b64decode
from binascii import Error as NotBase64Error
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from curvetape.letters import Filed, UnreadableLetterError, transaction_of
from curvetape.retrying import Outcome
from domain.chain import RawTransaction, UnreadableError
from ingest.context import signature_text
from ingest.decode import decode

WIDTH_MIN = 120
"""Columns of a table that is not written to a terminal, or to a narrow one."""
NS_PER_S = 1_000_000_000
_BYTES = ("data", "transaction")
_WHY_MAX = 20


def shown(filed: Filed, *, whole: bool) -> dict[str, Any]:
    """What a letter says, its bytes as hexadecimal if `whole` and left out if not."""
    plain = {name: value for name, value in filed.fields.items() if name not in _BYTES}
    plain.setdefault("id", filed.id)
    if not whole:
        return plain | {"has_transaction": bool(filed.fields.get("transaction"))}
    for name in _BYTES:
        plain[f"{name}_hex"] = _hex(filed.fields.get(name))
    return plain | {"decoded": _decoded(filed)}


def print_list(found: Sequence[Filed], reasons: Mapping[str, int]) -> None:
    """A line for each letter, then how many there are for which reason."""
    count = sum(reasons.values())
    if not count:
        print("no dead letters")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("#", "received", "slot", "reason", "what", "detail", "whole"):
        table.add_column(column, overflow="fold")
    for each in found:
        fields = each.fields
        table.add_row(
            f"#{each.sequence}",
            _when(fields.get("received_at_ns")),
            str(fields.get("slot", "")),
            str(fields.get("reason", "")),
            _what(fields),
            str(fields.get("detail", fields.get("error", ""))),
            "yes" if fields.get("transaction") else "no",
        )
    console = Console()
    if console.width < WIDTH_MIN:
        console = Console(width=WIDTH_MIN)
    console.print(table, markup=False)
    if count > len(found):
        print(f"and {count - len(found):,} more; --limit shows them")
    print(", ".join(f"{number:,} {reason}" for reason, number in sorted(reasons.items())))


def print_letter(filed: Filed) -> None:
    """All that a letter says, a line for each field, and its transaction as it is read today."""
    print(f"sequence: {filed.sequence}")
    plain = shown(filed, whole=True)
    decoded = plain.pop("decoded")
    for name, value in plain.items():
        print(f"{name}: {'' if value is None else value}")
    for number, each in enumerate(decoded):
        print(f"decoded {number}:")
        for name, value in each.items():
            print(f"  {name}: {value}")
    if not filed.fields.get("transaction") and filed.fields.get("signature"):
        print("it does not hold its transaction, so it can only be read, unless RAW has its block")


def print_outcomes(outcomes: Sequence[Outcome], *, left: int, dry_run: bool) -> None:
    """What became of letters: counts, and why those that stay do."""
    counts = Counter(each.outcome for each in outcomes)
    would = "would be" if dry_run else "were"
    print(
        f"{counts['appended']:,} {would} appended and deleted, {counts['known']:,} {would} "
        f"deleted because their event is there, {counts['stays']:,} still are no event, "
        f"{counts['waits']:,} have to wait"
    )
    whys = Counter((each.outcome, each.why) for each in outcomes if each.outcome in _STILL_THERE)
    for (_, why), count in whys.most_common(_WHY_MAX):
        print(f"  {count:,}: {why}")
    if len(whys) > _WHY_MAX:
        print(f"  and {len(whys) - _WHY_MAX:,} other reasons; --json has all")
    if left:
        print(f"{left:,} more were meant; do it again for them")


_STILL_THERE = ("stays", "waits")


def _what(fields: Mapping[str, Any]) -> str:
    event, program = fields.get("event"), str(fields.get("program", ""))
    return f"{event} of {program}" if event else program


def _when(received_at_ns: object) -> str:
    if not isinstance(received_at_ns, int):
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(received_at_ns // NS_PER_S))


def _hex(value: object) -> str | None:
    """Base64 as hexadecimal; None where there is none, or it is something else."""
    if not isinstance(value, str):
        return None
    try:
        return b64decode(value, validate=True).hex()
    except NotBase64Error:
        return None


def _decoded(filed: Filed) -> list[dict[str, Any]]:
    """What the decoder reads in a letter's transaction today."""
    if filed.letter is None:
        return []
    try:
        tx = transaction_of(filed.letter)
        return [] if tx is None else _read(tx)
    except (UnreadableLetterError, UnreadableError) as error:
        return [{"problem": str(error)}]


def _read(tx: RawTransaction) -> list[dict[str, Any]]:
    found = decode(tx)
    read: list[dict[str, Any]] = [
        {
            "signature": signature_text(tx.signature),
            "index": tx.index,
            "failed": tx.failed,
            "fee_lamports": tx.fee_lamports,
            "log_messages": list(tx.details.log_messages),
        }
    ]
    for event in found.events:
        where = {"outer": event.place.outer, "inner": event.place.inner}
        name = {"program": event.layout.program, "event": event.layout.name}
        read.append(
            where
            | name
            | {"layout": event.version.label, "fields": event.plain(), "tail": event.tail.hex()}
        )
    for undecoded in found.undecoded:
        where = {"outer": undecoded.place.outer, "inner": undecoded.place.inner}
        what = {"reason": undecoded.reason, "detail": undecoded.detail}
        read.append(where | {"program": undecoded.program} | what | {"data": undecoded.data.hex()})
    return read
