"""Recorded transactions are read in every form that JSON-RPC gives them in."""

from base64 import b64encode
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.message import (
    Message,
    MessageAddressTableLookup,
    MessageHeader,
    MessageV0,
    MessageV1,
    TransactionConfig,
)
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from adapters.yellowstone import base58
from adapters.yellowstone.recorded import RecordingError, transaction
from curvetape.testing.layouts import address
from domain.programs import PUMP

PAYER, COIN, TABLE, LOOKED_UP = map(address, ("payer", "coin", "table", "looked up"))
DATA = bytes.fromhex("0001ff")
HEADER = MessageHeader(1, 0, 1)
BLOCKHASH = Hash.from_string(address("blockhash"))
KEYS = [Pubkey.from_string(key) for key in (PAYER, COIN, PUMP)]
INSTRUCTION = CompiledInstruction(2, DATA, bytes([0, 1]))
SIGNATURE = Signature.from_bytes(bytes(range(64)))

MESSAGES: dict[int | str, Message | MessageV0 | MessageV1] = {
    "legacy": Message.new_with_compiled_instructions(1, 0, 1, KEYS, BLOCKHASH, [INSTRUCTION]),
    0: MessageV0(
        HEADER,
        KEYS,
        BLOCKHASH,
        [INSTRUCTION],
        [MessageAddressTableLookup(Pubkey.from_string(TABLE), bytes([4]), bytes([7, 8]))],
    ),
    1: MessageV1(
        HEADER, TransactionConfig(priority_fee=9, heap_size=65_536), BLOCKHASH, KEYS, [INSTRUCTION]
    ),
}


def meta(**given: Any) -> dict[str, Any]:
    return {"err": None, "fee": 5000, "innerInstructions": [], "logMessages": ["a"]} | given


def encoded(version: int | str, **given: Any) -> dict[str, Any]:
    wire = bytes(VersionedTransaction.populate(MESSAGES[version], [SIGNATURE]))
    return {
        "slot": 5,
        "blockTime": 6,
        "transactionIndex": 7,
        "version": version,
        "transaction": [b64encode(wire).decode(), "base64"],
        "meta": meta(),
    } | given


def as_json(version: int | str, **given: Any) -> dict[str, Any]:
    message: dict[str, Any] = {
        "header": {
            "numRequiredSignatures": 1,
            "numReadonlySignedAccounts": 0,
            "numReadonlyUnsignedAccounts": 1,
        },
        "accountKeys": [PAYER, COIN, PUMP],
        "recentBlockhash": address("blockhash"),
        "instructions": [
            {"programIdIndex": 2, "accounts": [0, 1], "data": "19p", "stackHeight": None}
        ],
    }
    if version == 0:
        message["addressTableLookups"] = [
            {"accountKey": TABLE, "writableIndexes": [4], "readonlyIndexes": [7, 8]}
        ]
    if version == 1:
        message["transactionConfig"] = {"priorityFee": 9, "heapSize": 65_536}
    result = encoded(version)
    result["transaction"] = {"signatures": [str(SIGNATURE)], "message": message}
    return result | given


def parsed() -> dict[str, Any]:
    """As `jsonParsed` gives it: keys by name, loaded ones among them, some data left out."""
    result = encoded(0)
    result["transaction"] = {
        "signatures": [str(SIGNATURE)],
        "message": {
            "accountKeys": [
                {"pubkey": PAYER, "signer": True, "writable": True, "source": "transaction"},
                {"pubkey": COIN, "signer": False, "writable": True, "source": "transaction"},
                {"pubkey": PUMP, "signer": False, "writable": False, "source": "transaction"},
                {"pubkey": LOOKED_UP, "signer": False, "writable": False, "source": "lookupTable"},
            ],
            "recentBlockhash": address("blockhash"),
            "instructions": [
                {"programId": PUMP, "accounts": [PAYER, LOOKED_UP], "data": "19p"},
                {"programId": COIN, "program": "spl-token", "parsed": {"type": "transfer"}},
            ],
        },
    }
    result["meta"]["innerInstructions"] = [
        {"index": 0, "instructions": [{"programId": PUMP, "accounts": [PUMP], "data": "1"}]}
    ]
    return result


@pytest.mark.parametrize("version", MESSAGES)
def test_json_and_base64_give_the_same_message(version: int | str) -> None:
    from_wire, from_json = transaction(encoded(version)), transaction(as_json(version))
    assert from_wire.info == from_json.info
    assert (from_wire.slot, from_wire.index, from_wire.block_time_s) == (5, 7, 6)
    message = from_wire.info.transaction.message
    assert message.versioned == (version != "legacy")
    assert message.HasField("config") == (version == 1)
    assert len(message.address_table_lookups) == (version == 0)
    assert message.instructions[0].data == DATA


def test_a_v1_message_keeps_its_compute_budget() -> None:
    config = transaction(encoded(1)).info.transaction.message.config
    assert (config.priority_fee, config.heap_size) == (9, 65_536)
    assert not config.HasField("compute_unit_limit")


