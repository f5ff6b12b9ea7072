"""Landed transactions for tests, built instruction by instruction."""

from collections.abc import Sequence

import msgspec
from solders.pubkey import Pubkey

from adapters.yellowstone import frames
from adapters.yellowstone.wire import geyser_pb2
from domain.chain import RawTransaction
from ingest.decode import SELF_CALL_PREFIX

SIGNATURE = bytes(range(1, 65))
SIGNER = "WnBVqVTaiJk5hNbcwbHiffRVnMdf1aaxNU5JkSpvGub"
BLOCK_TIME_S = 1_792_857_598
SLOT = 460_910_106


class Call(msgspec.Struct, frozen=True):
    """An instruction: top-level at height 1, called by the one above it from 2 on."""

    program: str
    data: bytes = b""
    accounts: tuple[str, ...] = ()
    height: int = 1


def emitted(program: str, event: bytes, height: int = 2) -> Call:
    """The call of itself by which a program emits an event (discriminator first)."""
    return Call(program, SELF_CALL_PREFIX + event, height=height)


def message(
    calls: Sequence[Call], *, logs: Sequence[str] = (), failed: bool = False
) -> geyser_pb2.SubscribeUpdateTransactionInfo:
    """A transaction as Yellowstone sends it; calls in the order of execution."""
    info = geyser_pb2.SubscribeUpdateTransactionInfo(signature=SIGNATURE, index=126)
    info.transaction.signatures.append(SIGNATURE)
    info.meta.fee = 105_000
    info.meta.compute_units_consumed = 330_408
    if failed:
        info.meta.err.err = b"\x01"
    keys: list[str] = [SIGNER]
    outer = -1
    for call in calls:
        for address in (call.program, *call.accounts):
            if address not in keys:
                keys.append(address)
        program = keys.index(call.program)
        accounts = bytes(map(keys.index, call.accounts))
        if call.height == 1:
            outer += 1
            info.transaction.message.instructions.add(
                program_id_index=program, accounts=accounts, data=call.data
            )
            continue
        groups = info.meta.inner_instructions
        if not groups or groups[-1].index != outer:
            groups.add(index=outer)
        groups[-1].instructions.add(
            program_id_index=program, accounts=accounts, data=call.data, stack_height=call.height
        )
    info.transaction.message.account_keys.extend(bytes(Pubkey.from_string(k)) for k in keys)
    info.meta.log_messages.extend(logs)
    return info


def hold(
    info: geyser_pb2.SubscribeUpdateTransactionInfo,
    *,
    owner: str,
    mint: str,
    amount: int,
    decimals: int,
    account: str | None = None,
) -> None:
    """Let the owner have a token account, with the amount before the transaction."""
    address = bytes(Pubkey.from_string(account)) if account else bytes(Pubkey.new_unique())
    keys = info.transaction.message.account_keys
    if address not in keys:
        keys.append(address)
    balance = info.meta.pre_token_balances.add(
        account_index=list(keys).index(address), mint=mint, owner=owner
    )
    balance.ui_token_amount.amount = str(amount)
    balance.ui_token_amount.decimals = decimals


def view(info: geyser_pb2.SubscribeUpdateTransactionInfo) -> RawTransaction:
    """The message as the decoder reads it."""
    return frames.transaction(
        info, slot=SLOT, block_time_s=BLOCK_TIME_S, received_at_ns=BLOCK_TIME_S * 1_000_000_000
    )


def landed(
    calls: Sequence[Call], *, logs: Sequence[str] = (), failed: bool = False
) -> RawTransaction:
    """A transaction of these calls, ready to decode."""
    return view(message(calls, logs=logs, failed=failed))
