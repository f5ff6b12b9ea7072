"""The lean messages are the full ones, of which they read less."""

import msgspec
import pytest
from google.protobuf.descriptor import Descriptor
from solders.pubkey import Pubkey

from adapters.yellowstone import frames
from adapters.yellowstone.wire import geyser_pb2, lean_pb2, solana_storage_pb2
from curvetape.testing.simulated import first_blocks, views
from curvetape.testing.transactions import Call, hold, message
from domain.chain import AccountWritten, RawTransaction, UnreadableError
from domain.programs import PUMP, USDC

ENCODED = {"instructions", "pre_token_balances", "post_token_balances", "err"}
"""Messages that stay bytes, and are read one by one where they are needed."""

EMPTY = frames.Details(lean_pb2.TransactionInfo(), lean_pb2.Meta())


@pytest.mark.parametrize(
    ("lean", "full"),
    [
        (lean_pb2.Update, geyser_pb2.SubscribeUpdate),
        (lean_pb2.Block, geyser_pb2.SubscribeUpdateBlock),
        (lean_pb2.SentTransaction, geyser_pb2.SubscribeUpdateTransaction),
        (lean_pb2.TransactionInfo, geyser_pb2.SubscribeUpdateTransactionInfo),
        (lean_pb2.Transaction, solana_storage_pb2.Transaction),
        (lean_pb2.Message, solana_storage_pb2.Message),
        (lean_pb2.Meta, solana_storage_pb2.TransactionStatusMeta),
        (lean_pb2.InnerInstructions, solana_storage_pb2.InnerInstructions),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_a_field_has_the_number_and_the_type_of_the_full_message(lean: type, full: type) -> None:
    ours: Descriptor = lean.DESCRIPTOR  # type: ignore[attr-defined]  # generated classes have it
    theirs: Descriptor = full.DESCRIPTOR  # type: ignore[attr-defined]  # generated classes have it
    for field in ours.fields:
        other = theirs.fields_by_name[field.name]
        kind = field.TYPE_MESSAGE if field.name in ENCODED else field.type
        assert (field.number, kind, field.is_repeated) == (
            other.number,
            other.type,
            other.is_repeated,
        )


def test_what_is_seldom_asked_for_is_there_when_it_is() -> None:
    info = message([Call(PUMP)], logs=["one line"])
    hold(info, owner=PUMP, mint=USDC, amount=7, decimals=6)
    details = frames.transaction(info, slot=1, block_time_s=2, received_at_ns=3).details
    assert details.mint_decimals(USDC) == 6
    assert details.mint_decimals(PUMP) is None
    assert details.log_messages == ["one line"]
    assert [balance.mint for balance in details.pre_token_balances] == [USDC]
    assert details.post_token_balances == []


def test_damage_in_what_is_seldom_asked_for_is_said_when_it_is() -> None:
    info = message([Call(PUMP)])
    damaged = lean_pb2.Update()
    damaged.transaction.transaction.MergeFromString(info.SerializeToString())
    damaged.transaction.transaction.meta.pre_token_balances.append(USDC.encode())
    tx = frames.sent_transaction(frames.parse(damaged.SerializeToString()), 3)
    with pytest.raises(UnreadableError, match="a token balance cannot be read"):
        tx.details.mint_decimals(USDC)
    with pytest.raises(UnreadableError, match="beside a transaction cannot be read"):
        tx.details.log_messages.index("a line")


def test_the_whole_transaction_can_be_had_again() -> None:
    info = message([Call(PUMP), Call(USDC, b"data", height=2)], logs=["one line"])
    info.is_vote = True
    info.transaction.message.recent_blockhash = b"\x07" * 32
    hold(info, owner=PUMP, mint=USDC, amount=7, decimals=6)
    encoded = frames.transaction(info, slot=1, block_time_s=2, received_at_ns=3).details.encoded()
    assert geyser_pb2.SubscribeUpdateTransactionInfo.FromString(encoded) == info


def test_a_blocks_transactions_are_what_they_are_by_themselves() -> None:
    sent, _ = first_blocks(6)[5]
    assert sent.transactions
    update = frames.parse(geyser_pb2.SubscribeUpdate(block=sent).SerializeToString())
    received_at_ns = sent.block_time.timestamp * 1_000_000_000
    block = frames.sent_block(update, received_at_ns)
    alone = list(views(sent))
    assert [_known(tx) for tx in block.transactions] == [_known(tx) for tx in alone]
    assert [tx.details.log_messages for tx in block.transactions] == [
        tx.details.log_messages for tx in alone
    ]
    assert (block.evidence, block.slot, block.received_at_ns) == (
        "block",
        sent.slot,
        received_at_ns,
    )
    assert block.meta == frames.block_meta(sent)


def test_a_block_without_a_time_has_that_of_its_update_and_its_own_order() -> None:
    sent = geyser_pb2.SubscribeUpdate()
    sent.created_at.seconds = 9
    sent.block.slot = 5
    for index in (2, 0, 1):
        sent.block.transactions.add(index=index)
    block = frames.sent_block(frames.parse(sent.SerializeToString()), 3)
    assert [(tx.index, tx.block_time_s) for tx in block.transactions] == [(0, 9), (1, 9), (2, 9)]
    assert block.meta.block_time_s is None


def test_an_account_has_its_addresses_as_text_or_is_unreadable() -> None:
    sent = geyser_pb2.SubscribeUpdate()
    sent.account.slot = 5
    info = sent.account.account
    info.pubkey = bytes(Pubkey.from_string(PUMP))
    info.owner = bytes(Pubkey.from_string(USDC))
    info.data = b"data"
    written = frames.account_written(frames.parse(sent.SerializeToString()).account, 3)
    assert written == AccountWritten(
        account=PUMP, owner=USDC, data=b"data", slot=5, received_at_ns=3
    )
    info.owner = b"short"
    with pytest.raises(UnreadableError, match="an account's address cannot be read"):
        frames.account_written(frames.parse(sent.SerializeToString()).account, 3)


def _known(tx: RawTransaction) -> RawTransaction:
    """All but the details, which are compared by what they say."""
    return msgspec.structs.replace(tx, details=EMPTY)
