"""`curvetape decode`: recorded transactions to events, as JSON lines."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec

from adapters.yellowstone import frames, recorded
from adapters.yellowstone.recorded import RecordedTransaction, RecordingError
from domain.chain import RawTransaction
from domain.events import encode
from ingest.context import signature_text
from ingest.dead import DeadLetter
from ingest.decode import decode
from ingest.layouts import catalogue
from ingest.transaction import translated
from ingest.wire import Undecoded, WireEvent

EPILOG = """\b
Examples:
  curvetape decode transaction.json
  curvetape decode --domain day/*.json > events.jsonl
  cat transactions.jsonl | curvetape decode - | jq .fields
  curvetape decode --layouts

A FILE holds JSON-RPC getTransaction results or whole responses: one, an array of
them, or one on each line. Encodings json, jsonParsed, base64 and base58; legacy,
v0 and v1 transactions. What cannot be read is said on standard error, the rest is
decoded, and the exit code is 1."""


def _print_layouts(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(catalogue.table())
        ctx.exit()


@click.command(short_help="Recorded transactions to events, as JSON lines.", epilog=EPILOG)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--domain", is_flag=True, help="Print the events as the log holds them, not as on chain."
)
@click.option(
    "--layouts",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_layouts,
    help="Print the layouts of all events that can be decoded, and exit.",
)
def command(files: tuple[str, ...], domain: bool) -> None:
    """Decode the events of pump.fun's programs in recorded transactions.

    Prints one JSON object for each event, with all its fields, the version of its layout, its
    place in the transaction, where it was found (in an instruction: cpi; in a log line: log) and,
    in hexadecimal, bytes that no known layout accounts for (tail). An event that cannot be
    decoded is printed with the reason and its bytes. FILE may be - for standard input.
    """
    readable = [_decode_file(name, domain=domain) for name in files]
    sys.exit(0 if all(readable) else 1)


def _decode_file(name: str, *, domain: bool) -> bool:
    """Print the events of a file's transactions; False if there is one that cannot be read."""
    shown = "standard input" if name == "-" else name
    try:
        with click.open_file(name, "rb") as file:
            content: bytes = file.read()
    except OSError as error:
        _complain(f"{shown}: {error.strerror or error}")
        return False
    readable = True
    for where, document in _documents(content):
        if isinstance(document, msgspec.DecodeError):
            _complain(f"{shown}{where}: not JSON: {document}")
            readable = False
        else:
            readable &= _decode(document, shown + where, domain=domain)
    return readable


def _documents(content: bytes) -> Iterator[tuple[str, Any]]:
    """The documents, or why one is none, each with its place in the file."""
    try:
        whole = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        documents = list(_lines(content.splitlines()))
        if not documents or isinstance(documents[0][1], msgspec.DecodeError):
            yield "", error  # not JSON lines either: said once, not for every line
        else:
            yield from documents
        return
    if isinstance(whole, list):
        yield from ((f", transaction {number}", item) for number, item in enumerate(whole, 1))
    else:
        yield "", whole


def _lines(lines: Sequence[bytes]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield f", line {number}", msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                yield f", line {number}", error


def _decode(document: object, where: str, *, domain: bool) -> bool:
    """Print a document's events; False if it is not a transaction that can be read."""
    try:
        recording = recorded.transaction(document)
    except RecordingError as error:
        _complain(f"{where}: {error}")
        return False
    tx = frames.transaction(
        recording.info,
        slot=recording.slot or 0,
        block_time_s=recording.block_time_s or 0,
        received_at_ns=0,
    )
    if tx.failed:
        _complain(f"{where}: {signature_text(tx.signature)} failed, so it emitted nothing")
    elif domain:
        _print_facts(tx)
    else:
        found = decode(tx)
        items: list[WireEvent | Undecoded] = [*found.events, *found.undecoded]
        for item in sorted(items, key=lambda item: item.place[:2]):
            click.echo(msgspec.json.encode(_line(recording, tx, item)))
    return True


def _line(
    recording: RecordedTransaction, tx: RawTransaction, item: WireEvent | Undecoded
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "signature": signature_text(tx.signature),
        "slot": recording.slot,
        "index": recording.index,
        "block_time_s": recording.block_time_s,
        "outer": item.place.outer,
        "inner": item.place.inner,
        "source": item.place.source,
    }
    if isinstance(item, Undecoded):
        return line | {
            "program": item.program,
            "event": None,
            "reason": item.reason,
            "detail": item.detail,
            "data": item.data.hex(),
        }
    return line | {
        "program": item.layout.program,
        "event": item.layout.name,
        "layout": item.version.label,
        "fields": item.plain(),
        "tail": item.tail.hex(),
    }


def _print_facts(tx: RawTransaction) -> None:
    found = translated(tx)
    for fact in found.events:
        click.echo(encode(fact))
    for letter in found.letters:
        _complain(_sentence(letter))


def _sentence(letter: DeadLetter) -> str:
    what = letter.event or f"something of {letter.program}"
    return f"{letter.signature}: {what} at {letter.outer}.{letter.inner}: {letter.detail}"


def _complain(line: str) -> None:
    click.echo(line, err=True)