def test_parsed_instructions_are_read_as_far_as_they_go() -> None:
    info = transaction(parsed()).info
    message = info.transaction.message
    header = message.header
    assert (header.num_required_signatures, header.num_readonly_unsigned_accounts) == (1, 1)
    assert len(message.account_keys) == 3
    assert list(info.meta.loaded_readonly_addresses) == [bytes(Pubkey.from_string(LOOKED_UP))]
    first, second = message.instructions
    assert (first.program_id_index, first.accounts, first.data) == (2, bytes([0, 3]), DATA)
    assert (second.program_id_index, second.data) == (1, b"")
    assert info.meta.inner_instructions[0].instructions[0].data == b"\0"


@pytest.mark.parametrize("wrap", [{"jsonrpc": "2.0", "id": 1}, {"note": "simulated"}, {}])
def test_a_result_is_found_inside_a_response(wrap: dict[str, Any]) -> None:
    assert transaction(wrap | {"result": encoded(0)}) == transaction(encoded(0))


def test_base58_text_is_a_transaction_too() -> None:
    wire = bytes(VersionedTransaction.populate(MESSAGES["legacy"], [SIGNATURE]))
    number, text = int.from_bytes(wire, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + text
    expected = transaction(encoded("legacy")).info
    assert transaction(encoded("legacy", transaction=text)).info == expected
    assert transaction(encoded("legacy", transaction=[text, "base58"])).info == expected


def test_what_a_recording_does_not_say_stays_unknown() -> None:
    document = encoded(0, meta={"err": None, "fee": 1})
    for field in ("slot", "blockTime", "transactionIndex"):
        del document[field]
    found = transaction(document)
    assert (found.slot, found.index, found.block_time_s) == (None, None, None)
    assert found.info.meta.inner_instructions_none
    assert found.info.meta.log_messages_none
    assert not found.info.meta.HasField("compute_units_consumed")


def test_no_inner_instructions_are_not_unknown_ones() -> None:
    assert not transaction(encoded(0)).info.meta.inner_instructions_none
    unknown = transaction(encoded(0, meta=meta(innerInstructions=None))).info
    assert unknown.meta.inner_instructions_none


def test_an_error_is_kept() -> None:
    info = transaction(encoded(0, meta=meta(err={"InstructionError": [0, "Custom"]}))).info
    assert info.meta.err.err == b'{"InstructionError":[0,"Custom"]}'
    assert not transaction(encoded(0)).info.meta.HasField("err")


def test_token_balances_are_kept() -> None:
    balance = {
        "accountIndex": 1,
        "mint": COIN,
        "owner": PAYER,
        "programId": PUMP,
        "uiTokenAmount": {"amount": "18446744073709551615", "decimals": 6, "uiAmount": None},
    }
    info = transaction(encoded(0, meta=meta(preTokenBalances=[balance]))).info
    (found,) = info.meta.pre_token_balances
    assert (found.account_index, found.mint, found.owner) == (1, COIN, PAYER)
    assert found.ui_token_amount.amount == "18446744073709551615"


BAD: list[tuple[object, str]] = [
    ([], "document: a JSON object was expected: a getTransaction result"),
    ({}, "transaction: absent: this is not a getTransaction result"),
    ({"result": None}, "result: null: the node does not have this transaction"),
    (
        {"error": {"code": -32015, "message": "not supported"}},
        "error: the node answered with an error: {'code': -32015, 'message': 'not supported'}",
    ),
    (encoded(0, meta=None), "meta: absent or null: without it nobody knows what was executed"),
    (encoded(0, slot="5"), "slot: Expected `int | null`, got `str`"),
    (encoded(0, meta={"err": None}), "meta: Object missing required field `fee`"),
    (encoded(0, meta=meta(fee=-1)), "transaction: a number is out of its range: "),
    (encoded(0, transaction=["a", "base16"]), "encoding 'base16' is not one of base64, base58"),
    (encoded(0, transaction=["a"]), "transaction: a list was expected to be [text, encoding]"),
    (encoded(0, transaction=["?", "base64"]), "transaction: not base64: "),
    (encoded(0, transaction=["AAAA", "base64"]), "not the bytes of a legacy, v0 or v1 transaction"),
    (encoded(0, transaction="0OIl"), "transaction: not base58: '0' is not a base58 character"),
    (
        encoded(0, meta=meta(loadedAddresses={"writable": ["x"], "readonly": []})),
        "meta.loadedAddresses: 'x' is not an address in base58",
    ),
    (
        encoded(0, meta=meta(innerInstructions=[{"index": 0, "instructions": [{"data": "1"}]}])),
        "meta.innerInstructions[0].instructions[0]: neither programIdIndex nor programId",
    ),
    (
        encoded(
            0,
            meta=meta(innerInstructions=[{"index": 0, "instructions": [{"programId": TABLE}]}]),
        ),
        f"{TABLE} is not among the transaction's account keys",
    ),
]


@pytest.mark.parametrize(("document", "sentence"), BAD)
def test_what_cannot_be_read_is_said_with_its_field(document: object, sentence: str) -> None:
    with pytest.raises(RecordingError) as caught:
        transaction(document)
    assert sentence in str(caught.value)
    assert str(caught.value) == f"{caught.value.field}: {caught.value.problem}"


@pytest.mark.parametrize(
    ("text", "data"),
    [("", b""), ("1", b"\0"), ("19p", DATA), ("5Q", b"\xff")],
)
def test_base58_is_decoded_with_its_leading_zeros(text: str, data: bytes) -> None:
    assert base58.decode(text) == data


def test_base58_text_longer_than_any_instruction_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 16384"):
        base58.decode("z" * 16_385)
