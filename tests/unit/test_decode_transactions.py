"""What the decoder makes of a transaction, rule by rule."""

from base64 import b64decode, b64encode

import msgspec
import pytest

from curvetape.testing.layouts import address, example
from curvetape.testing.transactions import (
    BLOCK_TIME_S,
    SIGNATURE,
    Call,
    emitted,
    landed,
    message,
    view,
)
from domain.events import CurveTraded
from domain.events import decode as decode_event
from domain.position import FIRST_LOGGED_INNER
from domain.programs import NATIVE_SOL, PUMP, PUMP_AMM, PUMP_FEES
from ingest.context import signature_text
from ingest.dead import DeadLetter
from ingest.decode import SELF_CALL_PREFIX, decode
from ingest.layouts.catalogue import event
from ingest.transaction import entries

ROUTER = address("a router")
BUY = Call(PUMP, bytes.fromhex("66063d1201daebea"))


def written(program: str, name: str, label: str, **given: object) -> bytes:
    layout = event(program, name)
    return layout.write(label, example(layout, layout.named(label), **given))


TRADE = written(PUMP, "TradeEvent", "T9", quote_mint=NATIVE_SOL)
UNKNOWN = bytes.fromhex("0123456789abcdef") + b"what it says"


def letters(batch_dead: list[bytes]) -> list[DeadLetter]:
    return [msgspec.json.decode(payload, type=DeadLetter) for payload in batch_dead]


def told(*lines: bytes | str, program: str = PUMP) -> list[str]:
    """The log of one call of the program, with these lines of data in it."""
    data = [
        line if isinstance(line, str) else f"Program data: {b64encode(line).decode()}"
        for line in lines
    ]
    return [f"Program {program} invoke [1]", *data, f"Program {program} success"]


def test_an_event_is_read_from_the_call_that_carries_it() -> None:
    found = decode(landed([BUY, emitted(PUMP, TRADE)]))
    assert [(e.layout.name, e.version.label, e.place) for e in found.events] == [
        ("TradeEvent", "T9", (0, 0, 2, "cpi"))
    ]


def test_an_event_is_never_counted_from_its_log_line_too() -> None:
    found = decode(landed([BUY, emitted(PUMP, TRADE)], logs=told(TRADE)))
    assert len(found.events) == 1


def test_a_failed_transaction_yields_nothing() -> None:
    calls = [BUY, emitted(PUMP, TRADE), emitted(PUMP, UNKNOWN)]
    batch = entries(landed(calls, logs=told(TRADE), failed=True))
    assert (batch.entries, batch.dead, batch.failed) == ([], [], 1)


def test_another_programs_event_with_our_discriminator_is_not_ours() -> None:
    calls = [Call(ROUTER), emitted(ROUTER, TRADE)]
    found = decode(landed(calls, logs=told(TRADE, program=ROUTER)))
    assert (found.events, found.undecoded) == ([], [])


def test_a_program_that_only_looks_on_is_not_asked() -> None:
    """Our program among the accounts of a foreign instruction does not make its log ours."""
    calls = [Call(ROUTER, accounts=(PUMP,)), emitted(ROUTER, TRADE)]
    assert decode(landed(calls, logs=told(TRADE, program=ROUTER))).events == []


def test_an_unknown_event_of_ours_is_a_dead_letter_with_its_bytes() -> None:
    tx = landed([BUY, emitted(PUMP, TRADE), emitted(PUMP, UNKNOWN)])
    batch = entries(tx)
    (letter,) = letters([entry.payload for entry in batch.dead])
    assert (letter.reason, letter.program, b64decode(letter.data)) == (
        "unknown_event",
        PUMP,
        UNKNOWN,
    )
    assert batch.dead[0].subject == f"dead.decode.{PUMP}"
    assert batch.dead[0].id == f"dead:{signature_text(SIGNATURE)}:0.1@{tx.slot}.{tx.index}"
    assert (len(batch.entries), batch.decoded, batch.unknown) == (1, 1, 1)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 128])
