"""Transactions to events as the programs wrote them; pure, and never surprised by bytes."""

from collections.abc import Container, Sequence

from solders.pubkey import Pubkey

from domain.chain import RawTransaction
from domain.position import LAST_INNER
from domain.programs import PROGRAMS
from ingest.accounts import account_key
from ingest.instruction import ONE_BYTE_INDEXES, PROGRAM_INDEX_AT, Instruction, instruction
from ingest.layouts.catalogue import BY_PROGRAM
from ingest.layouts.layout import TooShortError
from ingest.layouts.types import address
from ingest.logs import TRUNCATED, logged_data
from ingest.wire import Decoded, Place, Undecoded, WireEvent

SELF_CALL_PREFIX = bytes.fromhex("e445a52e51cb9a1d")
"""How the data of an instruction begins by which a program emits an event."""
_EVENT = len(SELF_CALL_PREFIX)

_PROGRAM_KEYS = {bytes(Pubkey.from_string(program)): program for program in PROGRAMS}

_NOBODY = bytes(32)

_SILENT = (
    bytes.fromhex("9aed8a5ca202a2bb"),  # pump_fees get_fees_with_quote_mint
    bytes.fromhex("e7257e55cf5b3f34"),  # pump_fees get_fees
)
"""Instructions that never emit, and that nearly every trade calls."""


def decode(tx: RawTransaction) -> Decoded:
    """The events of our programs in a landed transaction; none if it failed.

    The programs' calls of themselves are read first; the log lines, which say the same, only for
    a program that was called and of which no such call was recorded.
    """
    found = Decoded([], [])
    if tx.failed:
        return found
    ours = _ours(tx.account_keys)
    if not ours:
        return found
    emitted = set[str]()
    others: list[tuple[str, Instruction]] = []
    for outer, inner, encoded in _calls(tx, ours):
        call = instruction(encoded)
        program = ours.get(call.program_id_index)
        if program is None:
            continue
        data = call.data
        if inner < 0 or not data.startswith(SELF_CALL_PREFIX):
            others.append((program, call))
        elif len(data) > _EVENT:
            emitted.add(program)
            place = Place(outer, inner, call.stack_height, "cpi")
            _read_event(program, data, _EVENT, place, found)
        # Nothing behind the prefix is no event: the curve pays lamports out by such a call.
    quiet = {
        program
        for program, call in others
        if program not in emitted and call.data[:8] not in _SILENT
    }
    if not tx.inner_instructions_known:
        # What called whom was not recorded, so every program of ours may have been called.
        quiet.update(program for program in ours.values() if program not in emitted)
    if quiet:
        _read_logs(tx, frozenset(quiet), found)
    return found


def _ours(keys: Sequence[bytes]) -> dict[int, str]:
    """Our programs among the accounts, by index."""
    ours: dict[int, str] = {}
    joined = b"".join(keys)
    for key, program in _PROGRAM_KEYS.items():
        # A transaction that names an account twice does not land.
        at = joined.find(key)
        if at >= 0:
            index = at >> 5
            if keys[index] != key:
                # A key before it has another size than keys have.
                return {n: _PROGRAM_KEYS[k] for n, k in enumerate(keys) if k in _PROGRAM_KEYS}
            ours[index] = program
    return ours


def _calls(tx: RawTransaction, ours: Container[int]) -> list[tuple[int, int, bytes]]:
    """Outer index, inner index (-1 at top level) and encoding of at least all calls of ours.

    Few of a transaction's instructions are, so they are told apart before they are read.
    """
    try:
        if len(tx.account_keys) <= ONE_BYTE_INDEXES:
            calls = [
                (outer, -1, encoded)
                for outer, encoded in enumerate(tx.instructions)
                if encoded[PROGRAM_INDEX_AT] in ours
            ]
            calls += [
                (outer, inner, encoded)
                for outer, instructions in tx.inner_instructions
                for inner, encoded in enumerate(instructions)
                if encoded[PROGRAM_INDEX_AT] in ours
            ]
            return calls
    except IndexError:
        pass  # nothing at all is an encoding, too
    return [(outer, -1, encoded) for outer, encoded in enumerate(tx.instructions)] + [
        (outer, inner, encoded)
        for outer, instructions in tx.inner_instructions
        for inner, encoded in enumerate(instructions)
    ]


def _read_event(program: str, data: bytes, start: int, place: Place, found: Decoded) -> None:
    layout = BY_PROGRAM[program].get(data[start : start + 8])
    if layout is None:
        detail = f"no event known has discriminator {data[start : start + 8].hex()}"
        found.undecoded.append(Undecoded(program, "unknown_event", detail, data[start:], place))
        return
    try:
        values, version, end = layout.read(data, start + 8)
    except TooShortError as error:
        found.undecoded.append(
            Undecoded(program, "unreadable_event", str(error), data[start:], place)
        )
        return
    found.events.append(WireEvent(layout, version, values, data, start, end, place))


def _read_logs(tx: RawTransaction, programs: frozenset[str], found: Decoded) -> None:
    top_level = [
        address(account_key(tx, instruction(encoded).program_id_index) or _NOBODY)
        for encoded in tx.instructions
    ]
    lines = tx.details.log_messages
    for logged in logged_data(lines, programs, top_level):
        place = Place(logged.outer, logged.inner, logged.height + 1, "log")
        data = logged.data()
        if data is None:
            line = logged.line.encode("utf-8", "replace")
            found.undecoded.append(
                Undecoded(logged.program, "unreadable_log", "the line is not base64", line, place)
            )
        elif data:
            _read_event(logged.program, data, 0, place, found)
    found.events.sort(key=_order)
    if not tx.inner_instructions_known and (not lines or TRUNCATED in lines):
        detail = "inner instructions were not recorded, and the log lines are cut or missing"
        program = min(programs, key=PROGRAMS.index)
        place = Place(0, LAST_INNER, 0, "log")
        found.undecoded.append(Undecoded(program, "not_recorded", detail, b"", place))


def _order(event: WireEvent) -> tuple[int, int]:
    return event.place[:2]
