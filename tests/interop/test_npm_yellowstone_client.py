"""The npm client @triton-one/yellowstone-grpc reads from our server exactly what we put in."""

from typing import Any

import pytest
from solders.pubkey import Pubkey

from adapters.yellowstone.hub import Hub, Retention
from adapters.yellowstone.recorded import transaction
from adapters.yellowstone.wire import geyser_pb2, solana_storage_pb2
from curvetape.testing import mainnet
from curvetape.testing.messages import as_javascript, fill
from curvetape.testing.node import run_script
from curvetape.testing.yellowstone import (
    BLOCK_TIME_S,
    GENESIS_SLOT,
    Block,
    Info,
    block,
    blockhash,
    dead_block,
    serving,
    touching,
    trades,
)
from domain.programs import PROGRAMS, PUMP, PUMP_AMM

SCRIPT = "yellowstone.mjs"


def complete() -> Info:
    """A transaction in which every field of the protocol has a value."""
    info = Info()
    fill(info)
    info.index = 0
    info.transaction.message.account_keys.append(bytes(Pubkey.from_string(PUMP)))
    return info


def version_1() -> Info:
    """A message of version 1: its budget stands in the message itself."""
    info = touching(PUMP, PUMP_AMM, signature=7)
    info.transaction.message.versioned = True
    config = solana_storage_pb2.TransactionConfig(priority_fee=(1 << 53) + 1, heap_size=0)
    info.transaction.message.config.CopyFrom(config)
    return info


async def updates(hub: Hub, request: dict[str, Any], count: int) -> list[dict[str, Any]]:
    async with serving(hub) as server:
        asked = {"url": server.url, "request": request, "count": count}
        return await run_script(SCRIPT, asked)


async def test_a_transaction_arrives_with_every_field_as_it_was_sent() -> None:
    sent = block(GENESIS_SLOT, [complete(), version_1(), touching(PUMP, failed=True)])
    hub = Hub()
    hub.publish(sent)
    request = {
        "transactions": {"ours": {"accountInclude": list(PROGRAMS), "failed": False}},
        "transactionsStatus": {"statuses": {"failed": True}},
        "fromSlot": str(GENESIS_SLOT),
    }

    received = await updates(hub, request, 3)

    expected = [
        {
            "filters": [name],
            kind: {"slot": str(GENESIS_SLOT), **shown},
            "createdAt": BLOCK_TIME_S,
        }
        for name, kind, shown in (
            ("ours", "transaction", {"transaction": as_javascript(sent.transactions[1])}),
            ("statuses", "transactionStatus", status(sent.transactions[0])),
            ("statuses", "transactionStatus", status(sent.transactions[2])),
        )
    ]
    assert expected == received


def status(info: Info) -> dict[str, Any]:
    return as_javascript(
        geyser_pb2.SubscribeUpdateTransactionStatus(
            slot=GENESIS_SLOT,
            signature=info.signature,
            is_vote=info.is_vote,
            index=info.index,
            err=info.meta.err,
        )
    )


async def test_a_block_arrives_whole_and_with_only_the_transactions_asked_for() -> None:
    sent = Block()
    fill(sent)
    sent.slot = GENESIS_SLOT
    sent.block_time.timestamp = BLOCK_TIME_S
    sent.transactions[1].transaction.message.account_keys.append(
        bytes(Pubkey.from_string(PUMP_AMM))
    )
    expected = Block()
    expected.CopyFrom(sent)
    del expected.transactions[0]
    del expected.entries[:]
    hub = Hub()
    hub.publish(sent)
    request = {
        "blocks": {"b": {"accountInclude": [PUMP_AMM], "includeTransactions": True}},
        "fromSlot": "0",
    }

    (received,) = await updates(hub, request, 1)

    del expected.accounts[:]
    assert received == {
        "filters": ["b"],
        "block": as_javascript(expected),
        "createdAt": BLOCK_TIME_S,
    }


async def test_metas_slots_and_accounts_arrive_in_the_chains_order() -> None:
    first, second = trades(GENESIS_SLOT), trades(GENESIS_SLOT + 3)
    account = geyser_pb2.SubscribeUpdateAccountInfo()
    fill(account)
    second.accounts.append(account)
    hub = Hub(confirmed_after_slots=1)
    hub.publish(first)
    hub.publish(second)
    owner = str(Pubkey.from_bytes(account.owner))
    request = {
        "blocksMeta": {"m": {}},
        "slots": {"s": {"interslotUpdates": True}},
        "accounts": {"a": {"owner": [owner]}},
        "fromSlot": str(GENESIS_SLOT + 1),
    }

    received = await updates(hub, request, 7)

    slot, parent = str(GENESIS_SLOT + 3), str(GENESIS_SLOT + 2)
    changes = [(u["slot"]["slot"], u["slot"]["status"]) for u in received if "slot" in u]
    statuses = geyser_pb2.SlotStatus
    assert changes == [
        (slot, statuses.Value("SLOT_FIRST_SHRED_RECEIVED")),
        (slot, statuses.Value("SLOT_CREATED_BANK")),
        (slot, statuses.Value("SLOT_COMPLETED")),
        (slot, statuses.Value("SLOT_PROCESSED")),
        (str(GENESIS_SLOT), statuses.Value("SLOT_CONFIRMED")),
    ]
    assert received[2]["account"] == {
        "account": as_javascript(account),
        "slot": slot,
        "isStartup": False,
    }
    assert received[3]["blockMeta"] == {
        "slot": slot,
        "blockhash": blockhash(GENESIS_SLOT + 3),
        "blockTime": {"timestamp": str(BLOCK_TIME_S + 3)},
        "blockHeight": {"blockHeight": "3"},
        "parentSlot": parent,
        "parentBlockhash": blockhash(GENESIS_SLOT + 2),
        "executedTransactionCount": "1",
        "entriesCount": "0",
    }