def test_an_event_too_short_for_its_first_layout_is_a_dead_letter(size: int) -> None:
    batch = entries(landed([BUY, emitted(PUMP, TRADE[:size])]))
    (letter,) = letters([entry.payload for entry in batch.dead])
    assert letter.reason == ("unknown_event" if size < 8 else "unreadable_event")
    assert b64decode(letter.data) == TRADE[:size]
    assert batch.entries == []


def test_a_call_with_the_prefix_and_nothing_behind_it_is_no_event() -> None:
    """The curve pays lamports out by such a call; nothing is logged by it."""
    paying = Call(PUMP, SELF_CALL_PREFIX, height=2)
    found = decode(landed([BUY, paying, emitted(PUMP, TRADE)]))
    assert [event.place.inner for event in found.events] == [1]
    assert found.undecoded == []


def test_bytes_behind_the_longest_layout_are_kept_and_counted() -> None:
    newest = written(PUMP, "TradeEvent", "T9+u64", quote_mint=NATIVE_SOL)
    batch = entries(landed([BUY, emitted(PUMP, newest + b"\xca\xfe")]))
    trade = decode_event(batch.entries[0].payload)
    assert isinstance(trade, CurveTraded)
    assert (trade.layout, trade.tail, trade.unnamed_u64) == ("T9+u64", "cafe", 11)
    assert (batch.unknown_tails, batch.tails) == (1, {"TradeEvent T9+u64": 1})


def test_events_from_before_quotes_were_named_are_in_native_sol() -> None:
    trade = decode_event(
        entries(landed([BUY, emitted(PUMP, written(PUMP, "TradeEvent", "T1"))])).entries[0].payload
    )
    assert isinstance(trade, CurveTraded)
    assert (trade.quote_mint, trade.quote_decimals) == (NATIVE_SOL, 9)
    assert trade.quote_amount == len("sol_amount")
    assert trade.virtual_quote_reserves == len("virtual_sol_reserves")
    assert (trade.fee, trade.quote_amount, trade.shareholders) == (None, len("sol_amount"), ())


def test_another_quote_is_counted_in_its_own_units() -> None:
    data = written(PUMP, "TradeEvent", "T7", quote_mint=address("usd"), sol_amount=0)
    trade = decode_event(entries(landed([BUY, emitted(PUMP, data)])).entries[0].payload)
    assert isinstance(trade, CurveTraded)
    assert (trade.quote_mint, trade.quote_decimals) == (address("usd"), None)
    assert trade.quote_amount == len("quote_amount")
    assert trade.real_quote_reserves == len("real_quote_reserves")


def test_an_event_without_a_time_takes_that_of_its_transaction() -> None:
    created = written(PUMP, "CreateEvent", "C1")
    alone = entries(landed([BUY, emitted(PUMP, created)])).entries
    other = written(PUMP, "TradeEvent", "T1", timestamp=77)
    beside = entries(landed([BUY, emitted(PUMP, created), emitted(PUMP, other)])).entries
    assert msgspec.json.decode(alone[0].payload)["block_time_s"] == BLOCK_TIME_S
    assert [msgspec.json.decode(entry.payload)["block_time_s"] for entry in beside] == [77, 77]


@pytest.mark.parametrize(("fee", "priority"), [(5_000, 0), (105_000, 100_000), (0, 0)])
def test_the_priority_fee_is_what_signatures_do_not_cost(fee: int, priority: int) -> None:
    info = message([BUY, emitted(PUMP, TRADE)])
    info.meta.fee = fee
    payload = entries(view(info)).entries[0].payload
    assert msgspec.json.decode(payload)["priority_fee_lamports"] == priority


def test_a_known_event_of_no_read_model_is_logged_with_its_fields() -> None:
    data = written(PUMP_FEES, "SocialFeePdaClaimed", "2")
    (entry,) = entries(landed([Call(PUMP_FEES), emitted(PUMP_FEES, data)])).entries
    assert entry.subject == "pump.program.reported.SocialFeePdaClaimed"
    fields = msgspec.json.decode(entry.payload)["fields"]
    assert fields["recipient"] == address("recipient")
    assert fields["user_id"] == "a user_id"


