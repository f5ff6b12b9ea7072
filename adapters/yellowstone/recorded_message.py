"""The message of a recorded transaction, from its wire form or from JSON."""

import msgspec
from solders.message import Message as LegacyMessage
from solders.message import MessageV0, MessageV1, TransactionConfig
from solders.transaction import VersionedTransaction

from adapters.yellowstone import rpc_json
from adapters.yellowstone.rpc_json import RecordingError, key
from adapters.yellowstone.wire import solana_storage_pb2


class Keys(msgspec.Struct, frozen=True):
    """The addresses behind a message's indexes, in the order that the indexes count."""

    static: list[bytes]
    writable: list[bytes] = []
    readonly: list[bytes] = []

    def index(self, address: str, field: str) -> int:
        """The index of an address that `jsonParsed` names."""
        wanted = key(address, field)
        for keys, start in (
            (self.static, 0),
            (self.writable, len(self.static)),
            (self.readonly, len(self.static) + len(self.writable)),
        ):
            if wanted in keys:
                return start + keys.index(wanted)
        raise RecordingError(field, f"{address} is not among the transaction's account keys")


def fill_from_wire(target: solana_storage_pb2.Transaction, data: bytes) -> Keys:
    """Fill `target` from the wire form of a legacy, v0 or v1 transaction."""
    try:
        parsed = VersionedTransaction.from_bytes(data)
    except ValueError as error:
        problem = f"not the bytes of a legacy, v0 or v1 transaction: {error}"
        raise RecordingError("transaction", problem) from error
    message = parsed.message
    target.signatures.extend(bytes(signature) for signature in parsed.signatures)
    header = message.header
    target.message.header.num_required_signatures = header.num_required_signatures
    target.message.header.num_readonly_signed_accounts = header.num_readonly_signed_accounts
    target.message.header.num_readonly_unsigned_accounts = header.num_readonly_unsigned_accounts
    static = [bytes(address) for address in message.account_keys]
    target.message.account_keys.extend(static)
    target.message.recent_blockhash = bytes(message.recent_blockhash)
    for instruction in message.instructions:
        target.message.instructions.add(
            program_id_index=instruction.program_id_index,
            accounts=bytes(instruction.accounts),
            data=bytes(instruction.data),
        )
    target.message.versioned = not isinstance(message, LegacyMessage)
    if isinstance(message, MessageV0):
        for lookup in message.address_table_lookups:
            target.message.address_table_lookups.add(
                account_key=bytes(lookup.account_key),
                writable_indexes=bytes(lookup.writable_indexes),
                readonly_indexes=bytes(lookup.readonly_indexes),
            )
    if isinstance(message, MessageV1):
        _fill_config(target.message, message.config)
    return Keys(static)


def fill_from_json(
    target: solana_storage_pb2.Transaction,
    transaction: rpc_json.Transaction,
    version: int | str | None,
) -> Keys:
    """Fill `target` from the `json` or `jsonParsed` encoding."""
    source = transaction.message
    keys = _keys(source.account_keys)
    message = target.message
    target.signatures.extend(map(rpc_json.signature, transaction.signatures))
    message.account_keys.extend(keys.static)
    message.recent_blockhash = key(source.recent_blockhash, "message.recentBlockhash")
    _fill_header(message.header, source)
    for number, instruction in enumerate(source.instructions):
        field = f"message.instructions[{number}]"
        program, accounts, data = read_instruction(instruction, keys, field)
        message.instructions.add(program_id_index=program, accounts=accounts, data=data)
    message.versioned = version not in (None, "legacy")
    for lookup in source.address_table_lookups or ():
        message.address_table_lookups.add(
            account_key=key(lookup.account_key, "message.addressTableLookups"),
            writable_indexes=bytes(lookup.writable_indexes),
            readonly_indexes=bytes(lookup.readonly_indexes),
        )
    if version == 1:
        _fill_config(message, source.transaction_config or source.config or rpc_json.Config())
    return keys


def read_instruction(
    source: rpc_json.Instruction, keys: Keys, field: str
) -> tuple[int, bytes, bytes]:
    """The program's index, the accounts' indexes and the data of an instruction."""
    if source.program_id_index is not None:
        program = source.program_id_index
    elif source.program_id is not None:
        program = keys.index(source.program_id, f"{field}.programId")
    else:
        raise RecordingError(field, "neither programIdIndex nor programId")
    accounts = bytes(
        account if isinstance(account, int) else keys.index(account, f"{field}.accounts")
        for account in source.accounts or ()
    )
    return program, accounts, rpc_json.data(source.data, f"{field}.data")


def _keys(source: list[str | rpc_json.Key]) -> Keys:
    keys = Keys([], [], [])
    for entry in source:
        if isinstance(entry, str):
            keys.static.append(key(entry, "message.accountKeys"))
        elif entry.source != "lookupTable":
            keys.static.append(key(entry.pubkey, "message.accountKeys"))
        else:
            loaded = keys.writable if entry.writable else keys.readonly
            loaded.append(key(entry.pubkey, "message.accountKeys"))
    return keys


def _fill_header(target: solana_storage_pb2.MessageHeader, source: rpc_json.Message) -> None:
    if source.header is not None:
        signed = source.header.num_required_signatures
        readonly_signed = source.header.num_readonly_signed_accounts
        readonly = source.header.num_readonly_unsigned_accounts
    else:
        static = [
            entry
            for entry in source.account_keys
            if isinstance(entry, rpc_json.Key) and entry.source != "lookupTable"
        ]
        signed = sum(entry.signer for entry in static)
        readonly_signed = sum(entry.signer and not entry.writable for entry in static)
        readonly = sum(not entry.signer and not entry.writable for entry in static)
    target.num_required_signatures = signed
    target.num_readonly_signed_accounts = readonly_signed
    target.num_readonly_unsigned_accounts = readonly


def _fill_config(
    message: solana_storage_pb2.Message, source: rpc_json.Config | TransactionConfig
) -> None:
    message.config.SetInParent()
    for field in (
        "priority_fee",
        "compute_unit_limit",
        "loaded_accounts_data_size_limit",
        "heap_size",
    ):
        value = getattr(source, field)
        if value is not None:
            setattr(message.config, field, value)