async def test_a_ping_is_answered_with_its_own_number() -> None:
    async with serving(Hub()) as server:
        asked = {
            "url": server.url,
            "request": {"slots": {"s": {}}},
            "ping": 77,
            "count": 1,
        }
        received = await run_script(SCRIPT, asked)
    assert [update["pong"] for update in received] == [{"id": 77}]


async def test_the_server_pings_by_itself() -> None:
    async with serving(Hub(), ping_interval_s=0.1) as server:
        asked = {"url": server.url, "request": {"slots": {"s": {}}}, "pings": True, "count": 2}
        received = await run_script(SCRIPT, asked)
    assert [update["ping"] for update in received] == [{}, {}]


async def test_a_fork_that_dies_arrives_with_its_block_and_its_statuses() -> None:
    hub = Hub()
    hub.publish(trades(GENESIS_SLOT))
    hub.publish_dead(dead_block(GENESIS_SLOT + 1))
    hub.publish(trades(GENESIS_SLOT + 2))
    request = {
        "slots": {"s": {"interslotUpdates": True}},
        "blocksMeta": {"m": {}},
        "commitment": 0,
        "fromSlot": str(GENESIS_SLOT + 1),
    }
    received = await updates(hub, request, 6)
    slots = [update["slot"] for update in received if "slot" in update]
    assert [each["slot"] for each in slots] == [str(GENESIS_SLOT + 1)] * 5
    assert [each["status"] for each in slots] == [3, 5, 4, 0, 6]
    assert [bool(each.get("deadError")) for each in slots] == [False] * 4 + [True]
    assert [update["blockMeta"]["slot"] for update in received if "blockMeta" in update] == [
        str(GENESIS_SLOT + 1)
    ]


async def test_single_questions_are_answered_from_the_same_chain() -> None:
    hub = Hub(confirmed_after_slots=1, finalized_after_slots=2)
    for slot in range(GENESIS_SLOT, GENESIS_SLOT + 3):
        hub.publish(trades(slot))
    newest = GENESIS_SLOT + 2
    calls = [
        ["getSlot", 0],
        ["getSlot", 1],
        ["getSlot", 2],
        ["getBlockHeight", 0],
        ["getLatestBlockhash", 1],
        ["isBlockhashValid", blockhash(newest), 0],
        ["isBlockhashValid", blockhash(newest), 1],
        ["subscribeReplayInfo"],
        ["ping", 5],
    ]
    async with serving(hub) as server:
        answered = await run_script(SCRIPT, {"url": server.url, "calls": calls})
    assert [line["answer"] for line in answered] == [
        {"slot": str(newest)},
        {"slot": str(newest - 1)},
        {"slot": str(newest - 2)},
        {"blockHeight": "2"},
        {
            "slot": str(newest - 1),
            "blockhash": blockhash(newest - 1),
            "lastValidBlockHeight": "151",
        },
        {"slot": str(newest), "valid": True},
        {"slot": str(newest - 1), "valid": False},
        {"firstAvailable": str(GENESIS_SLOT)},
        {"count": 5},
    ]


@pytest.mark.parametrize(
    ("token", "request_", "words"),
    [
        ("wrong", {"slots": {"s": {}}}, "No valid auth token"),
        ("right", {"entry": {"e": {}}}, "entries are not served"),
        (
            "right",
            {"slots": {"s": {}}, "fromSlot": "1"},
            f"broadcast from 1 is not available, last available: {GENESIS_SLOT + 1}",
        ),
    ],
)
async def test_what_the_server_refuses_it_refuses_in_the_protocols_words(
    token: str, request_: dict[str, Any], words: str
) -> None:
    hub = Hub(
        confirmed_after_slots=0,
        finalized_after_slots=0,
        retention=Retention(slots_max=1, bytes_max=None),
    )
    hub.publish(trades(GENESIS_SLOT))
    hub.publish(trades(GENESIS_SLOT + 1))
    async with serving(hub, x_token="right") as server:
        asked = {"url": server.url, "token": token, "request": request_, "count": 1}
        (received,) = await run_script(SCRIPT, asked)
    assert words in received["error"]


async def test_recorded_transactions_arrive_as_they_were_recorded() -> None:
    infos = [transaction(mainnet.read(path)).info for path in mainnet.transactions()]
    infos.append(complete())
    sent = block(GENESIS_SLOT, infos)
    hub = Hub()
    hub.publish(sent)
    request = {"transactions": {"all": {}}, "fromSlot": "0"}

    received = await updates(hub, request, len(infos))

    assert [as_javascript(info) for info in sent.transactions] == [
        update["transaction"]["transaction"] for update in received
    ]
