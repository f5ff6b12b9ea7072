"""The input of both sides: messages as they come off the wire, in files that both read."""

import struct
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from solders.pubkey import Pubkey

from adapters.yellowstone import recorded
from adapters.yellowstone.wire import geyser_pb2
from bench.decode import variants
from bench.result import say
from bench.worker import Worker
from curvetape.simulator.market import Market
from curvetape.testing import mainnet
from domain.programs import PUMP, PUMP_AMM

TRANSACTIONS = 12_000
"""Messages in all: some to warm both sides, the others to measure, each of them once."""
SEED = 1
PROGRAMS = [bytes(Pubkey.from_string(address)) for address in (PUMP, PUMP_AMM)]


class Workload(msgspec.Struct, kw_only=True):
    """Where the input is and what it holds."""

    transactions: Path
    """Serialized `SubscribeUpdate` messages, each behind its length in four bytes."""
    events: Path
    """Program number (one byte) and data of each self-call in them, framed the same way."""
    transaction_count: int
    event_count: int
    described: dict[str, object]


def prepare(folder: Path, ours: Worker, peer: Worker) -> Workload:
    """Messages whose events both sides read in full: recorded ones, else the simulated market's."""
    if mainnet.MAINNET is None:
        offered = _simulated(TRANSACTIONS)
        messages, described = _chosen(offered, folder, ours, peer)
        described["source"] = "simulated market"
    else:
        infos = [recorded.transaction(mainnet.read(path)).info for path in mainnet.transactions()]
        originals, described = _chosen([_update(info) for info in infos], folder, ours, peer)
        messages = variants.updates(originals, TRANSACTIONS, SEED)
        described["source"] = "recorded transactions, with other addresses and signatures"
    calls = [call for message in messages for call in variants.event_calls(message, PROGRAMS)]
    workload = Workload(
        transactions=folder / "transactions.bin",
        events=folder / "events.bin",
        transaction_count=len(messages),
        event_count=len(calls),
        described=described
        | {
            "transactions": len(messages),
            "bytes_per_transaction": round(sum(map(len, messages)) / len(messages)),
            "events": len(calls),
        },
    )
    write(workload.transactions, messages)
    write(workload.events, calls)
    return workload


def write(path: Path, messages: Sequence[bytes]) -> None:
    """Each message behind its length, little endian in four bytes."""
    with path.open("wb") as file:
        for message in messages:
            file.write(struct.pack("<I", len(message)) + message)


def read(path: Path) -> list[bytes]:
    """What `write` wrote."""
    data = path.read_bytes()
    messages, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        messages.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return messages


def _chosen(
    offered: Sequence[bytes], folder: Path, ours: Worker, peer: Worker
) -> tuple[list[bytes], dict[str, object]]:
    """The messages with events that both sides read in full, and why the others are left out."""
    path = folder / "offered.bin"
    write(path, offered)
    question: dict[str, object] = {"ask": "survey", "file": str(path)}
    our_rows: list[Any] = ours.ask(question)
    peer_rows: list[Any] = peer.ask(question)
    chosen = []
    reasons: Counter[str] = Counter()
    for message, mine, theirs in zip(offered, our_rows, peer_rows, strict=True):
        if theirs["refused"]:
            reasons["the peer cannot read an event of it"] += 1
        elif mine["read"] != theirs["read"] or mine["refused"]:
            reasons["the two sides find different numbers of events"] += 1
        elif not mine["read"]:
            reasons["no events in it, or it failed"] += 1
        else:
            chosen.append(message)
    say(f"{len(chosen)} of {len(offered)} transactions have events that both sides read in full")
    refused = Counter(reason for row in peer_rows for reason in row["refused"])
    return chosen, {
        "offered": len(offered),
        "chosen": len(chosen),
        "left_out": dict(reasons),
        "events_offered": sum(row["read"] for row in our_rows),
        "events_the_peer_refused": refused.total(),
        "what_the_peer_said": dict(refused),
    }


def _update(info: geyser_pb2.SubscribeUpdateTransactionInfo) -> bytes:
    update = geyser_pb2.SubscribeUpdate(filters=["pump"])
    update.created_at.seconds = variants.FIRST_SECOND
    update.transaction.slot = variants.FIRST_SLOT
    update.transaction.transaction.CopyFrom(info)
    return update.SerializeToString()


def _simulated(count: int) -> list[bytes]:
    market = Market.open(
        None, seed=SEED, rate_per_s=2_000, slot_ms=400, genesis_time_s=variants.FIRST_SECOND
    )
    messages: list[bytes] = []
    while len(messages) < count:
        block = market.next_block()
        for info in block.transactions:
            update = geyser_pb2.SubscribeUpdate(filters=["pump"])
            update.created_at.seconds = block.block_time.timestamp
            update.transaction.slot = block.slot
            update.transaction.transaction.CopyFrom(info)
            messages.append(update.SerializeToString())
    return messages[:count]