@pytest.mark.parametrize(("outer", "index"), [(128, 0), (0, 1 << 17)])
def test_a_place_beyond_what_the_chain_can_have_is_a_dead_letter(outer: int, index: int) -> None:
    info = message([BUY, emitted(PUMP, TRADE)])
    info.meta.inner_instructions[0].index = outer
    info.index = index
    (letter,) = letters([entry.payload for entry in entries(view(info)).dead])
    assert (letter.reason, letter.event) == ("place_out_of_range", "TradeEvent")


def unrecorded(calls: list[Call], logs: list[str]) -> list[tuple[str, int, int]]:
    """Name and place of the events of a transaction whose inner instructions are not known."""
    info = message(calls, logs=logs)
    del info.meta.inner_instructions[:]
    info.meta.inner_instructions_none = True
    found = decode(view(info))
    events = [(e.layout.name, e.place.outer, e.place.inner) for e in found.events]
    return events + [(u.reason, u.place.outer, u.place.inner) for u in found.undecoded]


def called(program: str = PUMP, height: int = 2) -> list[str]:
    return [f"Program {program} invoke [{height}]", f"Program {program} success"]


DATA = f"Program data: {b64encode(TRADE).decode()}"


def test_a_logged_event_has_the_place_of_the_call_behind_it() -> None:
    logs = told("Program log: Instruction: Buy", *called(ROUTER), DATA, *called())
    assert unrecorded([BUY], logs) == [("TradeEvent", 0, 1)]


def test_a_logged_event_of_old_has_the_place_of_the_call_before_it() -> None:
    logs = told(*called(ROUTER), *called(), DATA, *called(), DATA)
    assert unrecorded([BUY], logs) == [("TradeEvent", 0, 1), ("TradeEvent", 0, 2)]


def test_a_payment_call_before_a_logged_event_is_not_its_place() -> None:
    logs = told(*called(), DATA, *called())
    assert unrecorded([BUY], logs) == [("TradeEvent", 0, 1)]


def test_a_logged_event_without_a_call_has_a_place_of_its_own() -> None:
    places = [("TradeEvent", 0, FIRST_LOGGED_INNER), ("TradeEvent", 0, FIRST_LOGGED_INNER + 1)]
    assert unrecorded([BUY], told(DATA, DATA)) == places


def test_instructions_that_leave_no_line_do_not_shift_the_places() -> None:
    """The signature programs are not called in the log."""
    quiet = Call(address("ed25519"))
    assert unrecorded([quiet, BUY], told(DATA, *called())) == [("TradeEvent", 1, 0)]


def test_a_log_line_belongs_to_the_program_that_is_running() -> None:
    logs = told(*called(), DATA, program=ROUTER)
    assert unrecorded([Call(ROUTER, accounts=(PUMP,))], logs) == []


def test_what_a_program_prints_cannot_pass_for_a_call() -> None:
    fake = f"Program log: Program {PUMP} invoke [2]"
    assert unrecorded([Call(ROUTER, accounts=(PUMP,))], told(fake, DATA, program=ROUTER)) == []


def test_a_cut_log_is_a_dead_letter_where_nothing_else_is_known() -> None:
    logs = [*told(DATA, *called())[:-1], "Log truncated"]
    places = unrecorded([BUY], logs)
    assert places[0] == ("TradeEvent", 0, 0)
    assert places[1][0] == "not_recorded"


def test_a_transaction_without_any_record_is_a_dead_letter() -> None:
    assert [place[0] for place in unrecorded([BUY], [])] == ["not_recorded"]


def test_a_line_that_is_not_base64_is_a_dead_letter() -> None:
    logs = told("Program data: ???", DATA)
    assert [place[0] for place in unrecorded([BUY], logs)] == ["TradeEvent", "unreadable_log"]


def test_the_log_is_read_for_a_program_that_was_called_and_made_no_call_of_itself() -> None:
    sell = Call(PUMP_AMM, bytes.fromhex("33e685a4017f83ad"))
    logs = [*told(TRADE), *told(written(PUMP_AMM, "UpdateAdminEvent", "1"), program=PUMP_AMM)]
    found = decode(landed([BUY, emitted(PUMP, TRADE), sell], logs=logs))
    assert [(e.layout.name, e.place.source) for e in found.events] == [
        ("TradeEvent", "cpi"),
        ("UpdateAdminEvent", "log"),
    ]
