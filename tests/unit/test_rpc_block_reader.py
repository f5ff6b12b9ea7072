"""What concerns us is found in a whole block's JSON without reading all of it."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.solana_rpc.blocks import BlockReader, UnreadableBlockError, base64_forms
from adapters.solana_rpc.encode import block_json
from adapters.solana_rpc.encode_meta import error_json
from adapters.yellowstone import base58, frames
from adapters.yellowstone.recorded import transaction
from adapters.yellowstone.wire import geyser_pb2
from curvetape.testing import mainnet
from curvetape.testing.yellowstone import block, touching
from domain.chain import Block
from domain.programs import PROGRAMS, PUMP, PUMP_AMM, WRAPPED_SOL

READER = BlockReader(PROGRAMS)
NOW_NS = 1_792_857_700_000_000_000
SLOT = 1_007


def shown(made: geyser_pb2.SubscribeUpdateBlock) -> dict[str, Any]:
    """The block as a node answers it, ready to be changed."""
    answer = block_json(made, encoding="base64", details="full", version_max=1)
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return decoded


def read(answer: object) -> Block:
    return READER.read(SLOT, msgspec.json.encode(answer), received_at_ns=NOW_NS)


@given(before=st.binary(max_size=9), key=st.binary(min_size=32, max_size=32), after=st.binary())
def test_a_key_is_found_at_every_place_of_a_base64_text(
    before: bytes, key: bytes, after: bytes
) -> None:
    text = b64encode(before + key + after)
    assert any(form in text for form in base64_forms(key))


@given(data=st.binary(max_size=400))
def test_base58_is_read_as_it_was_written(data: bytes) -> None:
    assert base58.decode(base58.encode(data)) == data


def test_only_transactions_with_a_program_of_ours_are_taken_at_their_place() -> None:
    made = block(
        SLOT,
        [
            touching(WRAPPED_SOL, signature=1),
            touching(WRAPPED_SOL, PUMP, signature=2),
            touching(WRAPPED_SOL, signature=3),
            touching(WRAPPED_SOL, signature=4, loaded=[PUMP_AMM], failed=True),
        ],
    )
    taken = read(shown(made))
    assert [(tx.index, tx.failed) for tx in taken.transactions] == [(1, False), (3, True)]
    assert [tx.signature[-1] for tx in taken.transactions] == [2, 4]
    assert taken.meta.executed_transaction_count == 4
    assert (taken.slot, taken.meta.parent_slot, taken.evidence) == (SLOT, SLOT - 1, "rpc")
    assert (taken.meta.blockhash, taken.meta.parent_blockhash) == (
        made.blockhash,
        made.parent_blockhash,
    )


def test_a_program_that_is_only_named_in_the_logs_does_not_count() -> None:
    info = touching(WRAPPED_SOL)
    info.meta.log_messages.append(f"Program log: {PUMP}")
    assert read(shown(block(SLOT, [info]))).transactions == ()


def test_a_transaction_is_found_where_the_encoder_escapes_slashes() -> None:
    answer = msgspec.json.encode(shown(block(SLOT, [touching(PUMP, signature=(1 << 512) - 1)])))
    escaped = answer.replace(b"/", b"\\/")
    assert escaped != answer
    assert len(READER.read(SLOT, escaped, received_at_ns=NOW_NS).transactions) == 1


def test_a_block_without_a_time_gets_the_second_of_its_arrival_for_its_transactions() -> None:
    answer = shown(block(SLOT, [touching(PUMP)])) | {"blockTime": None}
    taken = read(answer)
    assert taken.meta.block_time_s is None
    assert taken.transactions[0].block_time_s == NOW_NS // 10**9


def test_what_became_of_strangers_has_to_be_known_too() -> None:
    """A transaction whose loaded addresses are unknown may have touched our programs."""
    answer = shown(block(SLOT, [touching(WRAPPED_SOL)]))
    answer["transactions"][0]["meta"] = None
    with pytest.raises(UnreadableBlockError, match="transaction 0: meta: null"):
        read(answer)
    answer = shown(block(SLOT, [touching(WRAPPED_SOL)]))
    answer["transactions"][0]["version"] = 0
    del answer["transactions"][0]["meta"]["loadedAddresses"]
    with pytest.raises(UnreadableBlockError, match="no loadedAddresses"):
        read(answer)


@pytest.mark.parametrize(
    "change",
    [
        {"transactions": None},
        {"parentSlot": SLOT + 1},
        {"blockhash": 5},
        {"transactions": [{"meta": {}}]},
    ],
)
def test_an_answer_that_is_no_whole_block_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnreadableBlockError):
        read(shown(block(SLOT, [touching(PUMP)])) | change)


def test_a_damaged_transaction_of_ours_is_not_left_out() -> None:
    answer = shown(block(SLOT, [touching(PUMP)]))
    text = answer["transactions"][0]["transaction"][0]
    answer["transactions"][0]["transaction"][0] = text[:-8]
    with pytest.raises(UnreadableBlockError, match="transaction 0"):
        read(answer)


@given(garbage=st.binary(max_size=200))
def test_garbage_is_refused_and_breaks_nothing(garbage: bytes) -> None:
    with pytest.raises(UnreadableBlockError):
        READER.read(SLOT, garbage, received_at_ns=NOW_NS)


def test_a_programs_own_error_is_shown_by_its_number() -> None:
    slippage = bytes.fromhex("08000000021900000071170000")
    assert error_json(slippage) == {"InstructionError": [2, {"Custom": 6001}]}
    assert error_json(b'{"InstructionError":[2,"InvalidAccountData"]}') == {
        "InstructionError": [2, "InvalidAccountData"]
    }
    assert error_json(b"\x01") == "01"
    assert error_json(b"null") == "6e756c6c"


@pytest.mark.skipif(mainnet.MAINNET is None, reason="no real transactions on this machine")
@pytest.mark.parametrize("path", mainnet.transactions(), ids=lambda path: path.stem[:12])
def test_a_real_transaction_comes_out_of_a_block_as_it_went_in(path: Path) -> None:
    info = transaction(mainnet.read(path)).info
    info.index = 0
    (taken,) = read(shown(block(SLOT, [info]))).transactions
    want = frames.transaction(
        info, slot=SLOT, block_time_s=taken.block_time_s, received_at_ns=NOW_NS
    )
    for field in want.__struct_fields__:
        if field != "details":
            assert getattr(taken, field) == getattr(want, field), field
