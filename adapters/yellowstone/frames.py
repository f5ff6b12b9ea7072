"""Yellowstone messages as the views that the decoder reads; nothing is copied."""

from adapters.yellowstone.wire import geyser_pb2
from domain.chain import BlockMeta, RawTransaction


def transaction(
    info: geyser_pb2.SubscribeUpdateTransactionInfo,
    *,
    slot: int,
    block_time_s: int,
    received_at_ns: int,
) -> RawTransaction:
    """A view on a transaction's message, which must not change while the view is in use."""
    meta = info.meta
    executed = info.transaction
    message = executed.message
    return RawTransaction(
        slot=slot,
        index=info.index,
        signature=info.signature,
        failed=meta.HasField("err"),
        static_keys=message.account_keys,
        loaded_writable=meta.loaded_writable_addresses,
        loaded_readonly=meta.loaded_readonly_addresses,
        instructions=message.instructions,
        inner_instructions=meta.inner_instructions,
        inner_instructions_known=not meta.inner_instructions_none,
        log_messages=meta.log_messages,
        pre_token_balances=meta.pre_token_balances,
        post_token_balances=meta.post_token_balances,
        fee_lamports=meta.fee,
        signature_count=len(executed.signatures),
        compute_units=(
            meta.compute_units_consumed if meta.HasField("compute_units_consumed") else None
        ),
        block_time_s=block_time_s,
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
