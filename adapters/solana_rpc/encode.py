"""Blocks as `getBlock` answers them.

The main chain's blocks hold votes and strangers' transactions besides ours, and a transaction's
place is its index among all of them. A block that has only some of its transactions gets a
transaction of the System program at every other place, which concerns nobody.
"""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

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

from adapters.solana_rpc.encode_meta import meta_json
from adapters.yellowstone import base58
from adapters.yellowstone.wire import geyser_pb2, solana_storage_pb2

Encoding: TypeAlias = Literal["base64", "json"]
Details: TypeAlias = Literal["full", "signatures", "none"]


class VersionRefusedError(Exception):
    """The block has a transaction that is newer than the client allows."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Transaction version ({version}) is not supported by the requesting client. Please "
            "try the request again with the following configuration parameter: "
            f'"maxSupportedTransactionVersion": {version}'
        )


def block_json(
    block: geyser_pb2.SubscribeUpdateBlock,
    *,
    encoding: Encoding,
    details: Details,
    version_max: int | None,
) -> dict[str, Any]:
    """The `result` of a `getBlock`; `VersionRefusedError` for what is newer than `version_max`."""
    result: dict[str, Any] = {
        "blockHeight": block.block_height.block_height if block.HasField("block_height") else None,
        "blockTime": block.block_time.timestamp if block.HasField("block_time") else None,
        "blockhash": block.blockhash,
        "parentSlot": block.parent_slot,
        "previousBlockhash": block.parent_blockhash,
    }
    if details == "full":
        result["transactions"] = [
            _transaction(info, encoding, version_max) for info in _in_place(block)
        ]
    elif details == "signatures":
        result["signatures"] = [
            str(Signature.from_bytes(info.signature)) for info in _in_place(block)
        ]
    return result


def wire(transaction: solana_storage_pb2.Transaction) -> bytes:
    """A transaction as it goes over the network."""
    signatures = [Signature.from_bytes(signature) for signature in transaction.signatures]
    return bytes(VersionedTransaction.populate(_message(transaction.message), signatures))


def _in_place(
    block: geyser_pb2.SubscribeUpdateBlock,
) -> Iterator[geyser_pb2.SubscribeUpdateTransactionInfo]:
    """One transaction for each place of the block."""
    given = {info.index: info for info in block.transactions}
    count = max(block.executed_transaction_count, max(given, default=-1) + 1)
    for place in range(count):
        yield given.get(place) or _stranger(block.slot, place)


def _stranger(slot: int, place: int) -> geyser_pb2.SubscribeUpdateTransactionInfo:
    signature = slot.to_bytes(32, "big") + place.to_bytes(32, "big")
    info = geyser_pb2.SubscribeUpdateTransactionInfo(signature=signature, index=place)
    info.transaction.signatures.append(signature)
    message = info.transaction.message
    message.header.num_required_signatures = 1
    message.header.num_readonly_unsigned_accounts = 1
    message.account_keys.extend((b"\1" * 32, bytes(32)))
    message.recent_blockhash = bytes(32)
    message.instructions.add(program_id_index=1, accounts=b"\0", data=b"\4\0\0\0")
    info.meta.fee = 5_000
    info.meta.pre_balances.extend((10**9, 1))
    info.meta.post_balances.extend((10**9 - 5_000, 1))
    return info


def _transaction(
    info: geyser_pb2.SubscribeUpdateTransactionInfo, encoding: Encoding, version_max: int | None
) -> dict[str, Any]:
    message = info.transaction.message
    version = _version(message)
    if version != "legacy" and (version_max is None or version > version_max):
        raise VersionRefusedError(version)
    transaction: Any
    if encoding == "base64":
        transaction = (b64encode(wire(info.transaction)).decode(), "base64")
    else:
        transaction = {
            "signatures": [str(Signature.from_bytes(each)) for each in info.transaction.signatures],
            "message": _message_json(message),
        }
    answer = {"meta": meta_json(info.meta), "transaction": transaction}
    # As the nodes do: who did not ask for versions is not told any.
    return answer if version_max is None else {**answer, "version": version}


def _version(message: solana_storage_pb2.Message) -> int | Literal["legacy"]:
    if not message.versioned:
        return "legacy"
    return 1 if message.HasField("config") else 0


def _message(source: solana_storage_pb2.Message) -> Message | MessageV0 | MessageV1:
    header = MessageHeader(
        source.header.num_required_signatures,
        source.header.num_readonly_signed_accounts,
        source.header.num_readonly_unsigned_accounts,
    )
    keys = [Pubkey.from_bytes(key) for key in source.account_keys]
    recent = Hash.from_bytes(source.recent_blockhash or bytes(32))
    instructions = [
        CompiledInstruction(each.program_id_index, each.data, each.accounts)
        for each in source.instructions
    ]
    version = _version(source)
    if version == "legacy":
        return Message.new_with_compiled_instructions(
            header.num_required_signatures,
            header.num_readonly_signed_accounts,
            header.num_readonly_unsigned_accounts,
            keys,
            recent,
            instructions,
        )
    if version == 1:
        return MessageV1(
            header, TransactionConfig(**_config(source.config)), recent, keys, instructions
        )
    lookups = [
        MessageAddressTableLookup(
            Pubkey.from_bytes(each.account_key), each.writable_indexes, each.readonly_indexes
        )
        for each in source.address_table_lookups
    ]
    return MessageV0(header, keys, recent, instructions, lookups)


def _config(source: solana_storage_pb2.TransactionConfig) -> dict[str, int]:
    return {field.name: value for field, value in source.ListFields()}


def _message_json(source: solana_storage_pb2.Message) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "header": {
            "numRequiredSignatures": source.header.num_required_signatures,
            "numReadonlySignedAccounts": source.header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": source.header.num_readonly_unsigned_accounts,
        },
        "accountKeys": [str(Pubkey.from_bytes(key)) for key in source.account_keys],
        "recentBlockhash": str(Hash.from_bytes(source.recent_blockhash or bytes(32))),
        "instructions": [
            {
                "programIdIndex": each.program_id_index,
                "accounts": list(each.accounts),
                "data": base58.encode(each.data),
                "stackHeight": 1,
            }
            for each in source.instructions
        ],
    }
    version = _version(source)
    if version == 0:
        shown["addressTableLookups"] = [
            {
                "accountKey": str(Pubkey.from_bytes(each.account_key)),
                "writableIndexes": list(each.writable_indexes),
                "readonlyIndexes": list(each.readonly_indexes),
            }
            for each in source.address_table_lookups
        ]
    if version == 1:
        shown["transactionConfig"] = {
            _camel(name): value for name, value in _config(source.config).items()
        }
    return shown


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
