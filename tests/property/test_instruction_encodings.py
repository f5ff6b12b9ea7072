"""Instructions are read from any encoding that protobuf allows, as protobuf's own library does."""

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.yellowstone.wire.solana_storage_pb2 import InnerInstruction
from domain.chain import UnreadableError
from ingest.instruction import Instruction, instruction

ACCOUNTS = st.binary(max_size=64) | st.binary(min_size=120, max_size=300)
DATA = st.binary(max_size=20) | st.binary(min_size=100, max_size=700)


def as_protobuf_reads(encoded: bytes) -> Instruction:
    call = InnerInstruction.FromString(encoded)
    return Instruction(call.program_id_index, call.accounts, call.data, call.stack_height)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 300), ACCOUNTS, DATA, st.integers(0, 9) | st.none() | st.just(200))
def test_an_instruction_is_read_as_it_was_written(
    program: int, accounts: bytes, data: bytes, height: int | None
) -> None:
    encoded = InnerInstruction(
        program_id_index=program, accounts=accounts, data=data, stack_height=height
    ).SerializeToString()
    assert instruction(encoded) == Instruction(program, accounts, data, height or 0)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_fields_may_stand_in_any_order_and_among_unknown_ones(data: st.DataObject) -> None:
    parts: list[dict[str, Any]] = [
        {"program_id_index": 9},
        {"accounts": b"\x01\x02"},
        {"data": b"some data"},
        {"stack_height": 3},
    ]
    encoded = [InnerInstruction(**part).SerializeToString() for part in parts]
    unknown = [b"\x28\x05", b"\x32\x03abc", b"\x39" + bytes(8), b"\x45" + bytes(4)]
    shuffled = b"".join(data.draw(st.permutations(encoded + unknown)))
    assert instruction(shuffled) == as_protobuf_reads(shuffled)
    assert instruction(shuffled) == Instruction(9, b"\x01\x02", b"some data", 3)


@settings(max_examples=1_000, deadline=None)
@given(st.binary(min_size=1, max_size=40))
def test_damaged_bytes_are_refused_or_read_as_protobuf_reads_them(damage: bytes) -> None:
    usual = b"\x08\x05\x12\x01\x07\x1a\x02ab\x20\x02"
    for encoded in (damage, usual + damage, usual[:-3] + damage, damage + usual):
        try:
            read, expected = instruction(encoded), as_protobuf_reads(encoded)
        except (UnreadableError, DecodeError):
            continue  # protobuf's library also refuses tags that have no meaning
        assert read == expected


@pytest.mark.parametrize("cut", range(1, 11))
def test_an_instruction_that_is_cut_is_refused_or_shorter(cut: int) -> None:
    whole = b"\x08\x05\x12\x01\x07\x1a\x02ab\x20\x02"
    try:
        expected = as_protobuf_reads(whole[:cut])
    except DecodeError:
        with pytest.raises(UnreadableError, match="an instruction cannot be read"):
            instruction(whole[:cut])
    else:
        assert instruction(whole[:cut]) == expected
