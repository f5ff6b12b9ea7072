"""The shapes in which JSON-RPC gives a transaction, as far as they are needed."""

import binascii
from base64 import b64decode
from typing import Any

import msgspec
from solders.pubkey import Pubkey
from solders.signature import Signature

from adapters.yellowstone import base58


class RecordingError(ValueError):
    """A recorded transaction cannot be read; `field` is where, `problem` is what to know or do."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class Key(msgspec.Struct):
    """An account key in the `jsonParsed` encoding."""

    pubkey: str
    signer: bool = False
    writable: bool = False
    source: str | None = None
    """`transaction` or `lookupTable`."""


class Instruction(msgspec.Struct, rename="camel"):
    """An instruction; `jsonParsed` names keys instead of indexes and may leave out the data."""

    program_id_index: int | None = None
    program_id: str | None = None
    accounts: list[int | str] | None = None
    data: str | None = None
    stack_height: int | None = None


class Inner(msgspec.Struct):
    """The instructions that a top-level one called."""

    index: int
    instructions: list[Instruction]


class Header(msgspec.Struct, rename="camel"):
    """How many of the static keys sign, and how many are read only."""

    num_required_signatures: int
    num_readonly_signed_accounts: int
    num_readonly_unsigned_accounts: int


class Lookup(msgspec.Struct, rename="camel"):
    """The addresses that a v0 message takes from a table."""

    account_key: str
    writable_indexes: list[int]
    readonly_indexes: list[int]


class Config(msgspec.Struct, rename="camel"):
    """The compute budget inside a v1 message."""

    priority_fee: int | None = None
    compute_unit_limit: int | None = None
    loaded_accounts_data_size_limit: int | None = None
    heap_size: int | None = None


class Message(msgspec.Struct, rename="camel"):
    """A message in the `json` or `jsonParsed` encoding."""

    account_keys: list[str | Key]
    instructions: list[Instruction]
    recent_blockhash: str
    header: Header | None = None
    address_table_lookups: list[Lookup] | None = None
    transaction_config: Config | None = None
    config: Config | None = None


class Transaction(msgspec.Struct):
    """A transaction in the `json` or `jsonParsed` encoding."""

    signatures: list[str]
    message: Message


class Amount(msgspec.Struct, rename="camel"):
    """An amount of tokens."""

    amount: str
    decimals: int
    ui_amount: float | None = None
    ui_amount_string: str | None = None


class Balance(msgspec.Struct, rename="camel"):
    """A token account's balance."""

    account_index: int
    mint: str
    ui_token_amount: Amount
    owner: str | None = None
    program_id: str | None = None


class Loaded(msgspec.Struct):
    """The addresses that tables gave."""

    writable: list[str]
    readonly: list[str]


class Meta(msgspec.Struct, rename="camel"):
    """What became of a transaction."""

    err: Any
    fee: int
    pre_balances: list[int] = []
    post_balances: list[int] = []
    inner_instructions: list[Inner] | None = None
    log_messages: list[str] | None = None
    pre_token_balances: list[Balance] | None = None
    post_token_balances: list[Balance] | None = None
    loaded_addresses: Loaded | None = None
    compute_units_consumed: int | None = None
    cost_units: int | None = None


class Result(msgspec.Struct, rename="camel"):
    """A `getTransaction` result."""

    transaction: Transaction | str | list[str]
    meta: Meta | None
    slot: int | None = None
    block_time: int | None = None
    version: int | str | None = None
    transaction_index: int | None = None


def result(document: object) -> Result:
    """Read a result, bare or inside a JSON-RPC response; `RecordingError` if it is neither."""
    if not isinstance(document, dict):
        raise RecordingError("document", "a JSON object was expected: a getTransaction result")
    if document.get("error") is not None and "transaction" not in document:
        raise RecordingError("error", f"the node answered with an error: {document['error']}")
    if "result" in document and "transaction" not in document:
        document = document["result"]
        if document is None:
            raise RecordingError("result", "null: the node does not have this transaction")
    if not isinstance(document, dict) or "transaction" not in document:
        raise RecordingError("transaction", "absent: this is not a getTransaction result")
    if document.get("meta") is None:
        raise RecordingError("meta", "absent or null: without it nobody knows what was executed")
    try:
        return msgspec.convert(document, Result)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        raise RecordingError(path.rstrip("`").removeprefix("$.") or "result", problem) from error


def key(text: str, field: str) -> bytes:
    """The 32 bytes of an address or a blockhash."""
    try:
        return bytes(Pubkey.from_string(text))
    except ValueError as error:
        raise RecordingError(field, f"{text!r} is not an address in base58") from error


def signature(text: str) -> bytes:
    """The 64 bytes of a signature."""
    try:
        return bytes(Signature.from_string(text))
    except ValueError as error:
        raise RecordingError("signatures", f"{text!r} is not a signature in base58") from error


def data(text: str | None, field: str) -> bytes:
    """An instruction's data; nothing where `jsonParsed` left it out."""
    try:
        return base58.decode(text or "")
    except ValueError as error:
        raise RecordingError(field, str(error)) from error


def wire(encoded: str | list[str]) -> bytes:
    """A transaction in its wire form, from the `base64` or `base58` encoding."""
    if isinstance(encoded, str):
        text, encoding = encoded, "base58"
    elif len(encoded) == 2:
        text, encoding = encoded
    else:
        raise RecordingError("transaction", "a list was expected to be [text, encoding]")
    if encoding not in ("base64", "base58"):
        raise RecordingError(
            "transaction", f"encoding {encoding!r} is not one of base64, base58, json, jsonParsed"
        )
    try:
        return b64decode(text, validate=True) if encoding == "base64" else base58.decode(text)
    except (binascii.Error, ValueError) as error:
        raise RecordingError("transaction", f"not {encoding}: {error}") from error
