"""Recorded transactions as a chain: their own slots, and nothing but skipped slots between."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import msgspec
from solders.hash import Hash

from adapters.yellowstone.recorded import RecordedTransaction, RecordingError, transaction
from adapters.yellowstone.wire import geyser_pb2


class RecordingsError(Exception):
    """A folder of recorded transactions cannot be served."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class _Placed(msgspec.Struct, frozen=True):
    """A transaction in the slot that it is served in."""

    slot: int
    recorded: RecordedTransaction


def blocks(folder: Path, say: Callable[[str], None]) -> Iterator[geyser_pb2.SubscribeUpdateBlock]:
    """One block for each slot that has a transaction, in slot order; the same on every call.

    Reads every `*.json` of the folder as a JSON-RPC `getTransaction` result. A transaction
    without a slot gets one of its own behind all others, and `say` is told. Blockhashes are made
    up from the slot, since recordings have none; as in Solana's genesis, the first block names
    itself as its parent. `RecordingsError` names the file that cannot be read.
    """
    parent: geyser_pb2.SubscribeUpdateBlock | None = None
    placed = _placed(_read(folder, say), say)
    for slot, group in groupby(placed, key=lambda each: each.slot):
        parent = _block(slot, [each.recorded for each in group], parent)
        yield parent


def _read(folder: Path, say: Callable[[str], None]) -> list[RecordedTransaction]:
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise RecordingsError(folder, "no *.json file with a recorded transaction in it")
    read: dict[bytes, RecordedTransaction] = {}
    for path in paths:
        try:
            recorded = transaction(msgspec.json.decode(path.read_bytes()))
        except (RecordingError, msgspec.DecodeError) as error:
            raise RecordingsError(path, f"not a recorded transaction: {error}") from error
        if recorded.info.signature in read:
            say(f"{path.name} holds a transaction that another file holds, too; left out")
        else:
            read[recorded.info.signature] = recorded
    return list(read.values())


def _placed(transactions: list[RecordedTransaction], say: Callable[[str], None]) -> list[_Placed]:
    """In the chain's order; those without an index come last in their slot."""
    placed = [_Placed(each.slot, each) for each in transactions if each.slot is not None]
    placed.sort(key=lambda each: (each.slot, each.recorded.index is None, each.recorded.index))
    slot = placed[-1].slot if placed else 0
    for each in transactions:
        if each.slot is None:
            slot += 1
            signature = each.info.signature.hex()
            say(f"transaction {signature[:16]}… has no slot in its recording; served in {slot}")
            placed.append(_Placed(slot, each))
    return placed


def _block(
    slot: int,
    transactions: list[RecordedTransaction],
    parent: geyser_pb2.SubscribeUpdateBlock | None,
) -> geyser_pb2.SubscribeUpdateBlock:
    block = geyser_pb2.SubscribeUpdateBlock(
        slot=slot,
        blockhash=_blockhash(slot),
        parent_slot=slot if parent is None else parent.slot,
        parent_blockhash=_blockhash(slot) if parent is None else parent.blockhash,
        executed_transaction_count=len(transactions),
    )
    block.block_height.block_height = 0 if parent is None else parent.block_height.block_height + 1
    time_s = next((each.block_time_s for each in transactions if each.block_time_s), None)
    if time_s is None and parent is not None:
        time_s = parent.block_time.timestamp
    block.block_time.timestamp = time_s or 0
    free = 1 + max((each.index for each in transactions if each.index is not None), default=-1)
    for each in transactions:
        each.info.index = free if each.index is None else each.index
        free += each.index is None
    block.transactions.extend(each.info for each in transactions)
    return block


def _blockhash(slot: int) -> str:
    return str(Hash(hashlib.sha256(b"recorded slot %d" % slot).digest()))
