"""Recorded transactions (JSON-RPC `getTransaction` results) as Yellowstone would have sent them."""

import msgspec
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from adapters.yellowstone import rpc_json
from adapters.yellowstone.recorded_message import (
    Keys,
    fill_from_json,
    fill_from_wire,
    read_instruction,
)
from adapters.yellowstone.rpc_json import RecordingError, key
from adapters.yellowstone.wire import geyser_pb2, solana_storage_pb2

__all__ = ["RecordedTransaction", "RecordingError", "transaction"]


class RecordedTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction and what its recording says about the block; None for what it does not say.

    `info.index` is 0 where the recording has no index.
    """

    info: geyser_pb2.SubscribeUpdateTransactionInfo
    slot: int | None
    index: int | None
    block_time_s: int | None


def transaction(document: object) -> RecordedTransaction:
    """Read a decoded JSON document: a result, or a JSON-RPC response around one.

    Encodings `json`, `jsonParsed`, `base64` and `base58` of legacy, v0 and v1 transactions.
    `RecordingError` says which field cannot be used. A failed transaction's `meta.err.err` is the
    error's JSON text, since a recording does not have the bytes of the runtime.
    """
    result = rpc_json.result(document)
    info = geyser_pb2.SubscribeUpdateTransactionInfo(index=result.transaction_index or 0)
    assert result.meta is not None, "checked when the result was read"
    try:
        if isinstance(result.transaction, rpc_json.Transaction):
            keys = fill_from_json(info.transaction, result.transaction, result.version)
        else:
            keys = fill_from_wire(info.transaction, rpc_json.wire(result.transaction))
        _fill_meta(info, result.meta, keys)
    except (ValueError, TypeError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError("transaction", f"a number is out of its range: {error}") from error
    if not info.transaction.signatures:
        raise RecordingError("signatures", "none: a transaction has at least one")
    info.signature = info.transaction.signatures[0]
    return RecordedTransaction(
        info=info,
        slot=result.slot,
        index=result.transaction_index,
        block_time_s=result.block_time,
    )


def _fill_meta(
    info: geyser_pb2.SubscribeUpdateTransactionInfo, source: rpc_json.Meta, keys: Keys
) -> None:
    meta = info.meta
    if source.err is not None:
        meta.err.err = msgspec.json.encode(source.err)
    meta.fee = source.fee
    meta.pre_balances.extend(source.pre_balances)
    meta.post_balances.extend(source.post_balances)
    keys = _with_loaded(keys, source.loaded_addresses)
    meta.loaded_writable_addresses.extend(keys.writable)
    meta.loaded_readonly_addresses.extend(keys.readonly)
    _fill_inner(meta, source, keys)
    meta.log_messages_none = source.log_messages is None
    meta.log_messages.extend(source.log_messages or ())
    _fill_balances(meta.pre_token_balances, source.pre_token_balances)
    _fill_balances(meta.post_token_balances, source.post_token_balances)
    meta.return_data_none = True
    if source.compute_units_consumed is not None:
        meta.compute_units_consumed = source.compute_units_consumed
    if source.cost_units is not None:
        meta.cost_units = source.cost_units


def _with_loaded(keys: Keys, loaded: rpc_json.Loaded | None) -> Keys:
    # With jsonParsed the loaded addresses stand among the keys, and may stand here as well.
    if loaded is None or keys.writable or keys.readonly:
        return keys
    field = "meta.loadedAddresses"
    return Keys(
        keys.static,
        [key(address, field) for address in loaded.writable],
        [key(address, field) for address in loaded.readonly],
    )


def _fill_inner(
    meta: solana_storage_pb2.TransactionStatusMeta, source: rpc_json.Meta, keys: Keys
) -> None:
    if source.inner_instructions is None:
        meta.inner_instructions_none = True
        return
    for group in source.inner_instructions:
        target = meta.inner_instructions.add(index=group.index)
        for number, instruction in enumerate(group.instructions):
            field = f"meta.innerInstructions[{group.index}].instructions[{number}]"
            program, accounts, data = read_instruction(instruction, keys, field)
            target.instructions.add(
                program_id_index=program,
                accounts=accounts,
                data=data,
                stack_height=instruction.stack_height,
            )


def _fill_balances(
    target: RepeatedCompositeFieldContainer[solana_storage_pb2.TokenBalance],
    source: list[rpc_json.Balance] | None,
) -> None:
    for balance in source or ():
        amount = balance.ui_token_amount
        target.add(
            account_index=balance.account_index,
            mint=balance.mint,
            owner=balance.owner or "",
            program_id=balance.program_id or "",
            ui_token_amount=solana_storage_pb2.UiTokenAmount(
                ui_amount=amount.ui_amount or 0.0,
                decimals=amount.decimals,
                amount=amount.amount,
                ui_amount_string=amount.ui_amount_string or "",
            ),
        )
