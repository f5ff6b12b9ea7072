"""Transactions to events as the programs wrote them; pure, and never surprised by bytes."""

from collections.abc import Iterable, Sequence
from itertools import chain

from solders.pubkey import Pubkey

from domain.chain import RawTransaction
from domain.position import LAST_INNER
from domain.programs import PROGRAMS
from ingest.accounts import account_key
from ingest.instruction import instruction, program_indexes
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
    called, emitted = set[str](), set[str]()
    _read_calls(tx, found, called, emitted)
    if not tx.inner_instructions_known:
        # What called whom was not recorded, so every program of ours may have been called.
        called.update(_PROGRAM_KEYS[key] for key in tx.account_keys if key in _PROGRAM_KEYS)
    quiet = called - emitted
    if quiet:
        _read_logs(tx, frozenset(quiet), found)
    return found


def _read_calls(tx: RawTransaction, found: Decoded, called: set[str], emitted: set[str]) -> None:
    """Read the programs' calls of themselves; which were called, and which called themselves.

    Only the instructions of our programs are decoded, which are few among many.
    """
    top_level = program_indexes(tx.instructions)
    groups = [program_indexes(encoded) for _, encoded in tx.inner_instructions]
    ours = _ours(tx.account_keys, {*top_level, *chain.from_iterable(groups)})
    if not ours:
        return
    for outer, index in enumerate(top_level):
        if index in ours and instruction(tx.instructions[outer]).data[:8] not in _SILENT:
            called.add(ours[index])
    for (outer, encoded), group in zip(tx.inner_instructions, groups, strict=True):
        for inner, index in enumerate(group):
            if index not in ours:
                continue
            program, call = ours[index], instruction(encoded[inner])
            data = call.data
            if not data.startswith(SELF_CALL_PREFIX):
                if data[:8] not in _SILENT:
                    called.add(program)
            elif len(data) > _EVENT:
                emitted.add(program)
                place = Place(outer, inner, call.stack_height, "cpi")
                _read_event(program, data, _EVENT, place, found)
            # Nothing behind the prefix is no event: the curve pays lamports out by such a call.


def _ours(keys: Sequence[bytes], indexes: Iterable[int]) -> dict[int, str]:
    """Which of our programs the account indexes stand for, where they do."""
    count = len(keys)
    return {
        index: _PROGRAM_KEYS[keys[index]]
        for index in indexes
        if index < count and keys[index] in _PROGRAM_KEYS
    }


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
        address(account_key(tx, index) or _NOBODY) for index in program_indexes(tx.instructions)
    ]
    for logged in logged_data(tx.details.log_messages, programs, top_level):
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
    if not tx.inner_instructions_known and (
        not tx.details.log_messages or TRUNCATED in tx.details.log_messages
    ):
        detail = "inner instructions were not recorded, and the log lines are cut or missing"
        program = min(programs, key=PROGRAMS.index)
        place = Place(0, LAST_INNER, 0, "log")
        found.undecoded.append(Undecoded(program, "not_recorded", detail, b"", place))


def _order(event: WireEvent) -> tuple[int, int]:
    return event.place[:2]
