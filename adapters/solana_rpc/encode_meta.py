"""What became of a transaction, as `getBlock` answers it."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import msgspec
from solders.pubkey import Pubkey

from adapters.yellowstone import base58
from adapters.yellowstone.wire import solana_storage_pb2

_INSTRUCTION_ERROR = b"\x08\0\0\0"
_CUSTOM = b"\x19\0\0\0"
"""The numbers of the runtime's errors, as its encoding (bincode) has them."""


def meta_json(meta: solana_storage_pb2.TransactionStatusMeta) -> dict[str, Any]:
    """The `meta` of a transaction; without rewards, which nobody here asks for."""
    error = error_json(meta.err.err) if meta.HasField("err") else None
    shown: dict[str, Any] = {
        "err": error,
        "status": {"Ok": None} if error is None else {"Err": error},
        "fee": meta.fee,
        "preBalances": meta.pre_balances[:],
        "postBalances": meta.post_balances[:],
        "innerInstructions": None if meta.inner_instructions_none else _inner(meta),
        "logMessages": None if meta.log_messages_none else meta.log_messages[:],
        "preTokenBalances": [_balance(each) for each in meta.pre_token_balances],
        "postTokenBalances": [_balance(each) for each in meta.post_token_balances],
        "rewards": None,
        "loadedAddresses": {
            "writable": _addresses(meta.loaded_writable_addresses),
            "readonly": _addresses(meta.loaded_readonly_addresses),
        },
    }
    if not meta.return_data_none and meta.HasField("return_data"):
        shown["returnData"] = {
            "programId": str(Pubkey.from_bytes(meta.return_data.program_id)),
            "data": (b64encode(meta.return_data.data).decode(), "base64"),
        }
    if meta.HasField("compute_units_consumed"):
        shown["computeUnitsConsumed"] = meta.compute_units_consumed
    if meta.HasField("cost_units"):
        shown["costUnits"] = meta.cost_units
    return shown


def error_json(error: bytes) -> object:
    """The runtime's error: a program's own by its number, one from a recording as it was.

    Any other is shown as hexadecimal text; what matters is that there is one.
    """
    if len(error) == 13 and error[:4] == _INSTRUCTION_ERROR and error[5:9] == _CUSTOM:
        return {"InstructionError": [error[4], {"Custom": int.from_bytes(error[9:], "little")}]}
    try:
        recorded: object = msgspec.json.decode(error)
    except msgspec.DecodeError:
        return error.hex()
    return error.hex() if recorded is None else recorded


def _inner(meta: solana_storage_pb2.TransactionStatusMeta) -> list[dict[str, Any]]:
    return [
        {
            "index": group.index,
            "instructions": [
                {
                    "programIdIndex": each.program_id_index,
                    "accounts": list(each.accounts),
                    "data": base58.encode(each.data),
                    "stackHeight": each.stack_height if each.HasField("stack_height") else None,
                }
                for each in group.instructions
            ],
        }
        for group in meta.inner_instructions
    ]


def _balance(balance: solana_storage_pb2.TokenBalance) -> dict[str, Any]:
    amount = balance.ui_token_amount
    return {
        "accountIndex": balance.account_index,
        "mint": balance.mint,
        "owner": balance.owner,
        "programId": balance.program_id,
        "uiTokenAmount": {
            "amount": amount.amount,
            "decimals": amount.decimals,
            "uiAmount": amount.ui_amount,
            "uiAmountString": amount.ui_amount_string,
        },
    }


def _addresses(keys: Iterable[bytes]) -> list[str]:
    return [str(Pubkey.from_bytes(key)) for key in keys]
