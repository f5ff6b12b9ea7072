"""Whatever bytes arrive, the decoder answers with events and dead letters, never an exception."""

from base64 import b64encode

import msgspec
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.yellowstone import frames
from adapters.yellowstone.wire import geyser_pb2
from curvetape.testing.layouts import address, values
from curvetape.testing.transactions import Call, emitted, hold, message, view
from domain.events import decode as decode_event
from domain.programs import PUMP_AMM, USDC
from ingest.dead import DeadLetter
from ingest.layouts.catalogue import EVENTS
from ingest.layouts.layout import Layout, Version
from ingest.transaction import Batch, entries

POOL = address("pool")


def check(batch: Batch) -> None:
    """What was made of a transaction can be read back, each place at most once."""
    ids = [entry.id for entry in batch.entries] + [entry.id for entry in batch.dead]
    assert len(ids) == len(set(ids))
    for entry in batch.entries:
        event = decode_event(entry.payload)
        assert (event.id, event.subject) == (entry.id, entry.subject)
    for entry in batch.dead:
        letter = msgspec.json.decode(entry.payload, type=DeadLetter)
        assert (letter.id, letter.subject) == (entry.id, entry.subject)


def transaction(program: str, data: bytes) -> geyser_pb2.SubscribeUpdateTransactionInfo:
    """A transaction in which the program emits the bytes, and logs them."""
    accounts = (POOL, address("user"), address("config"), address("coin"), USDC)
    calls = [
        Call(program, bytes.fromhex("66063d1201daebea"), accounts),
        emitted(program, data),
    ]
    logs = [
        f"Program {program} invoke [1]",
        f"Program data: {b64encode(data).decode()}",
        f"Program {program} success",
    ]
    info = message(calls, logs=logs)
    hold(info, owner=POOL, mint=USDC, amount=7, decimals=6)
    return info


every_version = st.sampled_from(
    [(layout, version) for layout in EVENTS for version in layout.versions]
)


@settings(max_examples=300, deadline=None)
@given(every_version, st.data())
def test_every_event_becomes_a_fact_or_a_letter(
    known: tuple[Layout, Version], data: st.DataObject
) -> None:
    layout, version = known
    event = layout.write(version.label, data.draw(values(layout, version)))
    batch = entries(view(transaction(layout.program, event)))
    check(batch)
    assert len(batch.entries) + len(batch.dead) == 1


@settings(max_examples=300, deadline=None)
@given(every_version, st.data())
def test_damaged_events_surprise_nobody(known: tuple[Layout, Version], data: st.DataObject) -> None:
    layout, version = known
    event = bytearray(layout.write(version.label, data.draw(values(layout, version))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(8, len(event) - 1))
        event[place] ^= 1 << data.draw(st.integers(0, 7))
    del event[data.draw(st.integers(0, len(event))) :]
    batch = entries(view(transaction(layout.program, bytes(event))))
    check(batch)
    assert len(batch.entries) + len(batch.dead) == (1 if event else 0)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_arbitrary_bytes_surprise_nobody(data: bytes) -> None:
    batch = entries(view(transaction(PUMP_AMM, data)))
    check(batch)
    assert len(batch.entries) + len(batch.dead) == (1 if data else 0)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_messages_surprise_nobody(data: st.DataObject) -> None:
    """Indexes out of range, keys of a wrong length, places beyond what a transaction can have."""
    layout, version = data.draw(every_version)
    event = layout.write(version.label, data.draw(values(layout, version)))
    raw = bytearray(transaction(layout.program, event).SerializeToString())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] = data.draw(st.integers(0, 255))
    try:
        info = geyser_pb2.SubscribeUpdateTransactionInfo.FromString(bytes(raw))
    except DecodeError:
        return
    check(entries(frames.transaction(info, slot=1, block_time_s=1, received_at_ns=1)))


log_lines = st.lists(
    st.sampled_from(
        [
            f"Program {PUMP_AMM} invoke [1]",
            f"Program {PUMP_AMM} invoke [2]",
            f"Program {POOL} invoke [2]",
            f"Program {POOL} invoke [99999999999999999999]",
            f"Program {PUMP_AMM} success",
            f"Program {POOL} failed: custom program error: 0x1",
            "Program data: ",
            "Program data: AAAAAAAAAAA=",
            "Program data: é",
            "Program data: AAAA AAAA",
            "Program ",
            "Program invoke",
            "Log truncated",
        ]
    )
    | st.text(max_size=30).map("Program {}".format),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(log_lines)
def test_no_sequence_of_log_lines_surprises_anybody(lines: list[str]) -> None:
    info = message([Call(PUMP_AMM)], logs=lines)
    info.meta.inner_instructions_none = True
    check(entries(view(info)))
