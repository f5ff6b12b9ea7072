"""The lean messages are the full ones, of which they read less."""

import pytest
from google.protobuf.descriptor import Descriptor

from adapters.yellowstone import frames
from adapters.yellowstone.wire import geyser_pb2, lean_pb2, solana_storage_pb2
from curvetape.testing.transactions import Call, hold, message
from domain.chain import UnreadableError
from domain.programs import PUMP, USDC

ENCODED = {"instructions", "pre_token_balances", "post_token_balances", "err"}
"""Messages that stay bytes, and are read one by one where they are needed."""


@pytest.mark.parametrize(
    ("lean", "full"),
    [
        (lean_pb2.Update, geyser_pb2.SubscribeUpdate),
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
    payload = damaged.SerializeToString()
    tx = frames.sent_transaction(frames.parse(payload), payload, 3)
    with pytest.raises(UnreadableError, match="a token balance cannot be read"):
        tx.details.mint_decimals(USDC)
    with pytest.raises(UnreadableError, match="beside a transaction cannot be read"):
        tx.details.log_messages.index("a line")
