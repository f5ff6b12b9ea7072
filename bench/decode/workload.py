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
from curvetape.testing import mainnet
from domain.programs import PUMP, PUMP_AMM

TRANSACTIONS = 8_000
"""Messages of one pass: enough that neither side's caches hold them all from pass to pass."""
SEED = 1
PROGRAMS = [bytes(Pubkey.from_string(address)) for address in (PUMP, PUMP_AMM)]


class Workload(msgspec.Struct, kw_only=True):
    """Where the input is and what it holds."""

    transactions: Path
    """Serialized `SubscribeUpdate` messages, each behind its length in four bytes."""
    events: Path
    """Program number (one byte) and data of each self-call in them, framed the same way."""
    transaction_count: int
    transaction_bytes: int
    event_count: int
    described: dict[str, object]


def prepare(folder: Path, ours: Worker, peer: Worker) -> Workload:
    """Choose the recordings whose events both sides read in full, and multiply them."""
    originals = [recorded.transaction(mainnet.read(path)).info for path in mainnet.transactions()]
    chosen, left_out = _chosen(originals, folder / "originals.bin", ours, peer)
    say(f"{len(chosen)} of {len(originals)} recorded transactions can be read by both sides")
    messages = variants.updates(chosen, TRANSACTIONS, SEED)
    calls = [call for message in messages for call in variants.event_calls(message, PROGRAMS)]
    workload = Workload(
        transactions=folder / "transactions.bin",
        events=folder / "events.bin",
        transaction_count=len(messages),
        transaction_bytes=sum(map(len, messages)),
        event_count=len(calls),
        described={
            "source": "recorded mainnet transactions, addresses and signatures varied",
            "recordings": len(originals),
            "recordings_used": len(chosen),
            "left_out": left_out,
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
    originals: Sequence[geyser_pb2.SubscribeUpdateTransactionInfo],
    path: Path,
    ours: Worker,
    peer: Worker,
) -> tuple[list[geyser_pb2.SubscribeUpdateTransactionInfo], dict[str, object]]:
    write(path, [_wrapped(info) for info in originals])
    question: dict[str, object] = {"ask": "survey", "file": str(path)}
    our_rows: list[Any] = ours.ask(question)
    peer_rows: list[Any] = peer.ask(question)
    chosen = []
    reasons: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for info, mine, theirs in zip(originals, our_rows, peer_rows, strict=True):
        refused.update(f"{reason}" for reason in theirs["refused"])
        if theirs["refused"]:
            reasons["the peer cannot read an event of it"] += 1
        elif mine["read"] != theirs["read"] or mine["refused"]:
            reasons["the two sides find different numbers of events"] += 1
        elif not mine["read"]:
            reasons["no events: it failed"] += 1
        else:
            chosen.append(info)
    return chosen, {
        "recordings": dict(reasons),
        "events_only_we_read": sum(row["read"] for row in our_rows)
        - sum(row["read"] for row in peer_rows),
        "what_the_peer_said": dict(refused),
    }


def _wrapped(info: geyser_pb2.SubscribeUpdateTransactionInfo) -> bytes:
    update = geyser_pb2.SubscribeUpdate()
    update.created_at.seconds = variants.FIRST_SECOND
    update.transaction.slot = variants.FIRST_SLOT
    update.transaction.transaction.CopyFrom(info)
    return update.SerializeToString()
