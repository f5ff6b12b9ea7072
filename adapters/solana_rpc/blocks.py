"""A `getBlock` answer as the block that it is, with the transactions that concern us.

A block of the main chain has more than a thousand transactions, of which a few are ours. So each
is searched as bytes for the programs' addresses, and only one that has them is read.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from solders.pubkey import Pubkey

from adapters.yellowstone import frames
from adapters.yellowstone.recorded import RecordingError, transaction
from domain.chain import Block, BlockMeta, RawTransaction

KEY_BYTES = 32


class UnreadableBlockError(ValueError):
    """A `getBlock` answer is not what the chain's nodes send; the text says what is wrong."""


class _Transaction(msgspec.Struct):
    transaction: msgspec.Raw
    meta: msgspec.Raw
    version: int | str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    blockhash: str
    previous_blockhash: str
    parent_slot: int
    transactions: list[_Transaction]
    block_time: int | None = None


_decoder = msgspec.json.Decoder(_Answer)


class BlockReader:
    """Reads the answers of nodes, for those who want the transactions of some programs."""

    def __init__(self, programs: Iterable[str]) -> None:
        keys = {program: bytes(Pubkey.from_string(program)) for program in programs}
        self._keys = frozenset(keys.values())
        # By lookup an address is there in base58, among the static keys in base64.
        self._loaded = tuple(program.encode() for program in keys)
        self._static = tuple(part for key in self._keys for part in base64_forms(key))

    def read(self, slot: int, answer: bytes | msgspec.Raw, *, received_at_ns: int) -> Block:
        """The block of the slot; `UnreadableBlockError` if the answer is not a whole block.

        The answer has encoding `base64` and `transactionDetails` `full`.
        """
        try:
            block = _decoder.decode(answer)
        except msgspec.DecodeError as error:
            raise UnreadableBlockError(str(error)) from error
        if not 0 <= block.parent_slot <= slot:
            raise UnreadableBlockError(f"parent slot {block.parent_slot} is not before it")
        time_s = block.block_time
        ours = self._ours(
            slot,
            block.transactions,
            block_time_s=received_at_ns // 1_000_000_000 if time_s is None else time_s,
            received_at_ns=received_at_ns,
        )
        return Block(
            meta=BlockMeta(
                slot=slot,
                parent_slot=block.parent_slot,
                blockhash=block.blockhash,
                parent_blockhash=block.previous_blockhash,
                block_time_s=time_s,
                executed_transaction_count=len(block.transactions),
            ),
            transactions=tuple(ours),
            evidence="rpc",
            received_at_ns=received_at_ns,
        )

    def _ours(
        self,
        slot: int,
        transactions: Sequence[_Transaction],
        *,
        block_time_s: int,
        received_at_ns: int,
    ) -> Iterator[RawTransaction]:
        for index, each in enumerate(transactions):
            try:
                if not self._may_be_ours(each):
                    continue
                info = transaction(_document(each)).info
            except RecordingError as error:
                raise UnreadableBlockError(f"transaction {index}: {error}") from error
            info.index = index
            read = frames.transaction(
                info, slot=slot, block_time_s=block_time_s, received_at_ns=received_at_ns
            )
            if not self._keys.isdisjoint(read.account_keys):
                yield read

    def _may_be_ours(self, each: _Transaction) -> bool:
        """Whether a program's address may be among the keys; never no if it is."""
        meta = bytes(each.meta)
        if meta == b"null":
            raise RecordingError("meta", "null: without it nobody knows what was executed")
        if each.version == 0 and b'"loadedAddresses"' not in meta:
            raise RecordingError("meta", "no loadedAddresses: nobody knows what it touched")
        if any(program in meta for program in self._loaded):
            return True
        wire = bytes(each.transaction)
        # An encoder may have written "/" as "\/"; then the text is not there as it is.
        return b"\\" in wire or any(part in wire for part in self._static)


def base64_forms(key: bytes) -> Iterator[bytes]:
    """What stands in a base64 text wherever the bytes do: one form for each place modulo 3."""
    for before in range(3):
        text = b64encode(bytes(before) + key + bytes(2))
        # Only characters all of whose six bits are the key's.
        yield text[-(-before * 8 // 6) : (before + len(key)) * 8 // 6]


def _document(each: _Transaction) -> dict[str, object]:
    return {
        "transaction": msgspec.json.decode(each.transaction),
        "meta": msgspec.json.decode(each.meta),
        "version": each.version,
    }
