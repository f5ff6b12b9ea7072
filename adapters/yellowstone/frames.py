"""Yellowstone messages as what the decoder reads."""

from functools import cached_property

from google.protobuf.message import DecodeError

from adapters.yellowstone.wire import geyser_pb2, lean_pb2, solana_storage_pb2
from domain.chain import BlockMeta, RawTransaction, UnreadableError

parse = lean_pb2.Update.FromString
"""An update from its bytes, as far as decoding reads it; `DecodeError` if they are none."""


class Details:
    """The parts of an update that are seldom asked for: read in full when the first one is."""

    def __init__(self, update: bytes, lean: lean_pb2.Meta) -> None:
        self._update = update
        self._lean = lean

    @cached_property
    def _meta(self) -> solana_storage_pb2.TransactionStatusMeta:
        try:
            update = geyser_pb2.SubscribeUpdate.FromString(self._update)
        except DecodeError as error:
            raise UnreadableError("what the runtime noted beside a transaction") from error
        return update.transaction.transaction.meta

    def mint_decimals(self, mint: str) -> int | None:
        """Of the first of the token balances with the mint; None where there is none."""
        text = mint.encode()
        for balances in (self._lean.pre_token_balances, self._lean.post_token_balances):
            for encoded in balances:
                if text in encoded:
                    balance = _balance(encoded)
                    if balance.mint == mint:
                        return balance.ui_token_amount.decimals
        return None

    @property
    def log_messages(self) -> list[str]:
        """The lines, as far as the runtime kept them."""
        return self._meta.log_messages[:]

    @property
    def pre_token_balances(self) -> list[solana_storage_pb2.TokenBalance]:
        """Of the token accounts that existed before the transaction."""
        return self._meta.pre_token_balances[:]

    @property
    def post_token_balances(self) -> list[solana_storage_pb2.TokenBalance]:
        """Of the token accounts that exist after it."""
        return self._meta.post_token_balances[:]


def _balance(encoded: bytes) -> solana_storage_pb2.TokenBalance:
    try:
        return solana_storage_pb2.TokenBalance.FromString(encoded)
    except DecodeError as error:
        raise UnreadableError("a token balance") from error


def transaction(
    info: geyser_pb2.SubscribeUpdateTransactionInfo,
    *,
    slot: int,
    block_time_s: int,
    received_at_ns: int,
) -> RawTransaction:
    """A whole message, as it would be read from an update of that second."""
    sent = geyser_pb2.SubscribeUpdate()
    sent.created_at.seconds = block_time_s
    sent.transaction.slot = slot
    sent.transaction.transaction.CopyFrom(info)
    payload = sent.SerializeToString()
    return sent_transaction(parse(payload), payload, received_at_ns)


def sent_transaction(
    update: lean_pb2.Update, payload: bytes, received_at_ns: int
) -> RawTransaction:
    """The transaction of an update that has one; `payload` are the update's bytes."""
    sent = update.transaction
    info = sent.transaction
    executed, meta = info.transaction, info.meta
    message = executed.message
    return RawTransaction(
        slot=sent.slot,
        index=info.index,
        signature=info.signature,
        failed=meta.HasField("err"),
        # A slice is the quickest way to take all that a repeated field holds.
        account_keys=(
            message.account_keys[:]
            + meta.loaded_writable_addresses[:]
            + meta.loaded_readonly_addresses[:]
        ),
        instructions=message.instructions[:],
        inner_instructions=[
            (group.index, group.instructions[:]) for group in meta.inner_instructions
        ],
        inner_instructions_known=not meta.inner_instructions_none,
        details=Details(payload, meta),
        fee_lamports=meta.fee,
        signature_count=len(executed.signatures),
        compute_units=(
            meta.compute_units_consumed if meta.HasField("compute_units_consumed") else None
        ),
        block_time_s=update.created_at.seconds,
        received_at_ns=received_at_ns,
    )


def block_meta(
    meta: geyser_pb2.SubscribeUpdateBlockMeta | geyser_pb2.SubscribeUpdateBlock,
) -> BlockMeta:
    """A block's own data; of a whole block without its transactions."""
    return BlockMeta(
        slot=meta.slot,
        parent_slot=meta.parent_slot,
        blockhash=meta.blockhash,
        parent_blockhash=meta.parent_blockhash,
        block_time_s=meta.block_time.timestamp if meta.HasField("block_time") else None,
        executed_transaction_count=meta.executed_transaction_count,
    )
